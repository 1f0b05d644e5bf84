"""One cluster on the screen, as it changes."""

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from muster.cli.detail import MEMBERS
from muster.cli.record import line
from muster.cli.show import dots, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from muster.cli.asking import Asking
    from muster.client.http import Session


def watch(asked: "Asking", session: "Session", seen: dict[str, Any]) -> None:
    """Redraw the cluster at every event of it, and once a second, until interrupted.

    Where there is no screen to draw on it is printed once, and then each event as a line.
    """
    from rich.live import Live

    if not asked.console().is_terminal:
        _follow(asked, session, seen)
        return
    lines: deque[str] = deque(maxlen=12)
    news = threading.Event()
    reader = threading.Thread(target=_read, args=(asked, seen["id"], lines, news), daemon=True)
    reader.start()
    with contextlib.suppress(KeyboardInterrupt), Live(console=asked.console()) as screen:
        while True:
            now = _now(session, seen)
            if now is None:
                screen.console.print(f"{seen['name']} is gone.")
                return
            screen.update(picture(now, lines))
            news.wait(1.0)
            news.clear()


def _follow(asked: "Asking", session: "Session", seen: dict[str, Any]) -> None:
    out = asked.console()
    out.print(picture(seen, deque()))
    with contextlib.suppress(KeyboardInterrupt):
        for each in session.live(cluster=seen["id"]):
            out.print(line(dict(each.body), each.kind))
            if each.kind == "cluster.deleted" and _now(session, seen) is None:
                out.print(f"{seen['name']} is gone.")
                return


def _now(session: "Session", seen: dict[str, Any]) -> dict[str, Any] | None:
    """Return the cluster as it is now, None once it is gone."""
    from muster.client.http import ApiError
    from muster.client.waiting import path

    try:
        answer = session.call("GET", path(seen))
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    assert isinstance(answer, dict)
    return answer


def _read(asked: "Asking", cluster: str, lines: deque[str], news: threading.Event) -> None:
    with asked.session() as session:
        for each in session.live(cluster=cluster):
            lines.append(line(dict(each.body), each.kind))
            news.set()


def picture(seen: dict[str, Any], lines: deque[str]) -> "RenderableType":
    """Return head, members and newest events as one thing to print."""
    from rich.console import Group
    from rich.text import Text

    scaling = seen.get("scaling") or {}
    last = scaling.get("last_decision") or {}
    head = Text.assemble(
        (seen["name"], "bold"),
        f"  {seen['status']}  {seen.get('load_balancer_url') or ''}  "
        f"{seen['running_instances']}/{seen['desired_size']} "
        f"({seen['min_size']}-{seen['max_size']})  ",
        dots(seen.get("instances") or ()),
    )
    return Group(
        head,
        Text(str(last.get("reason") or seen.get("status_reason") or ""), style="dim"),
        table(seen.get("instances") or (), MEMBERS),
        Text.from_markup("\n".join(lines)),
    )
