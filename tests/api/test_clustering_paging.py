"""Lists read page by page while others write: nothing that stays is missed or seen twice."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import builders
from muster.base.clock import ManualClock
from muster.model.action import Action, ActionStatus, Verb
from muster.model.cluster import ClusterStatus
from muster.model.event import About, Event
from muster.model.node import NodeStatus
from muster.model.policy import Policy
from muster.model.profile import Profile
from muster.model.receiver import Receiver, ReceiverType
from muster.ports.store import Transaction
from office import Office, opened

NOW = ManualClock().now()
SEEDS = range(6)
WORDS = ("", "a", "b", "c", "d")  # few, so that rows stand equal
Make = Callable[[UUID, random.Random], Any]


def _when(dice: random.Random) -> Any:
    return NOW + timedelta(seconds=dice.randrange(4))


def _maybe(dice: random.Random) -> Any:
    return dice.choice((None, _when(dice)))


def _whose(dice: random.Random) -> dict[str, Any]:
    return {"project": "demo", "user": "ann", "name": f"n{dice.choice(WORDS)}"}


def a_profile(id: UUID, dice: random.Random) -> Profile:
    made = builders.a_profile(id)
    times = {"created_at": _when(dice), "updated_at": _maybe(dice)}
    return replace(made, **_whose(dice), type=f"t{dice.choice(WORDS)}", **times)


def a_policy(id: UUID, dice: random.Random) -> Policy:
    times = {"created_at": _when(dice), "updated_at": _maybe(dice)}
    return Policy(id=id, **_whose(dice), type=f"t{dice.choice(WORDS)}", **times)


def a_cluster(id: UUID, dice: random.Random) -> Any:
    status = dice.choice((ClusterStatus.ACTIVE, ClusterStatus.ERROR, ClusterStatus.WARNING))
    times = {"init_at": _when(dice), "created_at": _maybe(dice), "updated_at": _maybe(dice)}
    return replace(builders.a_cluster(), id=id, **_whose(dice), status=status, **times)


def a_node(id: UUID, dice: random.Random) -> Any:
    status = dice.choice((NodeStatus.ACTIVE, NodeStatus.ERROR))
    times = {"since": _when(dice), "created_at": _maybe(dice), "updated_at": _maybe(dice)}
    index = dice.choice((-1, 1, 2, 3))
    return replace(builders.a_node(1), id=id, **_whose(dice), index=index, status=status, **times)


def a_receiver(id: UUID, dice: random.Random) -> Receiver:
    return Receiver(
        id=id,
        **_whose(dice),
        type=dice.choice(tuple(ReceiverType)),
        cluster_id=dice.choice((None, UUID(int=1), UUID(int=2))),
        action=dice.choice((None, Verb.CLUSTER_SCALE_OUT, Verb.CLUSTER_SCALE_IN)),
        created_at=_when(dice),
    )


def an_action(id: UUID, dice: random.Random) -> Action:
    return Action(
        id=id,
        **_whose(dice),
        verb=dice.choice((Verb.CLUSTER_CHECK, Verb.CLUSTER_RECOVER)),
        target=UUID(int=dice.randrange(3)),
        cluster_id=UUID(int=0),
        cause="RPC Request",
        status=dice.choice((ActionStatus.SUCCEEDED, ActionStatus.FAILED)),
        created_at=_when(dice),
    )


def an_event(id: UUID, dice: random.Random) -> Event:
    return Event(
        id=id,
        at=_when(dice),
        kind="cluster.resized",
        otype=dice.choice(tuple(About)),
        oid=UUID(int=dice.randrange(3)),
        oname=dice.choice(WORDS),
        cluster_id=dice.choice((None, UUID(int=1))),
        project="demo",
        user="ann",
        action=dice.choice((Verb.CLUSTER_CHECK, Verb.CLUSTER_RECOVER)),
        status=dice.choice(("start", "end")),
    )


LISTS: dict[str, tuple[Make, tuple[str, ...]]] = {
    "profiles": (a_profile, ("type", "name", "created_at", "updated_at")),
    "policies": (a_policy, ("type", "name", "created_at", "updated_at")),
    "clusters": (a_cluster, ("name", "status", "init_at", "created_at", "updated_at")),
    "nodes": (a_node, ("index", "name", "status", "init_at", "created_at", "updated_at")),
    "receivers": (a_receiver, ("name", "type", "action", "cluster_id", "created_at", "user")),
    "actions": (an_action, ("name", "target", "action", "created_at", "status")),
    "events": (
        an_event,
        ("timestamp", "level", "otype", "oname", "action", "status", "oid", "cluster_id"),
    ),
}


class Writer:
    """Makes, changes and removes rows of one kind between two pages; some he never touches."""

    def __init__(self, office: Office, noun: str, dice: random.Random) -> None:
        self.office, self.noun, self.dice = office, noun, dice
        self.make, self.keys = LISTS[noun]
        self.stays = self._ids(12)
        self.comes_and_goes = self._ids(12)
        self.left = 12

    def _ids(self, many: int) -> list[UUID]:
        return [UUID(int=self.dice.getrandbits(128), version=4) for _ in range(many)]

    async def put(self, ids: Sequence[UUID]) -> None:
        rows = [self.make(id, self.dice) for id in ids]

        def work(tx: Transaction) -> None:
            if self.noun == "events":
                tx.events.append(*rows)
            else:
                getattr(tx, self.noun).put(*rows)

        await self.office.desk.store.write(work)

    async def drop(self, ids: Sequence[UUID]) -> None:
        await self.office.desk.store.write(lambda tx: getattr(tx, self.noun).drop(*ids))

    async def meddle(self, marker: UUID) -> None:
        """Write a little: often to the very row that the next page is to begin after."""
        new = self._ids(2) if self.left else []
        self.left = max(0, self.left - 1)  # or who writes faster than is read were never done
        await self.put(new)
        if self.noun == "events":  # which are never changed, and go by their age
            return
        there = [id for id in self.comes_and_goes if id == marker or self.dice.random() < 0.2]
        gone = [id for id in there if self.dice.random() < 0.5]
        await self.put([id for id in there if id not in gone])
        if gone:
            await self.drop(gone)
        self.comes_and_goes = [id for id in self.comes_and_goes if id not in gone] + new

    def sort(self) -> str:
        chosen = self.dice.sample(self.keys, self.dice.randint(0, 2))
        return ",".join(f"{key}:{self.dice.choice(('asc', 'desc'))}" for key in chosen)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as it:
        yield it


async def read(office: Office, writer: Writer, limit: int) -> list[UUID]:
    """Read a whole list page by page, with somebody writing in between."""
    asked = f"/v1/{writer.noun}?limit={limit}&sort={writer.sort()}"
    seen: list[UUID] = []
    for _ in range(200):
        path = f"{asked}&marker={seen[-1]}" if seen else asked
        answer = await office.call("GET", path)
        assert answer.status_code == 200, answer.text
        page = [UUID(each["id"]) for each in answer.json()[writer.noun]]
        if not page:
            return seen
        seen += page
        await writer.meddle(seen[-1])
    raise AssertionError(f"{asked} never ends")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noun", LISTS)
async def test_what_stays_is_on_just_one_page(office: Office, noun: str, seed: int) -> None:
    writer = Writer(office, noun, random.Random(f"{noun}/{seed}"))
    await writer.put([*writer.stays, *writer.comes_and_goes])
    times = Counter(await read(office, writer, limit=1 + seed % 4))
    assert {id: times[id] for id in writer.stays} == dict.fromkeys(writer.stays, 1)
