"""The routes of what every server of a cluster is to be like."""

from typing import Any

from litestar import Response, get, post, put

from muster.api.call import Asked, Word
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import ANY, config_document
from muster.api.provisioning_1_0.bulk import BULK, shown
from muster.api.provisioning_1_0.envelope import begun, done, held_to, tagged
from muster.api.reading import Field, Fields, list_of
from muster.model.desired import Desired
from muster.model.who import Right
from muster.service.provisioning import desired
from muster.service.provisioning.bulk import BulkAsk
from muster.service.provisioning.desired import Drift

_OPERATE = {"right": Right.OPERATE}
DESIRED: Fields = {
    "services": Field(config_document(), "configurations by the names of services"),
    "system": Field(config_document(), "kernel, logging, update, provider, dns, time"),
    "applications": Field(list_of(ANY, 100), "names of those that have to be there"),
    "vlan_tags": Field(config_document(), "numbers by the names of interfaces and bonds"),
}
APPLY: Fields = {name: BULK[name] for name in ("on_failure", "parallel", "confirmation")}


def _settable(one: Desired) -> dict[str, Any]:
    return dict(one.config)


def _drift(one: Drift) -> dict[str, Any]:
    found = [
        {"where": each.where, "found": each.found, "wanted": each.wanted}
        for each in one.differences
    ]
    return {"server": one.server, "differences": found, "error": one.error}


@get("/1.0/provisioning/clusters/{name:str}/desired-config", opt=_OPERATE)
async def show_desired_config(call: Asked, name: Word) -> Response[Any]:
    """Show what every server of a cluster is to be like."""
    found = await desired.show(call.desk, name)
    return tagged(_settable(found), _settable(found))


@put("/1.0/provisioning/clusters/{name:str}/desired-config", opt={"body": DESIRED, **_OPERATE})
async def update_desired_config(call: Asked, name: Word) -> Response[Any]:
    """Say what every server of a cluster is to be like; what is not spoken of may be anything."""
    await desired.put(call.desk, name, await call.body(), held_to(call, _settable))
    return done(None, 201, render.at("clusters", name, "desired-config"))


@get("/1.0/provisioning/clusters/{name:str}/desired-config/drift", opt=_OPERATE)
async def show_drift(call: Asked, name: Word) -> Response[Any]:
    """Ask every server of a cluster, and say where it is another than it is to be."""
    found = await desired.drift(call.desk, name)
    servers = [_drift(each) for each in found]
    clean = not any(each["differences"] or each["error"] for each in servers)
    return done({"as_desired": clean, "servers": servers})


@post(
    "/1.0/provisioning/clusters/{name:str}/desired-config/:apply",
    status_code=202,
    opt={"body": APPLY, **_OPERATE},
)
async def apply_desired_config(call: Asked, name: Word) -> Response[Any]:
    """Make every server of a cluster as it is to be, by a bulk update."""
    ask = BulkAsk(action=desired.ACTION, **await call.fields(APPLY))
    made = await desired.applied(call.desk, name, ask, call.who.user)
    return begun(shown(made), render.at("bulk-updates", str(made.id)))


ROUTES = (show_desired_config, update_desired_config, show_drift, apply_desired_config)
