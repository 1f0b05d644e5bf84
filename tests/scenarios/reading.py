"""The scenarios as they are written, one file per resource, for the tests and for the reference."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where there is one
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
OURS = ("settings", "people", "title")  # keys that gabbi does not know


@dataclass(frozen=True, slots=True)
class File:
    """One file: `tests` are gabbi's; the server has `settings`, and `people` who may ask it."""

    name: str
    title: str
    gabbi: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def files() -> list[File]:
    """Return every file of scenarios, in the order of their names."""
    return [_read(path) for path in sorted(HERE.glob("*.yaml"))]


def _read(path: Path) -> File:
    said = yaml.load(path.read_text(), Loader=_LOADER)
    return File(
        name=path.stem,
        title=said["title"],
        gabbi={key: value for key, value in said.items() if key not in OURS},
        settings=said.get("settings") or {},
        people=said.get("people") or {},
    )


def asked(file: File, test: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return method, path and microversion of the request that a scenario makes."""
    defaults = file.gabbi.get("defaults") or {}
    verb = next((verb for verb in VERBS if verb in test), test.get("method", "GET"))
    path = test.get(verb) or test.get("url") or defaults.get("url", "")
    headers = {**(defaults.get("request_headers") or {}), **(test.get("request_headers") or {})}
    said = {name.lower(): value for name, value in headers.items()}
    version = said.get("openstack-api-version") or "clustering 1.0"
    return verb, str(path).split("?")[0], str(version).rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the contract says, and the patterns of scenarios that show it."""

    chapter: str
    text: str
    shown_by: tuple[str, ...]


def contract() -> list[Item]:
    """Return what the contract says, in our words, in the order of its chapters."""
    said = tomllib.loads((HERE / "contract.toml").read_text())
    return [
        Item(chapter, text, tuple(shown_by))
        for chapter, items in said.items()
        for text, shown_by in items.items()
    ]


def scenarios() -> list[str]:
    """Return every scenario by its file and name."""
    return [f"{file.name}: {test['name']}" for file in files() for test in file.gabbi["tests"]]


def showing(pattern: str, known: list[str]) -> list[str]:
    """Return the scenarios that a pattern stands for."""
    plain = pattern.replace("[", "[[]")
    return [each for each in known if fnmatchcase(each, plain)]
