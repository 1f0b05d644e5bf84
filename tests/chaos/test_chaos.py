"""Servers are killed at random moments; afterwards nothing is leaked, lost or there twice.

`CHAOS_MOMENTS` sets how many moments, `CHAOS_SEED` plays one game again.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import anyio
import pytest

from chaos.keeper import Keeper, settled
from chaos.player import Player
from chaos.reckoning import reckon
from house import House, house, later, until
from muster.base.clock import SystemClock
from muster.base.errors import Permanent
from muster.client.http import Session
from muster.drivers.simulated.cloud import open_cloud, world_of
from muster.drivers.simulated.world import World
from muster.ports.cloud import CloudConfig

pytestmark = pytest.mark.chaos

MOMENTS = int(os.environ.get("CHAOS_MOMENTS", "200"))
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**9))
LEASE_S = 1.5
SIMULATED = (
    "{simulated = {world = 'file', create_s = 0.05, boot_s = 0.05, delete_s = 0.05, jitter = 0.9,"
    " drain_s = 0.2, look_every_s = 0.3, probe_every_s = 0.3, stray_grace_s = 1.0}}"
)


@pytest.fixture(autouse=True)
def seed(capsys):
    with capsys.disabled():  # also of a game that is lost later, in any run
        print(f"\nplayed with CHAOS_SEED={SEED} CHAOS_MOMENTS={MOMENTS}")


def share(part: float) -> int:
    return max(int(MOMENTS * part), 1)


def world(home: Path) -> World:
    """Return the world that the server plays in, for playing fate in it."""
    config = CloudConfig(
        name="simulated",
        home=home / "clouds" / "simulated",
        installation=UUID(int=0),
        clock=SystemClock(),
        options={"world": "file"},
    )
    return world_of(anyio.run(open_cloud, config))


def shown_by(there: World) -> Mapping[str, str]:
    with there.still():
        return {m.shown.ref: str(m.shown.cluster_id) for m in there.state.machines.values()}


def seen_in(there: World) -> Mapping[str, str]:
    """Return what is there and whose; what is not well is nobody's until somebody replaces it."""
    with there.still():
        machines = there.state.machines.values()
        return {
            m.shown.ref: "ill" if m.broken or m.sick else str(m.shown.cluster_id) for m in machines
        }


def fate(there: World, dice: random.Random) -> None:
    """Break a server or make it sick, now and then."""
    refs = list(shown_by(there))
    if refs and dice.random() < 0.5:
        act = dice.choice((there.break_server, there.make_sick))
        with suppress(Permanent):  # it may have just gone
            act(dice.choice(refs))


def test_a_killed_server_leaks_nothing_and_loses_nothing(tmp_path):
    """Creates, resizes, updates, repairs, deletes on a cloud that outlives the server."""
    dice = random.Random(SEED)
    with house(tmp_path / "home", MUSTER_DEFAULT_CLOUD="simulated", MUSTER_CLOUDS=SIMULATED) as it:
        player = Player(it, SEED, ("one", "two", "three", "four"), most=6)
        it.start()
        there = world(it.home)
        for _ in range(share(0.6)):
            with it.session() as session:
                cut = later(dice.uniform(0.0, 0.6), it.kill)
                fate(there, dice)
                player.play(session, 3)
                cut.join()
            it.start()
        reckon(it, player, lambda: seen_in(there))


def test_plain_clusters_and_single_nodes_survive_a_killed_server(tmp_path):
    """Checks, repairs, operations, updates in place, joins and leaves, cut off anywhere."""
    dice = random.Random(SEED + 3)
    with house(tmp_path / "home", MUSTER_DEFAULT_CLOUD="simulated", MUSTER_CLOUDS=SIMULATED) as it:
        keeper = Keeper(SEED + 3)
        it.start()
        there = world(it.home)
        for _ in range(share(0.3)):
            with it.session() as session:
                cut = later(dice.uniform(0.1, 0.8), it.kill)
                fate(there, dice)
                keeper.play(session, 3)
                cut.join()
            it.start()
        print(f"accepted: {dict(keeper.played)}")
        with it.session() as session:
            settled(session, lambda: shown_by(there), 240)


def local_instances(it: House) -> Mapping[str, str]:
    """Return what runs on this machine for the house, told by the surroundings of processes."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                said = dict(
                    entry.split("=", 1)
                    for entry in (folder / "environ").read_text(errors="replace").split("\0")
                    if "=" in entry
                )
            except OSError:
                continue
            if "MUSTER_INSTANCE" in said and said.get("MUSTER_USER_DATA", "").startswith(
                str(it.home)
            ):
                found[said["MUSTER_INSTANCE"]] = folder.name
    return found


def kill_some_instance(it: House, dice: random.Random) -> None:
    running = local_instances(it)
    if running and dice.random() < 0.3:
        with suppress(ProcessLookupError):  # it may have just gone
            os.kill(int(dice.choice(list(running.values()))), signal.SIGKILL)


def test_a_killed_server_finds_its_processes_again(tmp_path):
    """The same on this machine, where instances are processes behind a real balancer."""
    dice = random.Random(SEED + 1)
    with house(tmp_path / "home", MUSTER_STRAY_GRACE_S="1") as it:
        player = Player(it, SEED + 1, ("one", "two"), most=3)
        it.start()
        for _ in range(share(0.2)):
            with it.session() as session:
                cut = later(dice.uniform(0.0, 1.0), it.kill)
                kill_some_instance(it, dice)
                player.play(session, 3)
                cut.join()
            it.start()

        def instances() -> Mapping[str, str]:
            with it.session() as session:
                rows = session.call("GET", "/v1/instances")["instances"]
            by_ref = {r["ref"]: r["cluster_id"] for r in rows}
            return {ref: by_ref.get(ref, "nobody's") for ref in local_instances(it)}

        reckon(it, player, instances)
        delete_everything(it, player)
        until(lambda: not local_instances(it), 60, lambda: local_instances(it))
        folder = it.home / "clouds" / "local" / "instances"
        until(lambda: not list(folder.iterdir()), 60, lambda: list(folder.iterdir()))


def delete_everything(it: House, player: Player) -> None:
    with it.session() as session:
        for row in session.call("GET", "/v1/clusters")["clusters"]:
            session.call("DELETE", f"/v1/clusters/{row['name']}/{row['id']}")
        end = time.monotonic() + 240
        while session.call("GET", "/v1/clusters")["clusters"]:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.postgresql
def test_two_engines_survive_each_other(tmp_path, postgres_url):
    """One of two is killed, or stopped past its lease and continued, again and again."""
    with two_engines(tmp_path / "home", postgres_url) as (it, there):
        player = Player(it, SEED + 2, ("one", "two", "three"), most=5)
        troubled(it, there, SEED + 2, player.play)
        reckon(it, player, lambda: seen_in(there))


@pytest.mark.postgresql
def test_two_engines_keep_plain_clusters_and_single_nodes(tmp_path, postgres_url):
    """The same for checks, repairs, operations, updates in place, joins, leaves and policies."""
    with two_engines(tmp_path / "home", postgres_url) as (it, there):
        keeper = Keeper(SEED + 4)
        troubled(it, there, SEED + 4, keeper.play)
        print(f"accepted: {dict(keeper.played)}")
        with it.session() as session:
            settled(session, lambda: shown_by(there), 240)


@contextmanager
def two_engines(home: Path, url: str) -> Iterator[tuple[House, World]]:
    """Run a server and a worker over one database, and yield the world that both look after."""
    settings = {
        "MUSTER_DATABASE_URL": url,
        "MUSTER_DEFAULT_CLOUD": "simulated",
        "MUSTER_CLOUDS": SIMULATED,
        "MUSTER_LEASE_S": str(LEASE_S),
    }
    with house(home, **settings) as it:
        it.start()
        there = world(it.home)
        it.workers.append(it.spawn("work"))
        yield it, there


def troubled(it: House, there: World, seed: int, play: Callable[[Session, float], object]) -> None:
    """Play on while one of the two is in trouble, round after round."""
    dice = random.Random(seed)
    for _ in range(share(0.15)):
        with it.session() as session:
            cut = later(dice.uniform(0.0, 0.6), lambda: trouble(it, dice))
            fate(there, dice)
            play(session, 1.0)
            cut.join()
        mend(it)


def trouble(it: House, dice: random.Random) -> None:
    """Kill one of the two, or stop one for longer than its lease."""
    victim = dice.choice((it.process, it.workers[0]))
    assert victim is not None
    if dice.random() < 0.5:
        victim.kill()
        victim.wait()  # until then it is not known to be gone, and nobody would mend it
    else:
        victim.send_signal(signal.SIGSTOP)
        time.sleep(LEASE_S * 1.4)
        victim.send_signal(signal.SIGCONT)


def mend(it: House) -> None:
    """Have both run again."""
    assert it.process is not None
    if it.process.poll() is not None:
        it.start()
    if it.workers[0].poll() is not None:
        it.workers[0] = it.spawn("work")
