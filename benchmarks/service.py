"""What the whole service costs: a real `muster serve`, asked over HTTP, on a simulated cloud.

    python benchmarks/service.py [--nodes 100 1000 10000] [--settled 1000] [--url postgresql://...]

POST to ACTIVE, resize and delete, first of a small cluster that pays for the first time of
everything; memory; requests per second against a bare Litestar answer on the same server
software; what 1,000 settled clusters cost.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from house import House, house, until  # noqa: E402
from muster.client.http import Session  # noqa: E402

FLOOR = """
import sys, uvicorn
from litestar import Litestar, get
@get("/")
async def answer() -> dict[str, str]:
    return {"status": "ok"}
uvicorn.run(Litestar([answer], openapi_config=None, logging_config=None), port=int(sys.argv[1]),
            log_config=None, access_log=False)
"""


class Cost:
    """Wall clock of a block here, processor time and memory of the server."""

    def __init__(self, what: str, nodes: int, server: psutil.Process) -> None:
        self.what, self.nodes, self.server = what, nodes, server

    def __enter__(self) -> "Cost":
        self.wall, self.cpu = time.perf_counter(), spent(self.server)
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = time.perf_counter() - self.wall, spent(self.server) - self.cpu
        print(
            f"{self.what:<34} {wall:7.3f} s   CPU {cpu:7.3f} s   {cpu / self.nodes * 1e3:6.3f} "
            f"ms/node   {self.nodes / wall:7.0f} nodes/s   RSS {memory(self.server):4.0f} MiB",
            flush=True,
        )


def spent(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)


def memory(server: psutil.Process) -> float:
    return float(server.memory_info().rss) / 2**20


def body(name: str, size: int, **more: Any) -> dict[str, Any]:
    sizes = {"min_size": 0, "max_size": max(size * 2, 10), "desired_size": size}
    return {"name": name, "image": "demo-web", "flavor": "tiny", "port": 8080, **sizes, **more}


def settled(session: Session, cluster_id: str, deadline_s: float = 120) -> None:
    """Wait for the wish, not for the details: ten thousand members are a long answer.

    A look costs the server two or three milliseconds, so one is taken twenty times a second.
    """

    def ended() -> bool:
        query = {"target": cluster_id, "sort": "created_at:desc", "limit": 1}
        wish = session.call("GET", "/v1/actions", query=query)["actions"][0]
        assert wish["status"] in ("READY", "RUNNING", "WAITING", "SUCCEEDED"), wish
        return bool(wish["status"] == "SUCCEEDED")

    until(ended, deadline_s, f"{cluster_id} is settled", every_s=0.05)


def large(it: House, session: Session, nodes: int) -> None:
    server = psutil.Process(it.process.pid if it.process else 0)
    with Cost(f"POST to ACTIVE, {nodes}", nodes, server):
        made = session.call("POST", "/v1/clusters", body(f"n{nodes}", nodes))
        id = made["stack_id"]
        settled(session, id)
    path = f"/v1/clusters/{made['stack_name']}/{id}"
    tenth = nodes // 10
    with Cost(f"resize by {tenth}", tenth, server):
        session.call("PATCH", path, {"desired_size": nodes + tenth})
        settled(session, id)
    with Cost(f"delete {nodes + tenth}", nodes + tenth, server):
        session.call("DELETE", path)
        settled(session, id)


def per_second(port: int, path: str, seconds: float = 3, clients: int = 4) -> float:
    """Return how many GETs a server answers in a second to a few clients in closed loops."""
    count = [0] * clients
    end = time.perf_counter() + seconds

    def ask(which: int) -> None:
        line = HTTPConnection("127.0.0.1", port)
        while time.perf_counter() < end:
            line.request("GET", path)
            answer = line.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            count[which] += 1
        line.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(count) / seconds


def floor(measure: Callable[[int], float]) -> float:
    """Measure a bare Litestar answer in the same way."""
    with __import__("socket").create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    bare = subprocess.Popen([sys.executable, "-c", FLOOR, str(port)])
    try:

        def there() -> bool:
            try:
                line = HTTPConnection("127.0.0.1", port, timeout=1)
                line.request("GET", "/")
                return line.getresponse().status == 200
            except OSError:
                return False

        until(there, 30, "the floor answers")
        return measure(port)
    finally:
        bare.kill()
        bare.wait()


def asking(it: House, session: Session) -> None:
    made = [session.call("POST", "/v1/clusters", body(f"q{n}", 2)) for n in range(20)]
    path = f"/v1/clusters/{made[0]['stack_name']}/{made[0]['stack_id']}"
    for each in made:
        settled(session, each["stack_id"])
    bare = floor(lambda port: per_second(port, "/"))
    print(f"{'a bare Litestar answer':<34} {bare:7.0f} /s    1.00")
    for what, where in (
        ("show a cluster of 2", path),
        ("list 20 clusters", "/v1/clusters"),
        ("list 100 events", "/v1/events?limit=100"),
    ):
        rate = per_second(it.port, where)
        print(f"{what:<34} {rate:7.0f} /s    {rate / bare:.2f} of the floor", flush=True)
    began = time.perf_counter()
    for n in range(100):
        session.call("POST", "/v1/clusters", body(f"w{n}", 1))
    rate = 100 / (time.perf_counter() - began)
    print(f"{'create, one after another':<34} {rate:7.0f} /s    {rate / bare:.2f} of the floor")


def many(it: House, session: Session, clusters: int, seconds: float) -> None:
    for n in range(clusters):
        session.call("POST", "/v1/clusters", body(f"s{n}", 10))

    def all_settled() -> bool:
        rows = session.call("GET", "/v1/clusters")["clusters"]
        return all(r["stack_status"].endswith("_COMPLETE") for r in rows)

    until(all_settled, 300, "all are settled")
    server = psutil.Process(it.process.pid if it.process else 0)
    time.sleep(5)  # what was just settled is looked at once more
    before, began = spent(server), time.perf_counter()
    time.sleep(seconds)
    share = (spent(server) - before) / (time.perf_counter() - began)
    print(
        f"{clusters} settled clusters of 10: {share:.1%} of a core, RSS {memory(server):.0f} MiB",
        flush=True,
    )


def run(nodes: list[int], clusters: int, seconds: float, url: str) -> None:
    settings = {
        "MUSTER_DEFAULT_CLOUD": "simulated",
        "MUSTER_CLOUDS": "{simulated = {world = 'memory'}}",
        "MUSTER_MAX_CLUSTER_SIZE": "30000",
        "MUSTER_MAX_CLUSTERS": "5000",
        **({"MUSTER_DATABASE_URL": url} if url else {}),
    }
    with tempfile.TemporaryDirectory() as folder, house(Path(folder) / "home", **settings) as it:
        began = time.perf_counter()
        it.start()
        print(f"{'start to first answer':<34} {time.perf_counter() - began:7.3f} s")
        server = psutil.Process(it.process.pid if it.process else 0)
        time.sleep(3)
        before = spent(server)
        time.sleep(5)
        idle = (spent(server) - before) / 5
        print(f"{'idle':<34} {idle:7.1%} of a core   RSS {memory(server):4.0f} MiB")
        with it.session() as session:
            for each in nodes:
                large(it, session, each)
            if clusters:
                asking(it, session)
                many(it, session, clusters, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--settled", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--url", default="")
    said = parser.parse_args()
    run(said.nodes, said.settled, said.seconds, said.url)


if __name__ == "__main__":
    main()
