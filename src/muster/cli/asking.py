"""What every command has at hand: the server, and how to print."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.types import FloatParamType

if TYPE_CHECKING:
    from rich.console import Console

    from muster.client.http import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    url: str
    token: str
    user: str
    password: str
    project: str
    ca: str
    as_json: bool

    @classmethod
    def said(cls, *, as_json: bool = False, **options: str | None) -> "Asking":
        """Return what the options, the environment and the defaults amount to."""
        url = options.pop("url", None) or _default_url()
        return cls(url=url.rstrip("/"), as_json=as_json, **{k: v or "" for k, v in options.items()})

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """Open a conversation; what the server refuses ends the command with its words."""
        from muster.client.http import Access, ApiError, Session, Unreachable
        from muster.client.waiting import Failed

        self._check()
        access = Access(
            url=self.url,
            token=self.token,
            user=self.user,
            password=self.password,
            project=self.project,
            verify=self.ca or True,
        )
        try:
            with Session(access) as session:
                yield session
        except ApiError as error:
            raise click.ClickException(_told(error)) from None
        except (Unreachable, Failed) as error:
            raise click.ClickException(str(error)) from None

    def _check(self) -> None:
        """Refuse by the option's name what no request could be made with."""
        for name in ("token", "project"):
            if not getattr(self, name).isascii():
                raise click.BadParameter("has letters outside of ASCII", param_hint=f"--{name}")
        if self.ca:
            import ssl

            try:
                ssl.create_default_context(cafile=self.ca)
            except (OSError, ssl.SSLError) as error:
                text = f"no certificates can be read from '{self.ca}': {error.strerror or error}"
                raise click.BadParameter(text, param_hint="--ca") from None

    def console(self) -> "Console":
        from rich.console import Console

        # On a pipe there is no width to fit into: a row stays a line.
        return Console(highlight=False, width=None if sys.stdout.isatty() else 240)

    def show(self, answer: object, people: Callable[["Console"], None]) -> None:
        """Print `answer` as JSON where that was asked for, else let `people` print it."""
        if self.as_json:
            click.echo(json.dumps(answer, indent=2))
        else:
            people(self.console())


def _default_url() -> str:
    listen = os.environ.get("MUSTER_LISTEN", "127.0.0.1:8778")
    scheme = "https" if os.environ.get("MUSTER_TLS_CERTIFICATE") else "http"
    return f"{scheme}://{listen}"


def _told(error: Any) -> str:
    """Say what was refused, every field at fault on a line of its own."""
    lines = [str(error.message)]
    for each in error.errors:
        if isinstance(each, dict) and not _is_said(each, lines[0]):
            lines.append(f"  {each.get('field')}: {each.get('message')}")
    lines += [f"  possible instead: {each}" for each in error.ways_out]
    if error.status == 401:
        lines.append("Say who you are with --token, or --user and --password (MUSTER_TOKEN ...).")
    return "\n".join(lines)


def _is_said(fault: Mapping[str, Any], head: str) -> bool:
    return str(fault.get("field")) in head and str(fault.get("message")) in head


class Number(FloatParamType):
    """A number that JSON has: not infinite, and not "not a number"."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or end the command naming the option."""
        made = float(super().convert(value, param, ctx))
        if not isfinite(made):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return made


NUMBER = Number()


def text_of(path: str, option: str) -> str:
    """Return what a file holds; one that is no text ends the command naming the option."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path}: {error}", param_hint=option) from None


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the `Asking` of this call as its first argument, and let it take --json."""

    @click.option("--json", "json_here", is_flag=True, help="Print JSON instead of tables.")
    @click.pass_obj
    @wraps(command)
    def run(asked: Asking, /, *args: Any, json_here: bool = False, **options: Any) -> None:
        from dataclasses import replace

        command(replace(asked, as_json=asked.as_json or json_here), *args, **options)

    return run
