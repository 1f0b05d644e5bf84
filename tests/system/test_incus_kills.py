"""The server is killed at random moments over real members; nothing is lost, leaked or twice.

`CHAOS_KILLS` sets how many times, `CHAOS_SEED` plays one game again.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random, SystemRandom
from time import monotonic

import pytest

from house import House, Refused, later, until
from incus_service import WEB, beside, change, instances, passed
from muster.client.http import Session
from testbed.incus import machine, rest
from testbed.incus.place import Place

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow, pytest.mark.chaos]

KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
SEED = int(os.environ.get("CHAOS_SEED") or SystemRandom().randrange(10**9))
MOST = 4  # instances of one cluster
AWAY = 5  # kills that a member stays away, at most
PATIENCE_S = 180
IMAGES = {"1": "demo-web", "2": "demo-web-v2"}


@pytest.fixture
def place(incus_testbeds) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place, tmp_path) -> Iterator[House]:
    with beside(place, tmp_path / "home") as made:
        yield made


class Game:
    """What was wished so far, what was done to the members, and the dice."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.dice = Random(SEED)
        self.size = 2
        self.version = "1"
        self.second = False
        self.away: dict[str, int] = {}  # member -> kills until it is back
        self.played: Counter[str] = Counter()

    def play(self, session: Session) -> None:
        act = self.dice.choice(
            (self.resize, self.resize, self.update, self.other, self.break_one, self.lose)
        )
        self.played[act.__name__] += 1
        act(session)

    def resize(self, session: Session) -> None:
        self.size = self.dice.choice([each for each in range(1, MOST + 1) if each != self.size])
        wished(lambda: change(session, seen(session), desired_size=self.size))

    def update(self, session: Session) -> None:
        self.version = "2" if self.version == "1" else "1"
        wished(lambda: change(session, seen(session), image=IMAGES[self.version]))

    def other(self, session: Session) -> None:
        """A second cluster comes and goes."""
        if self.second:
            wished(lambda: session.call("DELETE", "/v1/clusters/other"))
        else:
            self.bring_back(all_of_them=True)  # the one before it cannot end without its hosts
            body = {**WEB, "name": "other", "min_size": 1, "desired_size": 2}
            wished(lambda: session.call("POST", "/v1/clusters", body))
        self.second = not self.second

    def break_one(self, session: Session) -> None:
        """Have a container end, so that it has to be replaced."""
        there = [n for n, e in instances(self.place).items() if e["status"] == "Running"]
        if there:
            where = f"/1.0/instances/{self.dice.choice(there)}/state"
            stop = {"action": "stop", "force": True, "timeout": 10}
            try:
                rest.call(self.place.socket("m1"), "PUT", where, stop)
            except RuntimeError:
                return  # it goes already

    def lose(self, session: Session) -> None:
        """Take power or daemon away from a member, one at a time."""
        if self.away:
            return
        member = self.dice.choice(("m2", "m3"))
        self.away[member] = self.dice.randrange(1, AWAY)
        if self.dice.random() < 0.6:
            machine.crash(self.place, member)
        else:
            machine.end_daemon(self.place, member, signal.SIGKILL)

    def bring_back(self, *, all_of_them: bool = False) -> None:
        for member in list(self.away):
            self.away[member] -= 1
            if all_of_them or self.away[member] <= 0:
                powered = machine.first_process(self.place, member) is not None
                (machine.start if powered else machine.boot)(self.place, member)
                del self.away[member]


def seen(session: Session) -> dict[str, object]:
    found: dict[str, object] = session.call("GET", "/v1/clusters/web")["cluster"]
    return found


def wished(wish: Callable[[], object]) -> None:
    """Wish it, again where it is refused for now: what is under way has to end first."""

    def taken() -> bool:
        try:
            wish()
        except Refused as refused:
            if refused.status not in (409, 503):
                raise
            passed(0.3)
            return False
        return True

    until(taken, PATIENCE_S, "the wish is taken")


def test_a_server_killed_at_any_moment_loses_and_leaves_nothing(it, place):
    print(f"played with CHAOS_SEED={SEED} CHAOS_KILLS={KILLS}")
    game = Game(place)
    began = monotonic()
    with it.session() as session:
        session.call("POST", "/v1/clusters", {**WEB, "min_size": 1, "desired_size": game.size})
        for _ in range(KILLS):
            game.bring_back()
            game.play(session)
            cut = later(game.dice.uniform(0, 3), it.kill)
            cut.join()
            it.start()
        game.bring_back(all_of_them=True)
        expected = {"web": game.size} | ({"other": 2} if game.second else {})
        try:
            until(lambda: stands(session, place) == expected, PATIENCE_S, f"{expected} stand")
        except AssertionError:
            print(f"{dict(game.played)}\n{told(session, place)}\n{it.told()}")
            raise
        for name in expected:
            it.settled(name, PATIENCE_S)
        assert stands(session, place) == expected
        assert versions_of(place, "web") == {game.version}
        assert volumes(place) == set(instances(place))
        print(f"{dict(game.played)}; all as wished, {monotonic() - began:.0f} s in all")
        for name in expected:
            session.call("DELETE", f"/v1/clusters/{name}")
        until(lambda: not instances(place), PATIENCE_S, "no instance is left")
        until(lambda: not volumes(place), 30, "no disk is left")
        gone = "no cluster is left"
        until(lambda: not session.call("GET", "/v1/clusters")["clusters"], PATIENCE_S, gone)
        until(lambda: not it.caddies(), 30, "no balancer is left")


def stands(session: Session, place: Place) -> dict[str, int] | None:
    """Return how many run of each cluster, None while members and API tell different things."""
    made = instances(place)
    rows = session.call("GET", "/v1/instances")["instances"]
    well = all(each["status"] == "Running" for each in made.values())
    fine = all(each["status"] == "ACTIVE" for each in rows)
    if not (well and fine and sorted(made) == sorted(each["ref"] for each in rows)):
        return None
    names = {each["id"]: each["name"] for each in session.call("GET", "/v1/clusters")["clusters"]}
    return dict(Counter(names[each["cluster_id"]] for each in rows))


def told(session: Session, place: Place) -> str:
    """Return what API and members say of everything there is."""
    rows = session.call("GET", "/v1/instances")["instances"]
    clusters = session.call("GET", "/v1/clusters")["clusters"]
    events = session.call("GET", "/v1/events", query={"every": "true", "limit": "60"})["events"]
    lines = [
        *(f"{each['name']}: {each['status']} {each['status_reason']}" for each in clusters),
        *(f"{each['ref']}: {each['status']} {each.get('status_reason')}" for each in rows),
        *(f"{n}: {e['status']} on {e['location']}" for n, e in instances(place).items()),
        *(f"{e['timestamp']} {e['oname']} {e['kind']}: {e['status_reason']}" for e in events),
    ]
    return "\n".join(lines)


def versions_of(place: Place, cluster: str) -> set[str]:
    made = instances(place).values()
    ours = (each for each in made if each["config"]["user.muster.name"].startswith(cluster))
    return {each["config"]["image.release"] for each in ours}


def volumes(place: Place) -> set[str]:
    """Return the disks of instances on any member."""
    where = "/1.0/storage-pools/default/volumes/container?recursion=1"
    return {each["name"] for each in rest.call(place.socket("m1"), "GET", where)}
