"""Servers are killed while virtual clusters are made, changed and taken back: whole, or nothing."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest

from chaos.test_chaos import MOMENTS, SEED, share, world
from house import Cut, House, Refused, house, later, until
from muster.client.http import Session
from muster.ports.store import Query
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from vclusters import body, rule, server, volume

pytestmark = pytest.mark.chaos

WHERE = "/v2/default/vclusters"
SIMULATED = (
    "{simulated = {world = 'file', create_s = 0.1, delete_s = 0.1, jitter = 0.9, hosts = 4,"
    " host_vcpus = 6, host_disk_gib = 30, look_every_s = 0.3, stray_grace_s = 1.0}}"
)
NAMES = ("one", "two", "three", "four")
DONE = ("ACTIVE", "ERROR")
OFTEN = 5  # kills after which all is looked at


def asked(dice: random.Random, name: str, **where: str) -> Any:
    """Return a request for two data servers that are apart; one in three a simulation fails."""
    fault = {"metadata": {"simulated_fault": "create"}} if dice.random() < 0.34 else {}
    things = [server("a"), volume("a-vol", 3), server("b", **fault), volume("b-vol", 2)]
    rules = [rule("affinity", each, f"{each}-vol") for each in "ab"]
    return body(things, [*rules, rule("anti-affinity", "a", "b")], name=name, **where)


def change(dice: random.Random, number: int) -> Any:
    """Return a change that adds a server and a volume, perhaps for others that go."""
    fault = {"metadata": {"simulated_fault": "create"}} if dice.random() < 0.34 else {}
    things = [server(f"n{number}", **fault), volume(f"v{number}", 1, attach_to=f"n{number}")]
    gone = ["b", "b-vol"] if dice.random() < 0.3 else []
    near = [rule("affinity", "a", f"n{number}")]
    said = {"instances": things, "groupings": near, "remove_instances": gone}
    return {"vcluster": said | {"allow_moves": True}}


def play(session: Session, dice: random.Random, number: int, **where: str) -> None:
    """Ask for something; whether it was heard before the end nobody knows."""
    name = dice.choice(NAMES)
    try:
        kind = dice.random()
        if kind < 0.45:
            session.call("POST", WHERE, asked(dice, name, **where))
        elif kind < 0.75:
            session.call("PATCH", f"{WHERE}/{name}", change(dice, number))
        else:
            session.call("DELETE", f"{WHERE}/{name}")
    except (*Cut, Refused):
        pass


def test_killed_at_any_moment_they_are_whole_or_nothing(tmp_path: Path) -> None:
    print(f"played with CHAOS_SEED={SEED} CHAOS_MOMENTS={MOMENTS}")
    dice = random.Random(SEED + 6)
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated", "MUSTER_CLOUDS": SIMULATED}
    with house(tmp_path / "home", **settings) as it:
        it.start()
        for moment in range(1, 1 + share(0.05)):
            with it.session() as session:
                cut = later(dice.uniform(0.1, 1.0), it.kill)
                for turn in range(6):
                    play(session, dice, 10 * moment + turn)
                cut.join()
            it.start()
            if moment % OFTEN == 0:
                in_order(it)
        in_order(it)


def in_order(it: House) -> None:
    """See that there is what is recorded and claimed, and nothing else, once all is at rest."""
    with it.session() as session:
        rows = until(lambda: at_rest(session), 240, "all is at rest")
        there = until(lambda: as_wanted(it, rows), 180, "there is what is recorded, no more")
    print(f"at rest: {[each['status'] for each in rows]}, {len(there) - 1} things there")
    it.stop()
    assert set(claims(it)) == set(wanted(rows))
    it.start()


def at_rest(session: Session) -> list[dict[str, Any]] | None:
    """Return all of them once nothing is left to do; an empty list counts as one of them."""
    rows: list[dict[str, Any]] = session.call("GET", WHERE)["vclusters"]
    return rows or [{"status": "ERROR", "instances": []}] if _done(rows) else None


def _done(rows: list[dict[str, Any]]) -> bool:
    return all(each["status"] in DONE for each in rows)


def as_wanted(it: House, rows: list[dict[str, Any]]) -> list[str] | None:
    """Return what the cloud has once that is what is recorded of those that are there."""
    seen = dict(everything(it))
    return [*seen, "nothing more"] if seen == wanted(rows) else None


def wanted(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return what is to be there, by id: the host of each."""
    return {m["id"]: m["host"] for r in rows if r["status"] == "ACTIVE" for m in r["instances"]}


def everything(it: House) -> Iterator[tuple[str, str]]:
    there = world(it.home)
    with there.still():
        for machine in there.state.machines.values():
            yield str(machine.shown.server_id), machine.shown.host
        for disk in there.state.disks.all():
            yield str(disk.id), disk.host


def claims(it: House) -> list[str]:
    async def read() -> list[UUID]:
        store = await connect(f"sqlite:///{it.home}/muster.db", LocalSignal())
        found = await store.read(lambda tx: tx.reservations.find(Query()))
        await store.close()
        return [each.id for each in found]

    return [str(each) for each in anyio.run(read)]
