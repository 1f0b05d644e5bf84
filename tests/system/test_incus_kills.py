"""The server is killed at random moments over real members; nothing is lost, leaked or twice.

`CHAOS_KILLS` sets how many times, `CHAOS_SEED` plays one game again.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest

import haproxies
import knots
from house import House, later, until
from incus_game import Game, is_bastion
from incus_service import WEB, beside, instances
from muster.client.http import Session
from testbed.incus import fabric, rest
from testbed.incus.place import Place

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow, pytest.mark.chaos]

KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
SEED = int(os.environ.get("CHAOS_SEED") or SystemRandom().randrange(10**9))
PATIENCE_S = 300
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG1hZGUgZm9yIHRlc3RzLCBub2JvZHkgaGFzIGl0Li4u tests"


@dataclass(frozen=True, slots=True)
class Table:
    """What a game is played on: members, a house beside them, and a name server."""

    place: Place
    it: House
    knot: knots.Knot

    def body(self, name: str, size: int) -> dict[str, Any]:
        """Return all that a cluster can have: load balancer, name, key and a way in."""
        return {
            **WEB,
            "name": name,
            "min_size": 1,
            "desired_size": size,
            "dns_name": f"{name}.{knots.ZONE}",
            "keypair": "hers",
            "create_bastion": True,
        }


@pytest.fixture
def table(incus_testbeds, tmp_path) -> Iterator[Table]:
    haproxies.needed()
    place = incus_testbeds(3)
    with fabric.entered(place), knots.running() as knot:
        names = ", ".join(f"{k} = {v!r}" for k, v in knot.said.items())
        more = f"dns = {{{names}}}, bastion = {{flavor = 'tiny'}}"
        with beside(place, tmp_path / "home", more) as it:
            yield Table(place, it, knot)


def test_a_server_killed_at_any_moment_loses_and_leaves_nothing(table):
    print(f"played with CHAOS_SEED={SEED} CHAOS_KILLS={KILLS}")
    it, place = table.it, table.place
    game = Game(place, it, SEED, table.body)
    began = monotonic()
    with it.session() as session:
        try:
            _played(table, session, game)
            expected = {"web": game.size} | ({"other": 2} if game.second else {})
            _stands(table, session, game, expected)
            _ends(table, session, list(expected))
        except AssertionError:
            print(f"{dict(game.played)}\n{it.told()}")
            print(told(session, place))  # fails itself where the server is what has failed
            raise
    print(f"{dict(game.played)}; all as wished, {monotonic() - began:.0f} s in all")


def _played(table: Table, session: Session, game: Game) -> None:
    """The game: one act, and a kill in the middle of what follows from it, many times."""
    it = table.it
    session.call("POST", "/v1/keypairs", {"name": "hers", "public_key": KEY})
    session.call("POST", "/v1/clusters", table.body("web", game.size))
    it.settled("web", PATIENCE_S)
    game.write_down(session)
    for _ in range(KILLS):
        game.bring_back()
        game.play(session)
        cut = later(game.dice.uniform(0, 3), it.kill)
        cut.join()
        game.stop_waiting()
        it.start()
    game.bring_back(all_of_them=True)


def _stands(table: Table, session: Session, game: Game, expected: dict[str, int]) -> None:
    """All that was wished is there, once, and does what it is for."""
    it, place = table.it, table.place
    until(lambda: counted(session, place) == expected, PATIENCE_S, f"{expected} stand")
    for name in expected:
        it.settled(name, PATIENCE_S)
    until(lambda: counted(session, place) == expected, PATIENCE_S, f"{expected} stand still")
    assert versions_of(place, "web") == {game.version}
    until(lambda: disks(place) == set(instances(place)), PATIENCE_S, "each disk is an instance's")
    for name in expected:
        until(lambda name=name: reached(table, session, name), PATIENCE_S, f"{name} is reached")
    until(lambda: len(pools(it)) == 2 * len(expected), PATIENCE_S, lambda: pools(it))
    game.read_again(session)


def _ends(table: Table, session: Session, names: list[str]) -> None:
    """What is deleted leaves nothing: no instance, disk, pool, process, name or row."""
    it, place = table.it, table.place
    for name in names:
        session.call("DELETE", f"/v1/clusters/{name}")
    until(lambda: not instances(place), PATIENCE_S, "no instance is left")
    until(lambda: not disks(place), 180, "no disk is left")
    until(lambda: not listed(session, "clusters"), PATIENCE_S, "no cluster is left")
    until(lambda: not listed(session, "nodes"), 180, "no node is left")
    until(lambda: not pools(it), 180, "no pool is left")
    until(lambda: not it.caddies(), 180, "no process of a balancer is left")
    for name in ("web", "other"):
        full = f"{name}.{knots.ZONE}"
        for each, kind in ((full, "A"), (f"_muster.{full}", "TXT")):
            asked = partial(table.knot.resolved, each, kind)
            until(lambda asked=asked: not asked(), 180, f"{kind} of {each} is withdrawn")
    kept = volumes(place)
    assert [each["used_by"] for each in kept] == [[]], kept
    assert "user.muster.from" not in kept[0]["config"]
    session.call("DELETE", "/v1/volumes/data")
    assert volumes(place) == []


def counted(session: Session, place: Place) -> dict[str, int] | None:
    """Return how many run of each cluster, None while members and API tell different things."""
    made = {name: each for name, each in instances(place).items() if not is_bastion(each)}
    rows = listed(session, "instances")
    well = all(each["status"] == "Running" for each in made.values())
    fine = all(each["status"] == "ACTIVE" for each in rows)
    if not (well and fine and sorted(made) == sorted(each["ref"] for each in rows)):
        return None
    names = {each["id"]: each["name"] for each in listed(session, "clusters")}
    return dict(Counter(names.get(each["cluster_id"], "?") for each in rows))


def reached(table: Table, session: Session, name: str) -> bool:
    """Whether the name leads to the cluster's balancer, and one bastion answers as SSH does."""
    seen = table.it.details(session, name)
    address = urlsplit(seen["load_balancer_url"] or "//").hostname
    named = table.knot.resolved(f"{name}.{knots.ZONE}") == [address]
    guards = [
        ref
        for ref, each in instances(table.place).items()
        if is_bastion(each) and each["config"]["user.muster.name"].startswith(name)
    ]
    bastion = seen["bastion"]
    known = bastion and bastion["status"] == "ACTIVE" and guards == [bastion["server"]]
    return bool(named and known and greets(bastion["address"], bastion["port"]))


def greets(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5) as line:
            line.settimeout(5)
            return line.recv(64).startswith(b"SSH-")
    except OSError:
        return False


def listed(session: Session, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.call("GET", f"/v1/{what}")[what]
    return found


def told(session: Session, place: Place) -> str:
    """Return what API and members say of everything there is."""
    query = {"every": "true", "limit": "80", "sort": "timestamp:desc"}
    events = session.call("GET", "/v1/events", query=query)["events"]
    lines = [
        *(f"{x['name']}: {x['status']} {x['status_reason']}" for x in listed(session, "clusters")),
        *(f"{x['name']}: {x['status']} {x['status_reason']}" for x in listed(session, "nodes")),
        *(f"{n}: {e['status']} on {e['location']}" for n, e in instances(place).items()),
        *(f"{each['name']} on {each['location']}: {each['used_by']}" for each in volumes(place)),
        *(f"{e['timestamp']} {e['oname']} {e['kind']}: {e['status_reason']}" for e in events),
    ]
    return "\n".join(lines)


def versions_of(place: Place, cluster: str) -> set[str]:
    made = (each for each in instances(place).values() if not is_bastion(each))
    ours = (each for each in made if each["config"]["user.muster.name"].startswith(cluster))
    return {each["config"]["image.release"] for each in ours}


def pools(it: House) -> list[Path]:
    return list((it.home / "clouds" / "site" / "haproxy").glob("*/pools/*"))


def disks(place: Place) -> set[str]:
    """Return the root disks of instances on any member."""
    return {each["name"] for each in _volumes(place, "container")}


def volumes(place: Place) -> list[dict[str, Any]]:
    """Return the volumes that outlive instances, on any member."""
    return _volumes(place, "custom")


def _volumes(place: Place, kind: str) -> list[dict[str, Any]]:
    where = f"/1.0/storage-pools/default/volumes/{kind}?recursion=1"
    found: list[dict[str, Any]] = rest.call(place.socket("m1"), "GET", where)
    return found
