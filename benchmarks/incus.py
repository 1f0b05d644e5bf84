"""What Muster costs on real Incus members: creation against bare calls, polling, reaction.

    python benchmarks/incus.py [--instances 100]

Puts a testbed of three members up, which takes root, and takes it down. Creation is compared
with the same instances made by bare calls of the API, as many at a time.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from house import House, house, until  # noqa: E402
from testbed.incus import bed, fabric, machine, rest  # noqa: E402
from testbed.incus.place import Place, lacking  # noqa: E402

AT_ONCE = 4  # as Muster by default
WATCHED_S = 30
LIMITS = {"limits.cpu": "1", "limits.cpu.allowance": "25ms/100ms", "limits.memory": "128MiB"}


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--instances", type=int, default=100)
    count = said.parse_args().instances
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if why := lacking():
        print(f"left out: {why}")
        return
    with bed.lent(3) as place, fabric.entered(place), served(place) as it:
        bare = bare_creation(place, count)
        created(it, place, count, bare)
        listed(place, count)
        polled(it, place, count)
        reacted(it, place)
        removed(it, place, count)


@contextmanager
def served(place: Place) -> Iterator[House]:
    said = ", ".join(f'{name} = "{value}"' for name, value in bed.settings(place).items())
    with tempfile.TemporaryDirectory() as home:
        clouds = f'{{site = {{kind = "incus", {said}}}}}'
        with house(Path(home) / "home", MUSTER_CLOUDS=clouds, MUSTER_DEFAULT_CLOUD="site") as it:
            it.start()
            yield it


def bare_creation(place: Place, count: int) -> float:
    """Return how long the same takes without Muster; nothing of it is left."""
    socket, members = place.socket("m1"), place.members()
    (image,) = [
        each["fingerprint"]
        for each in rest.call(socket, "GET", "/1.0/images?recursion=1")
        if each["properties"].get("name") == "demo-web"
    ]
    root = {"type": "disk", "path": "/", "pool": "default"}

    def make(number: int) -> None:
        body = {
            "name": f"bare-{number}",
            "type": "container",
            "start": True,
            "source": {"type": "image", "fingerprint": image},
            "config": LIMITS,
            "devices": {"root": root},
        }
        target = members[number % len(members)]
        rest.call(socket, "POST", f"/1.0/instances?target={target}", body)

    def drop(number: int) -> None:
        where = f"/1.0/instances/bare-{number}"
        rest.call(socket, "PUT", f"{where}/state", {"action": "stop", "force": True})
        rest.call(socket, "DELETE", where)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        began = time.perf_counter()
        list(threads.map(make, range(count)))
        took = time.perf_counter() - began
        list(threads.map(drop, range(count)))
    print(f"{count} made and started by bare calls, {AT_ONCE} at once: {_rate(count, took)}")
    return took


def created(it: House, place: Place, count: int, bare: float) -> None:
    body = {"name": "web", "image": "demo-web", "flavor": "tiny", "port": 8080}
    sizes = {"min_size": count, "max_size": 2 * count, "health_path": "/health"}
    server = psutil.Process(it.process.pid if it.process else 0)
    cpu, began = _spent(server), time.perf_counter()
    with it.session() as session:
        session.call("POST", "/v1/clusters", {**body, **sizes})
    until(lambda: len(_running(place)) == count, 900, "all of them run")
    took, spent = time.perf_counter() - began, _spent(server) - cpu
    it.settled("web", 600)
    whole = time.perf_counter() - began
    print(f"{count} made and started by Muster: {_rate(count, took)}; serving after {whole:.1f} s")
    share = max(0.0, 1 - _with_the_cloud(it) / (AT_ONCE * took))
    print(
        f"  share of that time in which Muster kept fewer than {AT_ONCE} calls under way: "
        f"{share:.1%} (promised: under 10 %)"
    )
    more = max(0.0, took - bare) / took
    own = f"Muster's processor time {spent:.1f} s, {spent / took:.1%}"
    print(f"  of it more than bare calls took: {more:.1%}; {own}")


def _with_the_cloud(it: House) -> float:
    """Return for how long all creations together were with the cloud."""
    with it.session() as session:
        lines = session.text("/metrics", {}).splitlines()
    start = 'muster_engine_step_seconds_sum{step="CreateServer"} '
    return sum(float(each.removeprefix(start)) for each in lines if each.startswith(start))


def listed(place: Place, count: int) -> None:
    for depth in (1, 2):
        began = time.perf_counter()
        rest.call(place.socket("m1"), "GET", f"/1.0/instances?recursion={depth}")
        took = time.perf_counter() - began
        print(f"listing {count} at recursion {depth}: {took * 1e3:.0f} ms")


def polled(it: House, place: Place, count: int) -> None:
    """Print what being looked at costs while nothing happens."""
    server = psutil.Process(it.process.pid if it.process else 0)
    daemons = [
        psutil.Process(pid) for each in place.members() if (pid := machine.daemon(place, each))
    ]
    cpu, theirs = _spent(server), sum(map(_spent, daemons))
    time.sleep(WATCHED_S)
    ours, others = _spent(server) - cpu, sum(map(_spent, daemons)) - theirs
    print(
        f"{count} at rest: Muster {ours / WATCHED_S:.1%} of a processor, "
        f"the members' daemons together {others / WATCHED_S:.1%}"
    )


def reacted(it: House, place: Place) -> None:
    """Print how long after a container was killed it is noticed, and replaced."""
    name, victim = next(iter(_running(place).items()))
    state = rest.call(place.socket("m1"), "GET", f"/1.0/instances/{name}/state")
    first = machine.first_process(place, victim["location"])
    inside = ["nsenter", "-t", str(first), "-p", "-m", "kill", "-9", str(state["pid"])]
    with it.session() as session:
        subprocess.run(inside, check=True)
        began = time.perf_counter()

        def node() -> dict[str, Any] | None:
            seen = session.call("GET", "/v1/instances")["instances"]
            return next((each for each in seen if each["ref"] == name), None)

        def noticed() -> bool:
            seen = node()
            return seen is None or seen["status"] != "ACTIVE"

        until(noticed, 60, "it is noticed")
        seen = time.perf_counter() - began
        count = len(session.call("GET", "/v1/instances")["instances"])

        def replaced() -> bool:
            instances = session.call("GET", "/v1/instances")["instances"]
            well = [each for each in instances if each["status"] == "ACTIVE"]
            return len(well) == count and all(each["ref"] != name for each in instances)

        until(replaced, 120, "it is replaced")
    whole = time.perf_counter() - began
    print(f"a container killed: noticed after {seen:.1f} s, another serves after {whole:.1f} s")


def removed(it: House, place: Place, count: int) -> None:
    began = time.perf_counter()
    with it.session() as session:
        session.call("DELETE", "/v1/clusters/web")
    until(lambda: not _running(place), 900, "nothing is left")
    print(f"{count} stopped and removed: {_rate(count, time.perf_counter() - began)}")


def _running(place: Place) -> dict[str, Any]:
    time.sleep(0.2)  # a listing costs the members more than it costs us
    listed = rest.call(place.socket("m1"), "GET", "/1.0/instances?recursion=1")
    return {each["name"]: each for each in listed if each["status"] == "Running"}


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rate(count: int, took: float) -> str:
    return f"{took:.1f} s, {count / took:.2f}/s"


if __name__ == "__main__":
    main()
