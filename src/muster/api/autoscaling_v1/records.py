"""The routes of what was asked and what happened: actions and events; and of tokens."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from litestar import Response, delete, get, patch, post

from muster.api.autoscaling_v1.catalog import gone
from muster.api.call import PLAN, Asked, Word, at_once, carried_out
from muster.api.paging import Listing, query
from muster.api.reading import Field, Fields, integer, object_of, one_of, text
from muster.api.words import epoch, exact, moment
from muster.model.action import Action, ActionStatus, Verb
from muster.model.event import About, Event, Level
from muster.model.who import Right
from muster.ports.store import Token
from muster.service import actions, events, tokens
from muster.service.tokens import NewToken

ACTIONS = Listing(
    filters={
        "name": None,
        "target": None,
        "action": Verb,
        "status": ActionStatus,
        "cluster_id": None,
    },
    sort={key: key for key in ("name", "target", "action", "created_at", "status")},
)
EVENTS = Listing(
    filters={
        "oid": None,
        "oname": None,
        "otype": About,
        "cluster_id": None,
        "action": None,
        "level": Level,
        "kind": None,
    },
    sort={
        "seq": "seq",
        **{
            key: key
            for key in (
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
    },
    default="timestamp",
)
CANCEL: Fields = {
    "action": Field(
        object_of(
            {
                "status": Field(
                    one_of({"CANCELLED": "CANCELLED"}),
                    "CANCELLED withdraws the wish",
                    required=True,
                )
            }
        ),
        "what the action is to become",
        required=True,
    )
}
TOKEN: Fields = {
    "note": Field(text(low=0, high=255), "what it is for"),
    "expires_in_seconds": Field(
        integer(1, 10 * 366 * 86400), "how long it is good for; without: until revoked", null=True
    ),
}


class ActionOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    action: str
    target: str
    cluster_id: str
    cause: str
    owner: str | None
    interval: int
    start_time: float | None
    end_time: float | None
    timeout: int
    status: str
    status_reason: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    data: Mapping[str, Any]
    depends_on: list[str]
    depended_by: list[str]
    created_at: str | None
    updated_at: str | None
    user: str
    project: str


def action(one: Action) -> ActionOut:
    """Return the clustering API's object. A node's action is waited for by its wish."""
    return ActionOut(
        id=str(one.id),
        name=one.name,
        action=one.verb,
        target=str(one.target),
        cluster_id=str(one.cluster_id or ""),
        cause=one.cause,
        owner=one.owner or None,
        interval=-1,
        start_time=epoch(one.started_at),
        end_time=epoch(one.ended_at),
        timeout=one.timeout_s,
        status=one.status,
        status_reason=one.reason,
        inputs=one.inputs,
        outputs=one.outputs,
        data=one.data,
        depends_on=[],
        depended_by=[str(one.parent)] if one.parent and not one.ended else [],
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
        user=one.user,
        project=one.project,
    )


@get("/v1/actions", opt={"query": ACTIONS.params})
async def list_actions(call: Asked) -> dict[str, list[ActionOut]]:
    """List actions: what was asked for, and each thing done to an instance for it."""
    wanted = await actions.in_clusters(call.desk, call.who, query(call, ACTIONS), "cluster_id")
    return {"actions": [action(each) for each in await actions.listing(call.desk, wanted)]}


@get("/v1/actions/{identity:str}")
async def show_action(call: Asked, identity: Word) -> dict[str, ActionOut]:
    """Show an action."""
    return {"action": action(await actions.show(call.desk, call.who, identity))}


@patch("/v1/actions/{identity:str}", status_code=202, opt={"query": PLAN, "body": CANCEL})
async def cancel_action(call: Asked, identity: Word) -> Response[Any]:
    """Withdraw a wish as far as it is not fulfilled."""
    await call.fields(CANCEL)

    async def answer(made: Action) -> Response[dict[str, ActionOut]]:
        return Response({"action": action(made)}, status_code=202)

    return await carried_out(
        call, partial(actions.cancellation, call.desk, call.who, identity), answer
    )


class EventOut(msgspec.Struct, kw_only=True):
    id: str
    seq: int
    kind: str
    timestamp: str | None
    at: str
    level: str
    otype: str
    oid: str
    oname: str
    cluster_id: str | None
    user: str
    project: str
    action: str
    action_id: str | None
    status: str
    status_reason: str
    done: int | None
    total: int | None
    meta_data: Mapping[str, Any]


def event(one: Event) -> EventOut:
    """Return the clustering API's object, with kind, number and progress."""
    return EventOut(
        id=str(one.id),
        seq=one.seq,
        kind=one.kind,
        timestamp=moment(one.at),
        at=exact(one.at),
        level=one.level,
        otype=one.otype,
        oid=str(one.oid),
        oname=one.oname,
        cluster_id=str(one.cluster_id) if one.cluster_id else None,
        user=one.user,
        project=one.project,
        action=one.action,
        action_id=str(one.action_id) if one.action_id else None,
        status=one.status,
        status_reason=one.reason,
        done=one.done,
        total=one.total,
        meta_data=one.data,
    )


@get("/v1/events", opt={"query": EVENTS.params})
async def list_events(call: Asked) -> dict[str, list[EventOut]]:
    """List what happened."""
    wanted = await actions.in_clusters(call.desk, call.who, query(call, EVENTS), "cluster_id")
    return {"events": [event(each) for each in await events.listing(call.desk, wanted)]}


@get("/v1/events/{identity:str}")
async def show_event(call: Asked, identity: Word) -> dict[str, EventOut]:
    """Show one event."""
    return {"event": event(await events.show(call.desk, call.who, identity))}


class TokenOut(msgspec.Struct, kw_only=True):
    id: str
    user: str
    project: str
    roles: tuple[str, ...]
    note: str
    created_at: str | None
    expires_at: str | None
    secret: str | None = None


def _token(one: Token, secret: str | None = None) -> TokenOut:
    return TokenOut(
        id=str(one.id),
        user=one.user,
        project=one.project,
        roles=one.roles,
        note=one.note,
        created_at=moment(one.created_at),
        expires_at=moment(one.expires_at),
        secret=secret,
    )


@get("/v1/tokens")
async def list_tokens(call: Asked) -> dict[str, list[TokenOut]]:
    """List the caller's tokens, without their secrets."""
    return {"tokens": [_token(each) for each in await tokens.listing(call.desk, call.who)]}


@post("/v1/tokens", opt={"query": PLAN, "body": TOKEN, "right": Right.READ})
async def create_token(call: Asked) -> Response[Any]:
    """Make a token that may what the caller may; its secret is shown this once."""
    said = await call.fields(TOKEN)
    lasts = said.get("expires_in_seconds")
    made = tokens.creation(
        call.desk, call.who, said.get("note", ""), timedelta(seconds=lasts) if lasts else None
    )

    async def answer(new: NewToken) -> Response[dict[str, TokenOut]]:
        return Response({"token": _token(new.token, new.secret)}, status_code=201)

    return await carried_out(call, partial(at_once, made), answer)


@delete("/v1/tokens/{identity:str}", status_code=200, opt={"query": PLAN, "right": Right.READ})
async def delete_token(call: Asked, identity: Word) -> Response[Any]:
    """Revoke one of the caller's tokens."""
    return await carried_out(call, partial(tokens.deletion, call.desk, call.who, identity), gone)


@get("/v1/whoami")
async def whoami(call: Asked) -> dict[str, Any]:
    """Say who the service takes the caller for."""
    who = call.who
    rights = sorted(right for right in Right if who.may(right))
    return {"user": who.user, "project": who.project, "roles": who.roles, "rights": rights}


ROUTES = (
    list_actions,
    show_action,
    cancel_action,
    list_events,
    show_event,
    list_tokens,
    create_token,
    delete_token,
    whoami,
)
