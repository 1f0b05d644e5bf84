"""The routes by which single servers are told what to do."""

from typing import Any

from litestar import Response, post

from muster.api.call import Asked, Param, Word
from muster.api.provisioning_1_0.clusters import shown
from muster.api.provisioning_1_0.envelope import done
from muster.model.who import Right
from muster.service.provisioning import care, machines, orders

_OPERATE = {"right": Right.OPERATE}
_MAY = {"query": {"force": Param("true: although something has to stop")}, **_OPERATE}


async def _told(call: Asked, name: str, verb: str) -> Response[Any]:
    made = await care.told(call.desk, name, verb, force=call.flag("force"))
    return await shown(call, made)


@post("/1.0/provisioning/servers/{name:str}/system/:evacuate", opt=_MAY)
async def evacuate_server(call: Asked, name: Word) -> Response[Any]:
    """Have everything leave a server of a cluster, if it has room elsewhere."""
    return await _told(call, name, "evacuate")


@post("/1.0/provisioning/servers/{name:str}/system/:restore", opt=_MAY)
async def restore_server(call: Asked, name: Word) -> Response[Any]:
    """Have a server of a cluster take back what has left it."""
    return await _told(call, name, "restore")


@post("/1.0/provisioning/servers/{name:str}/system/:reboot", opt=_MAY)
async def reboot_server(call: Asked, name: Word) -> Response[Any]:
    """Reboot a server; of one in a cluster, which has to be evacuated, a job waits for it."""
    if (await machines.show(call.desk, name)).cluster:
        return await _told(call, name, "reboot")
    await orders.ordered(call.desk, name, "reboot", force=True)
    return done(None, 202)


@post("/1.0/provisioning/servers/{name:str}/system/:poweroff", opt=_MAY)
async def power_server_off(call: Asked, name: Word) -> Response[Any]:
    """Have a server go off; one in a cluster has to be evacuated."""
    await orders.ordered(call.desk, name, "poweroff", force=call.flag("force"))
    return done(None, 202)


@post("/1.0/provisioning/servers/{name:str}/system/:factory-reset", opt=_OPERATE)
async def reset_server(call: Asked, name: Word) -> Response[Any]:
    """Have a server of no cluster be as it was when it was new; it registers again."""
    await orders.renewed(call.desk, name)
    return done(None, 202)


@post("/1.0/provisioning/servers/{name:str}/system/:update", opt=_MAY)
async def update_server_itself(call: Asked, name: Word) -> Response[Any]:
    """Have a server of a cluster update itself."""
    return await _told(call, name, "update")


ROUTES = (
    evacuate_server,
    restore_server,
    reboot_server,
    power_server_off,
    reset_server,
    update_server_itself,
)
