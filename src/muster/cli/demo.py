"""`muster demo`: one cluster's life in a minute, measured."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.demo_screen import Screen
from muster.cli.load import Load, wait_for
from muster.client.waiting import Failed, path

if TYPE_CHECKING:
    from muster.client.http import Session

# Note [A demo for two processors]
# Everything shares the machine: members, balancer, server and the load itself. One
# request costs a member `WORK_MS` of processor time and a `tiny` member has a quarter of
# a processor, so `HIGH` requests a second keep three or four members at the target, less
# than one processor altogether, which leaves the other for the rest.
WORK_MS = 1.5
LOW, HIGH = 60, 250
GROWN = 3  # members that HIGH needs at least
ENOUGH = 10_500  # requests: zero failed of ten thousand is the promise
BODY = {
    "image": "demo-web",
    "flavor": "tiny",
    "min_size": 2,
    "max_size": 6,
    "health_path": "/health",
    "scale_out_threshold": 0.7,
    "scale_in_threshold": 0.3,
    "cooldown": 1,
    "scale_in_window": 5,
    "update_strategy": {"max_surge": 2},
}


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds; None: it did not happen in time."""

    serving: float | None = None
    out: float | None = None
    healed: float | None = None
    shrunk: float | None = None
    updated: float | None = None
    peak: int = 0
    notes: list[str] = field(default_factory=list)


@click.command()
@click.option("--name", default="web", show_default=True, help="Of the cluster.")
@click.option("--port", default=8080, show_default=True, help="Of its load balancer.")
@click.option("--cloud", help="Where; default: the server's default cloud.")
@click.option("--keep", is_flag=True, help="Leave the cluster there at the end.")
@asking
def demo(asked: Asking, name: str, port: int, cloud: str | None, keep: bool) -> None:
    """Make a cluster, put load on it, kill a member, roll to a new version, and measure.

    Takes about a minute, uses at most one processor or so, and leaves
    nothing behind. See Note [A demo for two processors].
    """
    body = {**BODY, "name": name, "port": port} | ({"cloud": cloud} if cloud else {})
    figures = Figures()
    with asked.session() as session, _cluster(asked, session, body, keep, figures) as made:
        url = f"{made['load_balancer_url'].rstrip('/')}/work?ms={WORK_MS}"
        with Load(url) as load, Screen(asked, made, load) as screen:
            _grow(session, made, load, screen, figures)
            _heal(session, made, load, screen, figures)
            _shrink(session, made, load, screen, figures)
            _update(session, made, load, screen, figures)
            load.rate = 0
    _report(asked, load, figures)
    if load.phases["shrink"].failed or load.phases["update"].failed:
        raise SystemExit(1)


@contextmanager
def _cluster(
    asked: Asking, session: "Session", body: dict[str, Any], keep: bool, figures: Figures
) -> Iterator[dict[str, Any]]:
    """Create the cluster and yield it once it serves; delete it however the block ends."""
    from muster.client.waiting import until_gone

    out = asked.console()
    began = time.monotonic()
    made = session.call("POST", "/v1/clusters", body)
    try:
        serving = wait_for(lambda: _answers(session, made), 60)
        figures.serving = None if serving is None else time.monotonic() - began
        if serving is None:
            raise Failed(f"{made['name']} does not answer. See why: muster cluster show web")
        yield session.call("GET", path(made))
    finally:
        if keep:
            out.print(f"The cluster is kept. Delete it: muster cluster delete {made['name']}")
        else:
            session.call("DELETE", path(made))
            for _ in until_gone(session, made, 60):
                pass


def _answers(session: "Session", made: dict[str, Any]) -> bool:
    """Whether a request through the balancer is answered by a healthy member."""
    import httpx2

    url = session.call("GET", path(made)).get("load_balancer_url")
    if not url:
        return False
    try:
        return httpx2.get(url, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


def _seen(session: "Session", made: dict[str, Any]) -> dict[str, Any]:
    answer = session.call("GET", path(made))
    assert isinstance(answer, dict)
    return answer


def _ready(seen: dict[str, Any]) -> list[dict[str, Any]]:
    return [i for i in seen["instances"] if i["ready_at"] and not i["leaving"]]


def _grow(
    session: "Session", made: dict[str, Any], load: Load, screen: Screen, figures: Figures
) -> None:
    """A little load, then a step; measure until a member that was not there before answers."""
    screen.phase(load, "quiet", LOW)
    wait_for(lambda: load.phases.get("quiet") is not None and load.phases["quiet"].sent > LOW, 5)
    before = set(load.first_seen)
    screen.phase(load, "step", HIGH)
    figures.out = wait_for(lambda: bool(set(load.first_seen) - before), 30, 0.01)
    wait_for(lambda: len(_ready(_seen(session, made))) >= GROWN, 15)
    figures.peak = len(_ready(_seen(session, made)))


def _heal(
    session: "Session", made: dict[str, Any], load: Load, screen: Screen, figures: Figures
) -> None:
    """Kill a member without warning; measure until there are as many well ones as before."""
    screen.phase(load, "kill", HIGH)
    seen = _seen(session, made)
    victim = _ready(seen)[0]
    pid = _process_of(victim)
    if pid is None:
        figures.notes.append("no member was killed: its process is not on this machine")
        return
    os.killpg(os.getpgid(pid), signal.SIGKILL)
    began = time.monotonic()
    born = victim["ready_at"]

    def healed() -> bool:
        now = {i["id"]: i for i in _ready(_seen(session, made))}
        same = now.get(victim["id"])
        replaced = same["ready_at"] != born if same else True
        return replaced and len(now) >= len(_ready(seen))

    if wait_for(healed, 30, 0.02) is not None:
        figures.healed = time.monotonic() - began


def _process_of(instance: dict[str, Any]) -> int | None:
    """Return the process that this instance is, told by name and address of its surroundings."""
    import psutil

    for each in psutil.process_iter():
        try:
            said = each.environ()
        except psutil.Error:
            continue
        if (
            said.get("MUSTER_NAME") == instance["name"]
            and said.get("MUSTER_ADDRESS") == (instance["address"])
        ):
            return int(each.pid)
    return None


def _shrink(
    session: "Session", made: dict[str, Any], load: Load, screen: Screen, figures: Figures
) -> None:
    """The load ends but for a little; measure until the smallest size is reached."""
    screen.phase(load, "shrink", LOW)
    figures.shrunk = wait_for(
        lambda: len(_seen(session, made)["instances"]) == made["min_size"], 60, 0.2
    )


def _update(
    session: "Session", made: dict[str, Any], load: Load, screen: Screen, figures: Figures
) -> None:
    """Roll to the next version under load; measure until the update says that it is done."""
    screen.phase(load, "update", HIGH)
    grown = wait_for(lambda: len(_ready(_seen(session, made))) >= GROWN, 20)
    if grown is None:
        figures.notes.append("the update began before the cluster had grown again")
    session.call("PATCH", path(made), {"image": "demo-web-v2"})

    def updated() -> bool:
        return (_seen(session, made).get("update") or {}).get("state") == "done"

    figures.updated = wait_for(updated, 90, 0.1)
    wait_for(lambda: load.total.sent >= ENOUGH, 60, 0.2)


def _report(asked: Asking, load: Load, figures: Figures) -> None:
    """Print what was measured, as a table or as JSON."""
    total = load.total
    moving = [load.phases[p] for p in ("shrink", "update") if p in load.phases]
    rows: list[tuple[str, object, str]] = [
        ("requests sent", total.sent, ""),
        ("failed, all phases", total.failed, ", ".join(f"{k}: {n}" for k, n in total.why.items())),
        ("failed while scaling in and updating", sum(t.failed for t in moving), "promised: 0"),
        ("POST to a healthy answer", _s(figures.serving), "promised: 3 s"),
        ("load step to first new member serving", _s(figures.out), "promised: 6 s"),
        ("killed to replaced and healthy", _s(figures.healed), "promised: 5 s"),
        ("load gone to smallest size", _s(figures.shrunk), ""),
        ("rolling update under load", _s(figures.updated), ""),
        ("most members", figures.peak, ""),
        ("p99 latency at the end", _s(load.latency(0.99)), ""),
    ]
    rows += [("note", note, "") for note in figures.notes]
    said = {name: value for name, value, _ in rows}
    asked.show(said, lambda out: out.print(_table(rows)))


def _table(rows: list[tuple[str, object, str]]) -> Any:
    from muster.cli.show import table

    columns = (
        ("MEASURED", lambda row: row["name"]),
        ("VALUE", lambda row: row["value"]),
        ("", lambda row: row["about"]),
    )
    return table([{"name": n, "value": v, "about": a} for n, v, a in rows], columns)


def _s(seconds: float | None) -> str:
    return "not in time" if seconds is None else f"{seconds:.2f} s"
