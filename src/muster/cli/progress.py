"""A bar while something is waited for; on a pipe, lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from muster.cli.asking import Asking

if TYPE_CHECKING:
    from muster.client.waiting import Progress


def follow(asked: Asking, title: str, steps: Iterator["Progress"]) -> None:
    """Show progress until it is finished; what the iterator raises ends the command."""
    if asked.as_json:
        for _ in steps:
            pass
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[reason]}"),
    )
    with Progress(*columns, console=asked.console()) as bar:
        task = bar.add_task(title, total=None, reason="")
        for now in steps:
            bar.update(task, completed=now.done, total=max(now.total, 1), reason=now.reason)
