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
from muster.cli.demo_setting import Setting, prepare, setting, switch_off
from muster.cli.load import Load, wait_for
from muster.client.waiting import Failed, path

if TYPE_CHECKING:
    from muster.client.http import Session

GONE_S = 180  # a loaded machine of containers takes its time to stop them
GROWN = 3  # members that the high load needs at least
BODY = {
    "image": "demo-web",
    "flavor": "tiny",
    "min_size": 2,
    "max_size": 6,
    "health_path": "/health",
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
@click.option("--cloud", help="Where: a cloud's name or kind. Default: the server's default.")
@click.option("--keep", is_flag=True, help="Leave the cluster there at the end.")
@asking
def demo(asked: Asking, name: str, port: int, cloud: str | None, keep: bool) -> None:
    """Make a cluster, put load on it, kill a member, roll to a new version, and measure.

    Takes about a minute, uses at most one processor or so, and leaves
    nothing behind. See Note [A demo for two processors].
    """
    figures = Figures()
    with asked.session() as session:
        where = setting(session, cloud)
        prepare(session, where, asked.console())
        body = {**BODY, "name": name, "port": port}
        body |= {"scale_out_threshold": where.busy, "scale_in_threshold": where.idle}
        body |= {"cloud": where.cloud} if where.cloud else {}
        with _cluster(asked, session, body, keep, figures) as made:
            load = _play(asked, session, made, where, figures)
    _report(asked, load, figures)
    if load.phases["shrink"].failed or load.phases["update"].failed:
        raise SystemExit(1)


def _play(
    asked: Asking, session: "Session", made: dict[str, Any], where: Setting, figures: Figures
) -> Load:
    """Take the cluster through its life, and return the load with what became of it."""
    url = f"{made['load_balancer_url'].rstrip('/')}{where.work}"
    with Load(url) as load, Screen(asked, made, load) as screen:
        stage = Stage(session, made, load, screen, figures, where)
        _grow(stage)
        _heal(stage)
        _shrink(stage)
        _update(stage)
        load.rate = 0
    return load


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a phase of the demo plays with."""

    session: "Session"
    made: dict[str, Any]
    load: Load
    screen: Screen
    figures: Figures
    where: Setting

    def seen(self) -> dict[str, Any]:
        answer = self.session.call("GET", path(self.made))
        assert isinstance(answer, dict)
        return answer

    def ready(self) -> list[dict[str, Any]]:
        return [i for i in self.seen()["instances"] if i["ready_at"] and not i["leaving"]]


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
            for _ in until_gone(session, made, GONE_S):
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


def _grow(it: Stage) -> None:
    """A little load, then a step; measure until a member that was not there before answers."""
    load, low = it.load, it.where.low
    it.screen.phase(load, "quiet", low)
    wait_for(lambda: load.phases.get("quiet") is not None and load.phases["quiet"].sent > low, 5)
    before = set(load.first_seen)
    it.screen.phase(load, "step", it.where.high)
    it.figures.out = wait_for(lambda: bool(set(load.first_seen) - before), 30, 0.01)
    wait_for(lambda: len(it.ready()) >= GROWN, 15)
    it.figures.peak = len(it.ready())


def _heal(it: Stage) -> None:
    """Kill a member without warning; measure until there are as many well ones as before."""
    it.screen.phase(it.load, "kill", it.where.high)
    before = it.ready()
    victim = before[0]
    if not _killed(it, victim):
        it.figures.notes.append("no member was killed: its process is not on this machine")
        return
    began = time.monotonic()

    def healed() -> bool:
        now = {i["id"]: i for i in it.ready()}
        same = now.get(victim["id"])
        replaced = same["ready_at"] != victim["ready_at"] if same else True
        return replaced and len(now) >= len(before)

    if wait_for(healed, 30, 0.02) is not None:
        it.figures.healed = time.monotonic() - began


def _killed(it: Stage, victim: dict[str, Any]) -> bool:
    """Kill a member; False: there is no way to."""
    if it.where.containers:
        switch_off(it.session, victim)
        return True
    pid = _process_of(victim)
    if pid is not None:
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    return pid is not None


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


def _shrink(it: Stage) -> None:
    """The load ends but for a little; measure until the smallest size is reached."""
    it.screen.phase(it.load, "shrink", it.where.low)
    it.figures.shrunk = wait_for(
        lambda: len(it.seen()["instances"]) == it.made["min_size"], 60, 0.2
    )


def _update(it: Stage) -> None:
    """Roll to the next version under load; measure until the update says that it is done."""
    it.screen.phase(it.load, "update", it.where.high)
    grown = wait_for(lambda: len(it.ready()) >= GROWN, 20)
    if grown is None:
        it.figures.notes.append("the update began before the cluster had grown again")
    it.session.call("PATCH", path(it.made), {"image": "demo-web-v2"})

    def updated() -> bool:
        return (it.seen().get("update") or {}).get("state") == "done"

    it.figures.updated = wait_for(updated, 90, 0.1)
    wait_for(lambda: it.load.total.sent >= it.where.enough, 60, 0.2)


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
