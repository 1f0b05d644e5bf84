"""What an image says about itself: `muster-image.toml`, or the same as JSON."""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from muster.base.errors import Invalid

NAMES = ("muster-image.toml", "muster-image.json")
PLACEHOLDER = re.compile(r"\{(python|address|port|image|instance)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    name: str
    command: tuple[str, ...]  # {python} {address} {port} {image} {instance} are filled in
    version: str = "1"
    port: int = 8080
    health_path: str = "/health"
    env: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 1.0  # from being asked to end until being killed


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_text, value))


def _number(value: object, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and value is not True and low <= value <= high


def _environment(value: object) -> bool:
    return isinstance(value, dict) and all(
        re.fullmatch(r"[A-Za-z_]\w*", name) and isinstance(each, str) and "\0" not in each
        for name, each in value.items()
    )


# What each field may be, and how to say so.
FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_text, "a text"),
    "version": (_text, "a text"),
    "command": (_texts, "a list of texts, the program first"),
    "port": (lambda v: isinstance(v, int) and _number(v, 1, 65535), "a number from 1 to 65535"),
    "health_path": (lambda v: _text(v) and v.startswith("/"), "a path that begins with /"),
    "env": (_environment, "a table of names and texts"),
    "stop_seconds": (lambda v: _number(v, 0, 300), "a number of seconds from 0 to 300"),
}


def read(folder: Path) -> Manifest:
    """Return what the image in `folder` says; raises `Invalid` naming file or field at fault."""
    for name in NAMES:
        path = folder / name
        if path.is_file():
            return parsed(_content(path), name)
    raise Invalid(f"there is no {NAMES[0]} in the image", field=NAMES[0])


def parsed(said: object, where: str) -> Manifest:
    if not isinstance(said, dict):
        raise Invalid(f"{where} must be a table of fields", field=where)
    for name, value in said.items():
        if name not in FIELDS:
            raise Invalid(f"{where}: no field is called {name!r}", field=name)
        allowed, words = FIELDS[name]
        if not allowed(value):
            raise Invalid(f"{where}: {name} must be {words}, not {value!r}", field=name)
    for name in ("name", "command"):
        if name not in said:
            raise Invalid(f"{where}: {name} is missing", field=name)
    return Manifest(**said | {"command": tuple(said["command"])})


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with every placeholder replaced; other braces stay as they are."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def placeholders(image: Path, listen: str, instance: str) -> Mapping[str, str]:
    address, _, port = listen.rpartition(":")
    return {
        "python": sys.executable,
        "address": address,
        "port": port,
        "image": str(image),
        "instance": instance,
    }


def _content(path: Path) -> object:
    try:
        text = path.read_text()
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise Invalid(f"{path.name} cannot be read: {error}", field=path.name) from None
