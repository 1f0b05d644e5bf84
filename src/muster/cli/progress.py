"""A bar while something is waited for; on a pipe, lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def meanwhile(asked: Asking, title: str) -> Iterator[None]:
    """Say on a terminal what is waited for, and how long already, until the block ends."""
    if asked.as_json or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as told:
        told.add_task(title, total=None)
        yield
