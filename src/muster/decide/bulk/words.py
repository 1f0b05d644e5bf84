"""What arguments of actions may be, and how one says that they are not."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Arguments = Mapping[str, Any]
Fault = tuple[str, str]
HERE = "arguments"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a server cannot become so."""

    reason: str


@dataclass(frozen=True, slots=True)
class Arg:
    wrong: Callable[[Any], str]  # what it must be, "" where it is
    about: str
    required: bool = True


def faults_in(args: Mapping[str, Arg], said: Arguments) -> Iterator[Fault]:
    """Yield what is wrong with arguments: unknown, missing, or of the wrong kind."""
    for key in said:
        if key not in args:
            yield f"{HERE}.{key}", f"is not known here; there is {', '.join(args)}"
    for key, arg in args.items():
        if said.get(key) is None:
            if arg.required:
                yield f"{HERE}.{key}", f"is required: {arg.about}"
        elif why := arg.wrong(said[key]):
            yield f"{HERE}.{key}", why


def name(about: str) -> Arg:
    def wrong(said: Any) -> str:
        good = isinstance(said, str) and _NAME.fullmatch(said)
        return "" if good else "must be a name"

    return Arg(wrong, about)


def text(about: str, like: str, must: str, *, required: bool = True) -> Arg:
    """Return what takes a text of one pattern."""
    pattern = re.compile(like)

    def wrong(said: Any) -> str:
        good = isinstance(said, str) and pattern.fullmatch(said)
        return "" if good else f"must be {must}"

    return Arg(wrong, about, required)


def among(about: str, *words: str) -> Arg:
    return Arg(lambda said: "" if said in words else f"must be one of {', '.join(words)}", about)


def whole(about: str, low: int, high: int, *, required: bool = True) -> Arg:
    must = f"must be a whole number from {low} to {high}"
    return Arg(lambda said: "" if is_whole(said, low, high) else must, about, required)


def is_whole(said: Any, low: int, high: int) -> bool:
    return isinstance(said, int) and not isinstance(said, bool) and low <= said <= high


def obj(about: str) -> Arg:
    return Arg(lambda said: "" if isinstance(said, Mapping) else "must be an object", about)
