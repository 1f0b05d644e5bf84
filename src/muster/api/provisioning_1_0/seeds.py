"""The routes of seeds: what a machine that registers by a token begins with."""

from typing import Any

from litestar import Response, delete, get, post, put

from muster.api.call import Asked, Param, Word, base
from muster.api.guard import guard
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import SEED, settable
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.model.who import Right
from muster.service.provisioning import seeds
from muster.service.provisioning.seeds import FetchAsk, SeedAsk

_OPERATE = {"right": Right.OPERATE}
_HERE = "/1.0/provisioning/tokens/{uuid:str}/seeds"
_FETCH = {
    "query": {
        "type": Param("tar, json or script: the documents themselves, with what is secret, once"),
        "channel": Param("where the machine's updates come from; that of the token"),
    },
    **_OPERATE,
}


def _at(uuid: str, name: str) -> str:
    return render.at("tokens", uuid, "seeds", name)


@get(_HERE, opt={"query": render.LISTS, **_OPERATE})
async def list_seeds(call: Asked, uuid: Word) -> Response[Any]:
    """List the seeds of a token."""
    found = await seeds.listing(call.desk, uuid)
    whole = [render.seed(each) for each in found]
    return done(whole if render.is_recursive(call) else [_at(uuid, each.name) for each in found])


@post(_HERE, opt={"body": SEED, **_OPERATE})
async def create_seed(call: Asked, uuid: Word) -> Response[Any]:
    """Keep what machines that register by this token are to begin with."""
    made = await seeds.created(call.desk, uuid, SeedAsk(**await call.fields(SEED)))
    return done(render.seed(made), 201, _at(uuid, made.name))


@get(f"{_HERE}/{{name:str}}", opt=_FETCH)
async def show_seed(call: Asked, uuid: Word, name: Word) -> Response[Any]:
    """Show a seed without its secrets; with `type`, hand out its documents for one machine.

    A public one is handed out to whoever knows its token.
    """
    kind = call.word("type")
    if not kind or not await seeds.is_public(call.desk, uuid, name):
        await guard(call.request, call.request.route_handler)
    if not kind:
        found = await seeds.show(call.desk, uuid, name)
        return tagged(render.seed(found), render.seed_settable(found))
    ask = FetchAsk(form=kind, url=base(call), channel=call.word("channel"))
    body = await seeds.fetched(call.desk, uuid, name, ask)
    headers = {
        "Content-Disposition": f'attachment; filename="{_FILES[kind][0]}"',
        "Cache-Control": "no-store",
    }
    return Response(body, media_type=_FILES[kind][1], headers=headers)


_FILES = {
    "tar": ("seed.tar", "application/x-tar"),
    "json": ("seed.json", "application/json"),
    "script": ("seed.sh", "text/x-shellscript"),
}


@put(f"{_HERE}/{{name:str}}", guards=[guard], opt={"body": SEED, **_OPERATE})
async def update_seed(call: Asked, uuid: Word, name: Word) -> Response[Any]:
    """Give a seed other documents; secrets that are shown as digests stay what they were."""
    ask = SeedAsk(**await settable(call, SEED))
    await seeds.changed(call.desk, uuid, name, ask, held_to(call, render.seed_settable))
    return done(None, 201, _at(uuid, name))


@delete(f"{_HERE}/{{name:str}}", status_code=200, guards=[guard], opt=_OPERATE)
async def delete_seed(call: Asked, uuid: Word, name: Word) -> Response[Any]:
    """Forget a seed; machines that began with it stay as they are."""
    await seeds.removed(call.desk, uuid, name)
    return done()


ROUTES = (list_seeds, create_seed)
# A public one is fetched by who knows no more than the token; the others share its path.
OPEN = (show_seed, update_seed, delete_seed)
