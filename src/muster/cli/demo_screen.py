"""What the demo shows while it runs: members, load, decisions; on a pipe, a line a second."""

import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from muster.cli.load import Load
from muster.client.waiting import path

if TYPE_CHECKING:
    from rich.console import RenderableType

    from muster.cli.asking import Asking

TITLES = {
    "quiet": "A little load",
    "step": "The load grows: members are added",
    "kill": "A member is killed: it is replaced",
    "shrink": "The load ends: members drain and go",
    "update": "The next version rolls in under load",
}


class Screen:
    """Follows a cluster in a thread of its own until the block ends."""

    def __init__(self, asked: "Asking", made: dict[str, Any], load: Load) -> None:
        self._asked, self._made, self._load = asked, made, load
        self._stop = threading.Event()
        self._title = ""
        self._log: deque[str] = deque(maxlen=6)
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def __enter__(self) -> "Screen":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def phase(self, load: Load, name: str, rate: float) -> None:
        """Begin a phase: its name for the tally, its title for people, its load."""
        load.phase, load.rate = name, rate
        self._title = TITLES[name]

    def _run(self) -> None:
        with self._asked.session() as session:
            if self._asked.as_json:
                return
            if sys.stdout.isatty():
                self._draw(session)
            else:
                self._print(session)

    def _draw(self, session: Any) -> None:
        from rich.live import Live

        with Live(console=self._asked.console(), transient=True, refresh_per_second=8) as live:
            while not self._stop.wait(0.25):
                live.update(self._picture(session.call("GET", path(self._made))))

    def _print(self, session: Any) -> None:
        out = self._asked.console()
        while not self._stop.wait(1.0):
            out.print(self._line(session.call("GET", path(self._made))))

    def _line(self, seen: dict[str, Any]) -> str:
        late = self._load.latency(0.99)
        total = self._load.total
        return (
            f"{self._title:40} {self._load.rate:4.0f} req/s  sent {total.sent:6} "
            f"failed {total.failed:3}  members {seen['running_instances']}/{seen['desired_size']}  "
            f"p99 {'-' if late is None else f'{late * 1000:.0f} ms'}  {_decided(seen)}"
        )

    def _picture(self, seen: dict[str, Any]) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        from muster.cli.detail import MEMBERS
        from muster.cli.show import dots, table

        said = _decided(seen)
        if said and (not self._log or self._log[-1][9:] != said):
            self._log.append(f"{time.strftime('%H:%M:%S')} {said}")
        return Group(
            Text(self._title, style="bold"),
            Text(self._line(seen)[41:]),
            dots(seen["instances"]),
            table(seen["instances"], MEMBERS),
            Text("\n".join(self._log), style="dim"),
        )


def _decided(seen: dict[str, Any]) -> str:
    update = seen.get("update") or {}
    if update.get("state") in ("rolling", "baking", "rolling_back"):
        return f"update {update.get('done')}/{update.get('total')}: {update.get('reason') or ''}"
    last = (seen.get("scaling") or {}).get("last_decision") or {}
    return str(last.get("reason") or "")
