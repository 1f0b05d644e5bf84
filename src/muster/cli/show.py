"""Tables, lines and bars: answers of the API for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], object]]

GOOD = {"ACTIVE", "good", "CREATE_COMPLETE", "UPDATE_COMPLETE", "SUCCEEDED", "active", "done"}
BAD = {"ERROR", "bad", "FAILED", "error", "CRITICAL", "failed"}
WORN = {"WARNING", "WARN", "paused", "rolling_back", "rolled_back", "CANCELLED"}


def style(word: object) -> str:
    said = str(word)
    if said in GOOD:
        return "green"
    if said in BAD or said.endswith("_FAILED"):
        return "red"
    return "yellow" if said in WORN or said.endswith("IN_PROGRESS") else ""


def coloured(word: object) -> "Text":
    from rich.text import Text

    return Text("" if word is None else str(word), style=style(word))


def table(rows: Iterable[Row], columns: Sequence[Column]) -> "Table":
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, _ in columns:
        made.add_column(title)
    for row in rows:
        made.add_row(*(coloured(_plain(read(row))) for _, read in columns))
    return made


def listing(console: "Console", rows: Sequence[Row], columns: Sequence[Column], empty: str) -> None:
    """Print rows as a table, or say what to do where there are none."""
    console.print(table(rows, columns) if rows else empty)


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    return value


def local(stamp: object) -> str:
    """Return a time of the API in this machine's zone."""
    if not stamp:
        return ""
    moment = datetime.fromisoformat(str(stamp).replace("Z", "+00:00"))
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(stamp: object) -> str:
    return local(stamp)[11:]


def field(name: str) -> Callable[[Row], object]:
    return lambda row: row.get(name)


def size(bytes_: object) -> str:
    value = float(str(bytes_ or 0))
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def dots(instances: Iterable[Row]) -> "Text":
    """One sign per member, readable without colour: ● well, ◐ on its way, ○ draining, ✗ sick."""
    from rich.text import Text

    made = Text()
    for each in instances:
        sign, colour = _dot(each)
        made.append(sign, style=colour)
    return made


def _dot(instance: Row) -> tuple[str, str]:
    if instance.get("leaving"):
        return "○", "yellow"
    if "bad" in (instance.get("health") or {}).values() or instance.get("status") == "ERROR":
        return "✗", "red"
    if instance.get("ready_at"):
        return "●", "green"
    return "◐", "cyan"


def pairs(console: "Console", about: Sequence[tuple[str, object]]) -> None:
    """Print names and values below each other, leaving out what has none."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2))
    for name, value in about:
        if value not in (None, "", []):
            made.add_row(f"[bold]{name}[/bold]", coloured(_plain(value)))
    console.print(made)


def plan(console: "Console", said: Mapping[str, Any]) -> None:
    """Print what would be done, what is lost by it, and how to hold the server to it."""
    for number, step in enumerate(said["steps"], 1):
        console.print(f"{number:3}. {step if isinstance(step, str) else step.get('text', step)}")
    if not said["steps"]:
        console.print("Nothing would change.")
    for loss in said.get("loses") or ():
        console.print(f"[red]lost:[/red] {loss}")
    console.print(
        "It can be undone." if said.get("reversible") else "[yellow]It cannot be undone.[/yellow]"
    )
    console.print(f"Held to exactly this by: --plan-hash {said['hash']}")
