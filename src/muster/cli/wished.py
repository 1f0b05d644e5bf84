"""Wishes of the clustering API: asked for, waited for, told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from muster.cli.asking import NUMBER, Asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Whether to wait until an action has ended, and how long at most."""

    wait: bool
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One request, and what to say when it is done, or is only taken on."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    title: str
    done: str
    begun: str = ""  # "": that it is under way, with the action to look at


def waiting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that wishes something --wait and --timeout, as its argument `wait`."""

    @click.option("--wait/--no-wait", "wait_", default=False, help="Until it has ended.")
    @click.option("--timeout", type=NUMBER, default=600, show_default=True, help="Of --wait, in s.")
    @wraps(command)
    def run(*args: Any, wait_: bool, timeout: float, **rest: Any) -> None:
        command(*args, wait=Wait(wait=wait_, timeout=timeout), **rest)

    return run


def fulfil(asked: Asking, wish: Wish, wait: Wait) -> None:
    """Ask for it, wait if that is wanted, and say how far it has come.

    What is printed as JSON is the answer with the action's id beside it.
    """
    from muster.cli.progress import follow
    from muster.client.waiting import until_ended

    with asked.session() as session:
        answer, action = session.wish(wish.method, wish.path, wish.body)
        if wait.wait and action:
            follow(asked, wish.title, until_ended(session, action, wait.timeout))
    ended = wait.wait or not action
    told = wish.done if ended else wish.begun or f"Under way. See it: muster action show {action}"
    asked.show({**(answer or {}), "action": action}, lambda out: out.print(told))
