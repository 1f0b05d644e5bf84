"""What the console costs and how late it is: real Chromium, a real `muster serve`, many clusters.

    python benchmarks/console.py [--clusters 1000] [--seconds 20] [--replayed 720000]

First rows; how late an event is on the screen, at rest and among 200 changes a second; what the
browser uses then, all its processes together; frames while the list scrolls; eight tabs; memory
over an hour's worth of events.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

import browser  # noqa: E402
from browser import Page  # noqa: E402
from house import House, house, until  # noqa: E402
from muster.api.console import BUILT  # noqa: E402
from muster.client.http import Session  # noqa: E402

SIZE = 10
PUSHERS = 8
RATE = 200
WATCHER = (HERE / "console_watcher.js").read_text()


def body(name: str) -> dict[str, Any]:
    sizes = {"min_size": 0, "max_size": SIZE * 2, "desired_size": SIZE}
    return {"name": name, "image": "demo-web", "flavor": "tiny", "port": 8080, **sizes}


def populated(session: Session, clusters: int) -> list[str]:
    """Make clusters, and return their routes once all are settled."""
    made = [session.call("POST", "/v1/clusters", body(f"s{n:04}")) for n in range(clusters)]

    def all_settled() -> bool:
        rows = session.call("GET", "/v1/clusters")["clusters"]
        return all(row["stack_status"].endswith("_COMPLETE") for row in rows)

    until(all_settled, 300, "all are settled", every_s=1)
    return [f"/v1/clusters/{one['stack_name']}/{one['stack_id']}" for one in made]


def newest(session: Session) -> int:
    query = {"every": "true", "sort": "seq:desc", "limit": 1}
    return int(session.call("GET", "/v1/events", query=query)["events"][0]["seq"])


class Changes:
    """Clusters that are made larger and smaller in turn, so many events a second."""

    def __init__(self, it: House, routes: Sequence[str]) -> None:
        self._it, self._routes = it, routes
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._count = 0
        self._pause = 4 / RATE  # a change has some four events

    @contextmanager
    def going(self, rate: float) -> Iterator[None]:
        """Keep to a rate of events, which is counted, as a change has several."""
        threads = [threading.Thread(target=self._push) for _ in range(PUSHERS)]
        threads.append(threading.Thread(target=self._steer, args=(rate,)))
        for thread in threads:
            thread.start()
        try:
            time.sleep(10)  # the rate has settled
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _push(self) -> None:
        with self._it.session() as session:
            while not self._over.wait(self._pause * PUSHERS):
                with self._lock:  # each cluster in turn
                    turn, which = divmod(self._count, len(self._routes))
                    self._count += 1
                size = SIZE if turn % 2 else SIZE + 1
                session.call("PATCH", self._routes[which], {"desired_size": size})

    def _steer(self, rate: float) -> None:
        with self._it.session() as session:
            last, at = newest(session), time.perf_counter()
            while not self._over.wait(1):
                count, now = newest(session), time.perf_counter()
                share = (count - last) / (now - at) / rate
                self._pause *= min(1.5, max(0.4, share))
                last, at = count, now


class Use:
    """What a browser's processes have used of processors."""

    def __init__(self, home: Path) -> None:
        self._word = f"--user-data-dir={home}"

    def seconds(self) -> float:
        mine = psutil.Process().children(recursive=True)
        root = next(one for one in mine if self._word in self._words(one))
        return sum(map(self._spent, (root, *root.children(recursive=True))))

    @staticmethod
    def _words(one: psutil.Process) -> list[str]:
        try:
            return list(one.cmdline())
        except psutil.NoSuchProcess:
            return []

    @staticmethod
    def _spent(one: psutil.Process) -> float:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)


def say(what: str, told: str) -> None:
    print(f"{what:<52} {told}", flush=True)


def spread(found: Sequence[float], unit: str = "s") -> str:
    median, worst = statistics.median(found), max(found)
    return f"median {median:.2f} {unit}, worst {worst:.2f} {unit} of {len(found)}"


def first_rows(page: Page) -> None:
    found = []
    for _ in range(6):
        page.go("/clusters")
        found.append(page.comes("bench.rows > 0 && bench.rows") / 1000)
    say("first rows of the list, warm, from navigation", spread(found[1:]))


def began(session: Session, name: str, action: str) -> float:
    """Return when a change of a cluster was begun, as the service's own event has it."""
    query = {"oname": name, "every": "true", "sort": "seq:desc", "limit": 50}
    events = session.call("GET", "/v1/events", query=query)["events"]
    at = next(
        one["at"] for one in events if one["action_id"] == action and one["status"] == "start"
    )
    return datetime.fromisoformat(at).timestamp()


def lateness(
    page: Page, session: Session, routes: Sequence[str], on_row: bool = False
) -> list[float]:
    """Return how long after each change the page showed it: as an event, or on its row."""
    found = []
    for route in routes:
        name = route.split("/")[3]
        size = SIZE + 1 if session.call("GET", route)["desired_size"] == SIZE else SIZE
        words = [name, f"/{size} "] if on_row else [name, f"-> {size}"]
        if on_row:
            page.go(f"/clusters?q={name}")
            page.comes(f"document.querySelectorAll('tbody .dots .mark').length >= {SIZE}")
        page.run(f"bench.await('main {'tr' if on_row else 'li'}', {json.dumps(words)})")
        made = session.call("PATCH", route, {"desired_size": size})
        shown = page.comes("bench.shown", 10)
        found.append(shown / 1000 - began(session, name, made["current_action"]["id"]))
    return found


def used(use: Use, session: Session, seconds: float) -> str:
    before, seq, start = use.seconds(), newest(session), time.perf_counter()
    time.sleep(seconds)
    wall = time.perf_counter() - start
    share, rate = (use.seconds() - before) / wall, (newest(session) - seq) / wall
    return f"{share:6.1%} of a core at {rate:.0f} changes a second"


def scrolled(page: Page) -> None:
    page.go("/clusters")
    page.comes("bench.rows > 0")
    page.run("bench.scroll(100, 8)")
    page.comes("bench.scrolled", 30)
    frames = sorted(page.run("bench.frames"))
    late = frames[int(len(frames) * 0.95)]
    say(
        "the list scrolled by 100 pixels a frame, meanwhile",
        f"{len(frames) / 8:.0f} frames a second, 95 %: {late:.0f} ms, worst {frames[-1]:.0f} ms, "
        f"without a row in the middle: {page.run('bench.blank')} of {len(frames)}",
    )


def tabs(page: Page, session: Session, routes: Sequence[str]) -> None:
    """Eight tabs at once, each to be seen and told of the same change."""
    others = [page.another(window=True) for _ in range(7)]
    all_of_them = [page, *others]
    for each in others:
        each.before_all(WATCHER)
    for each in all_of_them:
        each.go("/activity")
        each.shows("Live")
    found = []
    for route in routes:
        name = route.split("/")[3]
        size = SIZE + 1 if session.call("GET", route)["desired_size"] == SIZE else SIZE
        for each in all_of_them:
            each.run(f"bench.await('main li', {json.dumps([name, f'-> {size}'])})")
        made = session.call("PATCH", route, {"desired_size": size})
        shown = [each.comes("bench.shown", 10) for each in all_of_them]
        at = began(session, name, made["current_action"]["id"])
        found += [one / 1000 - at for one in shown]
    say("eight tabs, all live: event on the screen of each", spread(found))
    for each in others:
        each.ask("Page.close")


def heap(page: Page) -> float:
    """Return the MiB that scripts hold once nothing unused is left."""
    page.ask("HeapProfiler.collectGarbage")
    metrics = page.ask("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == "JSHeapUsedSize") / 2**20


def remembered(page: Page, session: Session, count: int) -> None:
    query = {"every": "true", "sort": "seq:desc", "limit": 1000}
    told = session.call("GET", "/v1/events", query=query)["events"]
    page.ask("HeapProfiler.enable")
    page.ask("Performance.enable")
    for path in ("/", "/clusters"):
        page.go(path)
        page.shows("Live")
        found = []
        for _ in range(5):  # the first fills what is kept
            page.run(f"void bench.replay({json.dumps(told)}, {count // 10}, 1000, 50)")
            page.comes("bench.left <= 0", 600)
            found.append(heap(page))
        say(
            f"memory of {path}, after each of five times {count // 10} events",
            ", ".join(f"{one:.1f}" for one in found) + " MiB",
        )


def measured(it: House, session: Session, home: Path, said: argparse.Namespace) -> None:
    routes = populated(session, said.clusters)
    probes, pushed = routes[:20], routes[20:]
    with browser.opened(home, it.url) as page:
        use = Use(home / "chromium")
        page.before_all(WATCHER)
        page.resize(1280)
        first_rows(page)
        page.go("/activity")
        page.shows("Live")
        say("an event is on the screen, at rest", spread(lateness(page, session, probes)))
        say("a change is on its row, at rest", spread(lateness(page, session, probes[:10], True)))
        page.go("/clusters")
        time.sleep(5)
        say("browser at rest, list of clusters", used(use, session, 10))
        with Changes(it, pushed).going(RATE):
            for path in ("/clusters", "/", "/activity"):
                page.go(path)
                page.shows("Live")
                time.sleep(2)
                say(f"browser at {path}", used(use, session, said.seconds))
            say("an event is on the screen, meanwhile", spread(lateness(page, session, probes)))
            row = spread(lateness(page, session, probes[:10], True))
            say("a change is on its row, meanwhile", row)
            scrolled(page)
            first_rows(page)
        tabs(page, session, probes[:5])
        remembered(page, session, said.replayed)
        assert page.errors == [], page.errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--replayed", type=int, default=720_000)
    said = parser.parse_args()
    if browser.PROGRAM is None or not (BUILT / ".stamp").exists():
        print("SKIPPED: needs Chromium (scripts/debian-packages), and scripts/console", flush=True)
        return
    settings = {
        "MUSTER_DEFAULT_CLOUD": "simulated",
        "MUSTER_CLOUDS": "{simulated = {world = 'memory'}}",
        "MUSTER_MAX_CLUSTERS": "5000",
    }
    with tempfile.TemporaryDirectory() as folder, house(Path(folder) / "home", **settings) as it:
        it.start()
        with it.session() as session:
            measured(it, session, Path(folder), said)


if __name__ == "__main__":
    main()
