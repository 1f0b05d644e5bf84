"""The routes of warnings."""

from typing import Any

from litestar import Response, get, put

from muster.api.call import Asked, Word
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import settable
from muster.api.provisioning_1_0.envelope import done
from muster.api.reading import Field, Fields, one_of
from muster.model.warning import Warning, WarningStatus
from muster.model.who import Right
from muster.service.provisioning import warnings

_OPERATE = {"right": Right.OPERATE}
HERE = "/1.0/warnings"
WARNING: Fields = {
    "status": Field(
        one_of({str(each): each for each in WarningStatus}), "whether it is known", required=True
    ),
}


def shown(one: Warning) -> dict[str, Any]:
    return {
        "uuid": str(one.id),
        "status": str(one.status),
        "scope": {"scope": one.scope, "entity_type": one.entity_type, "entity": one.entity},
        "type": str(one.kind),
        "first_occurrence": render.when(one.first_at),
        "last_occurrence": render.when(one.last_at),
        "last_updated": render.when(one.updated_at),
        "messages": list(one.messages),
        "count": one.count,
    }


@get(HERE, opt={"query": render.LISTS, **_OPERATE})
async def list_warnings(call: Asked) -> Response[Any]:
    """List what is not in order, the latest first."""
    found = await warnings.listing(call.desk)
    if render.is_recursive(call):
        return done([shown(each) for each in found])
    return done([f"{HERE}/{each.id}" for each in found])


@get(f"{HERE}/{{uuid:str}}", opt=_OPERATE)
async def show_warning(call: Asked, uuid: Word) -> Response[Any]:
    """Show a warning: since when, how often, and with which words."""
    return done(shown(await warnings.show(call.desk, uuid)))


@put(f"{HERE}/{{uuid:str}}", opt={"body": WARNING, **_OPERATE})
async def update_warning(call: Asked, uuid: Word) -> Response[Any]:
    """Acknowledge a warning, or do not; it goes by itself once it is over."""
    said = await settable(call, WARNING)
    await warnings.turned(call.desk, uuid, said["status"])
    return done()


ROUTES = (list_warnings, show_warning, update_warning)
