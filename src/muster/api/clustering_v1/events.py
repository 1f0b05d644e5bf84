"""The routes of events: how what was asked for began and ended, or all that happened."""

from collections.abc import Mapping
from dataclasses import replace

from litestar import get

from muster.api.call import Asked, Param, Word
from muster.api.clustering_v1.asking import flag, serves
from muster.api.events import EventOut, event
from muster.api.paging import Listing, query
from muster.model.action import Verb
from muster.model.event import Event, Level
from muster.service import actions, events

EVENTS = Listing(
    filters={
        "oid": None,
        "oname": None,
        "otype": None,
        "cluster_id": None,
        "action": Verb,
        "level": Level,
        "kind": None,
    },
    sort={
        key: key
        for key in (
            "seq",
            "timestamp",
            "level",
            "otype",
            "oname",
            "action",
            "status",
            "oid",
            "cluster_id",
            "kind",
        )
    },
    default="timestamp,seq",
)
EVERY: Mapping[str, Param] = {
    "every": Param("true: also what happened without being asked for", {"type": "boolean"})
}
_OF_ACTIONS = ("start", "end", "error")


@get("/v1/events", opt=serves(query={**EVENTS.params, **EVERY}))
async def list_events(call: Asked) -> dict[str, list[EventOut]]:
    """List how actions began and ended; with `every`, or a `kind`, all that happened."""
    wanted = query(call, EVENTS)
    every = flag(call, "every") or "kind" in wanted.where
    if not every:
        wanted = replace(wanted, where={**wanted.where, "status": _OF_ACTIONS})
    wanted = await actions.in_clusters(call.desk, call.who, wanted, "cluster_id")
    shown = event if every else _of_action
    return {"events": [shown(each) for each in await events.listing(call.desk, wanted)]}


@get("/v1/events/{identity:str}", opt=serves())
async def show_event(call: Asked, identity: Word) -> dict[str, EventOut]:
    """Show one event."""
    return {"event": _of_action(await events.show(call.desk, call.who, identity))}


def _of_action(one: Event) -> EventOut:
    """Return an event as this API has it: where an action began, the reason names the action."""
    told = event(one)
    if one.status == "start" and one.action_id:
        told.status_reason = str(one.action_id)[:8]
    return told


ROUTES = (list_events, show_event)
