"""The routes of queues: messages for receivers, and of lifecycle hooks for those who answer."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import delete, get, post
from msgspec import UNSET, UnsetType

from muster.api.call import Asked, Call, Param, Word
from muster.api.clustering_v1.asking import serves
from muster.api.clustering_v1.bodies import MAP, Body, Field, Kind, capacity, read, refusal
from muster.api.words import moment
from muster.model.receiver import Message
from muster.service import queues
from muster.service.queues import Look, Put

MOST_AT_ONCE = 100
LONGEST_WAIT_S = 30
LONGEST_HOLD_S = 12 * 3600
_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LOOK: Mapping[str, Param] = {
    "limit": Param(f"at most so many, up to {MOST_AT_ONCE}", {"type": "integer", "minimum": 1}),
    "wait": Param(f"seconds to wait for the first, up to {LONGEST_WAIT_S}", {"type": "integer"}),
}


def _bodies(name: str, said: Any) -> list[dict[str, Any]]:
    if not isinstance(said, list) or not 0 < len(said) <= MOST_AT_ONCE:
        raise refusal(f"'{name}' must be a list of 1 to {MOST_AT_ONCE} messages", name)
    if not all(isinstance(each, dict) and isinstance(each.get("body"), dict) for each in said):
        raise refusal('a message is an object with its "body", which is an object too', name)
    return [each["body"] for each in said]


_MESSAGE = {"type": "object", "properties": {"body": MAP.schema}, "required": ["body"]}
MESSAGES = Kind(_bodies, {"type": "array", "items": _MESSAGE, "maxItems": MOST_AT_ONCE})
PUT = Body(key="", fields={"messages": Field(kind=MESSAGES, required=True)})
CLAIM = Body(key="", fields={"ttl": Field(kind=capacity(1, LONGEST_HOLD_S), required=True)})


class MessageOut(msgspec.Struct, kw_only=True):
    id: str
    href: str
    body: Mapping[str, Any]
    created_at: str | None
    action: str | UnsetType = UNSET
    refused: str | UnsetType = UNSET


def _shown(one: Message) -> MessageOut:
    return MessageOut(
        id=str(one.id),
        href=f"/v1/queues/{one.queue}/messages/{one.id}",
        body=one.body,
        created_at=moment(one.created_at),
    )


def _became(put: Put) -> MessageOut:
    made = _shown(put.message)
    made.action = str(put.action.id) if put.action else UNSET
    made.refused = put.refused or UNSET
    return made


def _named(queue: str) -> str:
    if not _QUEUE.fullmatch(queue):
        raise refusal("a queue's name is up to 64 letters, digits and _.-", "queue")
    return queue


def _look(call: Call, queue: str) -> Look:
    wait = call.count("wait", 0, LONGEST_WAIT_S) if call.word("wait") != "0" else 0
    return Look(queue=_named(queue), limit=call.count("limit", 10, MOST_AT_ONCE), wait_s=wait)


@post("/v1/queues/{queue:str}/messages", status_code=201, opt=serves(body=PUT))
async def put_messages(call: Asked, queue: Word) -> dict[str, list[MessageOut]]:
    """Put messages into a queue; those for a message receiver are carried out at once."""
    said = await read(call.request, PUT)
    became = await queues.put(call.desk, call.who, _named(queue), said["messages"])
    return {"messages": [_became(each) for each in became]}


@get("/v1/queues/{queue:str}/messages", opt=serves(query=LOOK))
async def list_messages(call: Asked, queue: Word) -> dict[str, list[MessageOut]]:
    """Look at the oldest messages that nobody has taken; with `wait`, until there is one."""
    found = await queues.waiting(call.desk, call.who, _look(call, queue))
    return {"messages": [_shown(each) for each in found]}


@post("/v1/queues/{queue:str}/claims", status_code=200, opt=serves(query=LOOK, body=CLAIM))
async def claim_messages(call: Asked, queue: Word) -> dict[str, list[MessageOut]]:
    """Take the oldest messages for `ttl` seconds; nobody else sees them meanwhile.

    Who is done with one deletes it. What is not deleted in time is seen again.
    """
    said = await read(call.request, CLAIM)
    taken = await queues.claim(call.desk, call.who, _look(call, queue), said["ttl"])
    return {"messages": [_shown(each) for each in taken]}


@delete("/v1/queues/{queue:str}/messages/{message:str}", opt=serves())
async def delete_message(call: Asked, queue: Word, message: Word) -> None:
    """Remove a message that is done with."""
    await queues.done(call.desk, call.who, _named(queue), message)


ROUTES = (put_messages, list_messages, claim_messages, delete_message)
