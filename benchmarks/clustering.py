"""What the clustering API costs: a real `muster serve`, asked over HTTP, on a simulated cloud.

    python benchmarks/clustering.py [--nodes 1000] [--times 50] [--url postgresql://...]

Create, show, list and scale out, in seconds for one caller and per second for a few, against a
bare Litestar answer on the same server software; nodes per second; and how long an action on an
idle cluster of ten takes from its POST to its end.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from typing import Any

sys.path[:0] = [str(Path(__file__).parent.parent / "tests"), str(Path(__file__).parent)]

from house import House, house  # noqa: E402
from service import Cost, floor, memory, per_second, psutil  # noqa: E402

SPEC = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {"flavor": "1", "image": "cirros", "networks": [{"network": "private"}]},
}
AIM_S = 0.1  # from the POST of an action to its end, on an idle cluster of ten


class Caller:
    """One line to the server, kept open: what is measured is the answer, not the connecting."""

    def __init__(self, port: int) -> None:
        self._line = HTTPConnection("127.0.0.1", port)
        self._headers = {
            "Content-Type": "application/json",
            "OpenStack-API-Version": "clustering 1.14",
        }

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        status, told = self._answer(method, path, body)
        assert status < 300, told
        return told

    def status(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> int:
        return self._answer(method, path, body)[0]

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any]:
        said = None if body is None else json.dumps(body)
        self._line.request(method, path, said, self._headers)
        answer = self._line.getresponse()
        return answer.status, json.loads(answer.read() or "null")


def ended(caller: Caller, action: str, deadline_s: float = 60) -> None:
    """Wait for an action, looking about every millisecond."""
    end = time.perf_counter() + deadline_s
    while (seen := caller.ask("GET", f"/v1/actions/{action}")["action"])["status"] != "SUCCEEDED":
        assert seen["status"] in ("READY", "RUNNING", "WAITING"), seen
        assert time.perf_counter() < end, f"action {action} does not end"
        time.sleep(0.001)


def created(caller: Caller, name: str, desired: int) -> str:
    body = {"cluster": {"name": name, "profile_id": "small", "desired_capacity": desired}}
    made = caller.ask("POST", "/v1/clusters", body)["cluster"]["id"]
    [action] = caller.ask("GET", f"/v1/actions?target={made}&limit=1")["actions"]
    ended(caller, action["id"], 120)
    return str(made)


def timed(what: str, times: int, act: Callable[[int], object]) -> list[float]:
    """Print how long an act takes: the median, and what 95 % of the times stay below."""
    took = []
    for n in range(times):
        began = time.perf_counter()
        act(n)
        took.append(time.perf_counter() - began)
    late = quantiles(took, n=20)[-1]
    print(f"{what:<44} {median(took) * 1e3:7.1f} ms   95 %: {late * 1e3:7.1f} ms", flush=True)
    return took


def answers(caller: Caller, times: int) -> None:
    """Measure how long single answers take."""
    idle = created(caller, "idle", 10)
    timed("show a cluster of 10", times, lambda _: caller.ask("GET", f"/v1/clusters/{idle}"))
    timed("list its nodes", times, lambda _: caller.ask("GET", f"/v1/nodes?cluster_id={idle}"))
    empty = {"profile_id": "small"}

    def create(n: int) -> None:
        caller.ask("POST", "/v1/clusters", {"cluster": {"name": f"c{n}", **empty}})

    timed("create an empty cluster, accepted", times, create)
    timed(
        "list clusters, 20 at a time",
        times,
        lambda _: caller.ask("GET", "/v1/clusters?limit=20&sort=name"),
    )


def actions(caller: Caller, times: int) -> None:
    """Measure actions on an idle cluster of ten from the POST to the end."""
    id = created(caller, "ten", 10)

    def act(verb: str, said: Mapping[str, Any]) -> Callable[[int], None]:
        def once(_: int) -> None:
            path = f"/v1/clusters/{id}/actions"
            ended(caller, caller.ask("POST", path, {verb: said})["action"])

        return once

    worst = 0.0
    for verb, said in (("check", {}), ("scale_out", {}), ("scale_in", {}), ("recover", {})):
        took = timed(f"{verb}, POST to end", times // 2, act(verb, said))
        worst = max(worst, median(took))
    print(f"{'the slowest of these against the aim':<44} {worst:7.3f} s    aim {AIM_S} s")


def rates(it: House, caller: Caller) -> None:
    for n in range(20):
        id = created(caller, f"a{n}", 2)
    bare = floor(lambda port: per_second(port, "/"))
    print(f"{'a bare Litestar answer':<44} {bare:7.0f} /s    1.00")
    for what, path in (
        ("versions", "/v1"),
        ("show a cluster of 2", f"/v1/clusters/{id}"),
        ("list 20 clusters of 2", "/v1/clusters?limit=20&sort=name"),
        ("list 20 actions", "/v1/actions?limit=20"),
        ("a policy type with its schema", "/v1/policy-types/senlin.policy.health-1.1"),
    ):
        rate = per_second(it.port, path)
        print(f"{what:<44} {rate:7.0f} /s    {rate / bare:.2f} of the floor", flush=True)


def scale_outs(it: House, seconds: float = 3, clients: int = 4) -> None:
    """Measure how many requests to grow are accepted in a second, each of another cluster."""
    caller = Caller(it.port)
    ids = [created(caller, f"g{n}", 1) for n in range(10 * clients)]
    taken: Counter[int] = Counter()
    end = time.perf_counter() + seconds

    def grow(which: int) -> None:
        mine = Caller(it.port)
        for id in cycle(ids[which::clients]):
            if time.perf_counter() >= end:
                return
            taken[mine.status("POST", f"/v1/clusters/{id}/actions", {"scale_out": {}})] += 1

    threads = [Thread(target=grow, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.keys() <= {202, 409}, taken
    rate, busy = taken[202] / seconds, taken[409] / seconds
    print(f"{'scale_out, accepted':<44} {rate:7.0f} /s    {busy:.0f} /s refused: still growing")


def run(nodes: int, times: int, url: str) -> None:
    settings = {
        "MUSTER_DEFAULT_CLOUD": "simulated",
        "MUSTER_CLOUDS": "{simulated = {world = 'memory'}}",
        "MUSTER_MAX_CLUSTERS": "5000",
        **({"MUSTER_DATABASE_URL": url} if url else {}),
    }
    with tempfile.TemporaryDirectory() as folder, house(Path(folder) / "home", **settings) as it:
        it.start()
        caller = Caller(it.port)
        caller.ask("POST", "/v1/profiles", {"profile": {"name": "small", "spec": SPEC}})
        server = psutil.Process(it.process.pid if it.process else 0)
        with Cost(f"POST to ACTIVE, {nodes}", nodes, server):
            created(caller, f"n{nodes}", nodes)
        answers(caller, times)
        actions(caller, times)
        rates(it, caller)
        scale_outs(it)
        print(f"{'memory at the end':<44} {memory(server):7.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--url", default="")
    said = parser.parse_args()
    run(said.nodes, said.times, said.url)


if __name__ == "__main__":
    main()
