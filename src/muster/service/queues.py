"""Queues that are here: messages put in, looked at, taken for a while, and done with.

A queue is there as soon as something is in it, belongs to a project, and is told from
others by its name. What is put into a message receiver's queue is carried out at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from muster.base.errors import Forbidden, Invalid, NotFound, QuotaExceeded, Refused
from muster.base.ids import new_id
from muster.base.log import log
from muster.model.action import Action, Verb
from muster.model.receiver import Message, Receiver, ReceiverType
from muster.model.who import Right, Who
from muster.ports.store import Query, Transaction
from muster.service.clustering.case import Answers, decided
from muster.service.clustering.triggered import Trigger, triggered
from muster.service.desk import Desk
from muster.service.identity import CLUSTER, RECEIVER, find
from muster.service.lookup import as_id, sees
from muster.service.receivers import ACTIONS, owner

MOST = 10_000  # messages in one queue
SEEN = 1000  # of those one look goes through
_MOMENT = timedelta(microseconds=1)
LOOK_S = 0.5  # between two looks of somebody who waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What became of one message: it waits in its queue, set an action off, or was dropped."""

    message: Message
    action: Action | None = None
    refused: str = ""


async def put(desk: Desk, who: Who, queue: str, bodies: Sequence[Mapping[str, Any]]) -> list[Put]:
    """Put messages into a queue of the caller's project; a receiver's are carried out at once.

    Raises `QuotaExceeded` where nobody has taken anything out for long.
    """
    now = desk.clock.now()

    def work(tx: Transaction) -> tuple[Receiver | None, list[Message]]:
        receiver = _receiver_of(tx, who, queue)
        newest = tx.messages.find(replace(_all(who.project, queue, last=True), limit=1))
        after = max(now, newest[0].created_at + _MOMENT) if newest else now
        messages = _messages(who, queue, bodies, after)
        if receiver is None:
            if tx.messages.count(_all(who.project, queue)) + len(bodies) > MOST:
                raise QuotaExceeded(f"queue '{queue}' is full: it holds {MOST} messages at most")
            tx.messages.put(*messages)
        return receiver, messages

    receiver, messages = await desk.store.write(work)
    if receiver is None:
        return [Put(message=each) for each in messages]
    return [await _carried_out(desk, receiver, each) for each in messages]


def _messages(
    who: Who, queue: str, bodies: Sequence[Mapping[str, Any]], after: datetime
) -> list[Message]:
    """Return the messages, each a moment later than the one before: they stay in their order."""
    return [
        Message(
            id=new_id(),
            project=who.project,
            queue=queue,
            body=dict(body),
            created_at=after + place * _MOMENT,
        )
        for place, body in enumerate(bodies)
    ]


def _receiver_of(tx: Transaction, who: Who, queue: str) -> Receiver | None:
    id = as_id(queue.removeprefix("senlin-receiver-"))
    receiver = tx.receivers.get(id) if id and queue.startswith("senlin-receiver-") else None
    if receiver is None or not sees(who, receiver.project):
        return None
    return receiver if receiver.channel.get("queue_name") == queue else None


async def _carried_out(desk: Desk, receiver: Receiver, message: Message) -> Put:
    """Set off what a message says. One that cannot be meant, or comes at a bad time, is dropped."""
    try:
        action = await decided(desk, lambda tx, told: _set_off(tx, desk, (receiver, message), told))
    except Refused as error:
        log().warning("message_dropped", receiver=str(receiver.id), why=error.text)
        return Put(message=message, refused=error.text)
    return Put(message=message, action=action)


def _set_off(
    tx: Transaction, desk: Desk, sent: tuple[Receiver, Message], answers: Answers
) -> Action:
    receiver, message = sent
    cluster_id, verb = message.body.get("cluster"), message.body.get("action")
    params = message.body.get("params") or {}
    if not isinstance(cluster_id, str) or verb not in ACTIONS or not isinstance(params, Mapping):
        raise Invalid("a message says cluster, action (CLUSTER_SCALE_OUT ...) and perhaps params")
    who = owner(receiver)
    cluster = find(tx, who, CLUSTER, cluster_id)
    if cluster.user != receiver.user:
        raise Forbidden(f"cluster '{cluster_id}' is not one of the receiver's owner")
    name = f"receiver_{str(receiver.id)[:8]}_{str(message.id)[:8]}"
    asked = Trigger(cluster_id=cluster.id, verb=Verb(verb), inputs=dict(params), name=name)
    return triggered(tx, desk, who, asked, answers)


async def notify(desk: Desk, who: Who, said: str) -> list[Put]:
    """Carry out what waits in a message receiver's queue, oldest first.

    Raises `Invalid` for a webhook, `Forbidden` where the receiver is another user's.
    """
    receiver = await desk.store.read(lambda tx: find(tx, who, RECEIVER, said))
    if receiver.type is not ReceiverType.MESSAGE:
        raise Invalid("Notifying non-message receiver is not allowed.")
    if who.user != receiver.user and not who.may(Right.EVERY_PROJECT):
        raise Forbidden("You are not authorized to complete this operation.")
    queue = str(receiver.channel.get("queue_name", ""))
    now = desk.clock.now()
    waiting = await desk.store.write(lambda tx: _taken(tx, receiver.project, queue, now))
    return [await _carried_out(desk, receiver, each) for each in waiting]


def _taken(tx: Transaction, project: str, queue: str, now: datetime) -> list[Message]:
    """Take all messages out that nobody else has, for good."""
    free = [each for each in tx.messages.find(_all(project, queue)) if _free(each, now)]
    tx.messages.drop(*(each.id for each in free))
    return free


def _all(project: str, queue: str, *, last: bool = False) -> Query:
    return Query(project=project, where={"queue": (queue,)}, sort=(("created_at", last),))


def _free(message: Message, now: datetime) -> bool:
    return message.claimed_until is None or message.claimed_until <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """At which queue somebody looks, for how many, and how long he waits for the first."""

    queue: str
    limit: int = 10
    wait_s: float = 0.0


async def waiting(desk: Desk, who: Who, look: Look) -> list[Message]:
    """Return the oldest messages that nobody has taken."""
    return await _awaited(
        look, lambda: desk.store.read(lambda tx: _oldest(tx, who, look, desk.clock.now()))
    )


async def claim(desk: Desk, who: Who, look: Look, hold_s: float) -> list[Message]:
    """Return the oldest free messages, which are nobody else's for `hold_s`."""

    def work(tx: Transaction) -> list[Message]:
        now = desk.clock.now()
        until = now + timedelta(seconds=hold_s)
        mine = [replace(each, claimed_until=until) for each in _oldest(tx, who, look, now)]
        tx.messages.put(*mine)
        return mine

    async def take() -> list[Message]:
        glance = replace(look, limit=1, wait_s=0.0)  # reading costs less than writing
        return await desk.store.write(work) if await waiting(desk, who, glance) else []

    return await _awaited(look, take)


def _oldest(tx: Transaction, who: Who, look: Look, now: datetime) -> list[Message]:
    found = tx.messages.find(replace(_all(who.project, look.queue), limit=SEEN))
    return [each for each in found if _free(each, now)][: look.limit]


async def _awaited(look: Look, take: Callable[[], Awaitable[list[Message]]]) -> list[Message]:
    left = look.wait_s
    while not (found := await take()) and left > 0:
        await asyncio.sleep(min(LOOK_S, left))
        left -= LOOK_S
    return found


async def done(desk: Desk, who: Who, queue: str, said: str) -> None:
    """Remove a message for good. One that is gone already is no error."""
    id = as_id(said)
    if id is None:
        raise NotFound(f"there is no message '{said}' in queue '{queue}'")

    def work(tx: Transaction) -> None:
        message = tx.messages.get(id)
        if message and message.queue == queue and message.project == who.project:
            tx.messages.drop(id)

    await desk.store.write(work)
