"""The routes of receivers: doors that set an action off for whoever has no account here."""

from dataclasses import replace
from urllib.parse import urlencode

from litestar import delete, get, patch, post

from muster.api.call import Asked, Call, Word, base
from muster.api.clustering_v1 import render
from muster.api.clustering_v1.asking import meant, minor, serves
from muster.api.clustering_v1.bodies import MAP, NAME, TEXT, Body, Field, one_of, read
from muster.api.paging import Listing, query
from muster.model.action import Verb
from muster.model.receiver import Receiver, ReceiverType
from muster.service import queues, receivers
from muster.service.receivers import ACTIONS, ReceiverAsk

CREATE = Body(
    key="receiver",
    fields={
        "name": Field(kind=NAME, required=True),
        "type": Field(kind=one_of(*ReceiverType), required=True),
        "cluster_id": Field(kind=TEXT, null=True),
        "action": Field(kind=one_of(*ACTIONS), null=True),
        "actor": Field(kind=MAP, null=True),  # taken and not used: nobody's credentials are kept
        "params": Field(kind=MAP, null=True),
    },
)
UPDATE = Body(
    key="receiver",
    change=True,
    fields={
        "name": Field(kind=NAME, null=True),
        "action": Field(kind=one_of(*ACTIONS), null=True),
        "params": Field(kind=MAP, null=True),
    },
)
BY_USER = 4  # the first microversion that finds receivers by their users
RECEIVERS = Listing(
    filters={
        "name": None,
        "type": ReceiverType,
        "cluster_id": None,
        "action": Verb,
        "user": None,
    },
    sort={key: key for key in ("name", "type", "action", "cluster_id", "created_at", "user")},
    default="name",
)


def shown(call: Call, one: Receiver) -> render.ReceiverOut:
    """Return a receiver with the address of its door, as this caller reaches the service."""
    if one.type is ReceiverType.WEBHOOK:
        root = call.desk.public_url.rstrip("/") or base(call)
        said = urlencode({"V": 2, **{key: one.params[key] for key in sorted(one.params)}})
        url = f"{root}/v1/webhooks/{one.id}/trigger?{said}"
        one = replace(one, channel={"alarm_url": url})
    return render.receiver(one)


@get("/v1/receivers", opt=serves(query=RECEIVERS.params))
async def list_receivers(call: Asked) -> dict[str, list[render.ReceiverOut]]:
    """List receivers."""
    wanted = meant(query(call, RECEIVERS), minor(call.request), {"user": BY_USER})
    found = await receivers.listing(call.desk, wanted)
    return {"receivers": [shown(call, each) for each in found]}


@post("/v1/receivers", status_code=201, opt=serves(body=CREATE))
async def create_receiver(call: Asked) -> dict[str, render.ReceiverOut]:
    """Create a receiver: a webhook of one cluster, or a queue whose messages name theirs."""
    said = await read(call.request, CREATE)
    said.pop("actor", None)
    made = await receivers.create(call.desk, call.who, ReceiverAsk(**said))
    return {"receiver": shown(call, made)}


@get("/v1/receivers/{identity:str}", opt=serves())
async def show_receiver(call: Asked, identity: Word) -> dict[str, render.ReceiverOut]:
    """Show a receiver, by name, id, or beginning of an id."""
    found = await receivers.show(call.desk, call.who, identity)
    return {"receiver": shown(call, found)}


@patch("/v1/receivers/{identity:str}", opt=serves(body=UPDATE))
async def change_receiver(call: Asked, identity: Word) -> dict[str, render.ReceiverOut]:
    """Change name, action or params of a receiver; its address follows the params."""
    said = await read(call.request, UPDATE)
    if said.get("action"):
        said["action"] = Verb(said["action"])
    changed = await receivers.update(call.desk, call.who, identity, said)
    return {"receiver": shown(call, changed)}


@delete("/v1/receivers/{identity:str}", opt=serves())
async def remove_receiver(call: Asked, identity: Word) -> None:
    """Delete a receiver; its address opens nothing any more."""
    await receivers.delete(call.desk, call.who, identity)


@post("/v1/receivers/{identity:str}/notify", status_code=204, opt=serves())
async def notify_receiver(call: Asked, identity: Word) -> None:
    """Carry out the messages that wait in a receiver's queue."""
    await queues.notify(call.desk, call.who, identity)


ROUTES = (
    list_receivers,
    create_receiver,
    show_receiver,
    change_receiver,
    remove_receiver,
    notify_receiver,
)
