"""What one may do with receivers, and what those may do who have no account here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any
from uuid import UUID

from muster.base.errors import Forbidden, Invalid, NotFound, TooOften
from muster.base.ids import new_id
from muster.model.action import Action, Verb
from muster.model.receiver import Receiver, ReceiverType
from muster.model.who import Right, Who
from muster.ports.store import Query, Transaction
from muster.service.clustering.case import Answers, decided
from muster.service.clustering.triggered import Trigger, triggered
from muster.service.desk import Desk
from muster.service.identity import CLUSTER, RECEIVER, find, referenced, refuse_taken
from muster.service.lookup import as_id

ACTIONS = tuple(
    verb.value for verb in Verb if verb.startswith("CLUSTER_") and verb is not Verb.CLUSTER_CREATE
)
_REFUSED = "You are not authorized to complete this operation."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverAsk:
    """A receiver as asked for; every value has been read, none has been looked up."""

    name: str
    type: str
    cluster_id: str | None = None
    action: str | None = None
    params: Mapping[str, Any] | None = None


async def create(desk: Desk, who: Who, ask: ReceiverAsk) -> Receiver:
    """Return a new receiver that acts for its maker.

    Raises `Invalid` for a webhook without cluster or action, `Forbidden` where the cluster
    is another user's.
    """
    now = desk.clock.now()

    def work(tx: Transaction) -> Receiver:
        refuse_taken(tx, desk, who.project, (RECEIVER, ask.name))
        made = _made(tx, who, ask, now)
        tx.receivers.put(made)
        return made

    return await desk.store.write(work)


# Note [Whoever knows the address]
# A webhook's address is all that its caller needs, and so it must not be guessed: it
# contains the receiver's id, made by chance, and nothing else opens it, neither its name nor the
# beginning of the id. No credential is kept: what is set off is asked for in the name of whoever
# made the receiver, in his project, with a member's rights and for as long as the receiver exists.
def _made(tx: Transaction, who: Who, ask: ReceiverAsk, now: datetime) -> Receiver:
    """See Note [Whoever knows the address]."""
    kind = ReceiverType(ask.type)
    id = new_id()
    made = Receiver(
        id=id,
        project=who.project,
        user=who.user,
        domain=who.domain,
        name=ask.name,
        type=kind,
        params=dict(ask.params or {}),
        created_at=now,
    )
    if kind is ReceiverType.MESSAGE:  # each message names its cluster and its action
        return replace(made, channel={"queue_name": f"senlin-receiver-{id}"})
    if not ask.cluster_id:
        raise Invalid("Cluster identity is required for creating webhook receiver.")
    if not ask.action:
        raise Invalid("Action name is required for creating webhook receiver.")
    cluster = referenced(tx, who, CLUSTER, ask.cluster_id, called="referenced")
    _refuse_others(who, cluster.user)
    return replace(made, cluster_id=cluster.id, action=Verb(ask.action))


def _refuse_others(who: Who, owner: str) -> None:
    if who.user != owner and not who.may(Right.EVERY_PROJECT):
        raise Forbidden(_REFUSED)


async def listing(desk: Desk, query: Query) -> list[Receiver]:
    return await desk.store.read(lambda tx: tx.receivers.find(query))


async def show(desk: Desk, who: Who, said: str) -> Receiver:
    return await desk.store.read(lambda tx: find(tx, who, RECEIVER, said))


async def update(desk: Desk, who: Who, said: str, changes: Mapping[str, Any]) -> Receiver:
    """Return the receiver with another name, action or params. Raises `Invalid` for no change."""
    now = desk.clock.now()

    def work(tx: Transaction) -> Receiver:
        before = find(tx, who, RECEIVER, said)
        given = {name: value for name, value in changes.items() if value is not None}
        after = replace(before, **given)
        if after == before:
            raise Invalid("No property needs an update.")
        after = replace(after, updated_at=now)
        tx.receivers.put(after)
        return after

    return await desk.store.write(work)


async def delete(desk: Desk, who: Who, said: str) -> None:
    """Remove the receiver; its address opens nothing from then on, its messages are gone."""

    def work(tx: Transaction) -> None:
        gone = find(tx, who, RECEIVER, said)
        queue = gone.channel.get("queue_name")
        left = tx.messages.find(_of(gone.project, str(queue))) if queue else []
        tx.messages.drop(*(each.id for each in left))
        tx.receivers.drop(gone.id)

    await desk.store.write(work)


def _of(project: str, queue: str) -> Query:
    return Query(project=project, where={"queue": (queue,)}, sort=(("created_at", False),))


async def set_off(desk: Desk, said: str, params: Mapping[str, Any]) -> Action:
    """Return the action that a webhook's caller sets off; what he says comes before its params.

    Raises `NotFound` for what is no webhook, `TooOften` when it was called too often lately,
    `Conflict` as for anybody who asks. See Note [Whoever knows the address].
    """
    now = desk.clock.now()
    _refuse_often(desk, await desk.store.read(lambda tx: _webhook(tx, said)), now)
    await desk.store.write(lambda tx: _take_turn(tx, desk, said, now))

    def work(tx: Transaction, answers: Answers) -> Action:
        receiver = _webhook(tx, said)
        cluster_id, verb = receiver.cluster_id, receiver.action
        if cluster_id is None or verb is None or tx.clusters.get(cluster_id) is None:
            raise Invalid(f"The referenced cluster '{cluster_id}' could not be found.")
        trigger = Trigger(
            cluster_id=cluster_id,
            verb=verb,
            inputs={**receiver.params, **params},
            name=f"webhook_{str(receiver.id)[:8]}",
        )
        return triggered(tx, desk, owner(receiver), trigger, answers)

    return await decided(desk, work)


def _refuse_often(desk: Desk, receiver: Receiver, now: datetime) -> None:
    wait = ceil(desk.turnstile.wait_s(receiver, now))
    if wait:
        text = f"webhook {str(receiver.id)[:8]} is called too often; try again in {wait} s"
        raise TooOften(text, retry_after_s=wait)


def _take_turn(tx: Transaction, desk: Desk, said: str, now: datetime) -> None:
    """Use up a turn for good, also where the call comes to nothing. See Note [Turns]."""
    receiver = _webhook(tx, said)
    _refuse_often(desk, receiver, now)
    passed = desk.turnstile.passed(receiver, now)
    if passed is not receiver:
        tx.receivers.put(passed)


def _webhook(tx: Transaction, said: str) -> Receiver:
    receiver = tx.receivers.get(as_id(said) or UUID(int=0))
    if receiver is None:
        raise NotFound(f"The receiver '{said}' could not be found.")
    if receiver.type is not ReceiverType.WEBHOOK:
        raise Invalid("Only receivers of type webhook can be set off so.")
    return receiver


def owner(receiver: Receiver) -> Who:
    """Return as whom a receiver acts."""
    return Who(user=receiver.user, project=receiver.project, domain=receiver.domain)
