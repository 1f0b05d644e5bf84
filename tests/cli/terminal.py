"""A terminal in which `muster` is typed, without the half second that a process takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from house import House
from muster.cli.main import tree


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Terminal:
    """Types commands to the server of a house; a traceback fails the test."""

    house: House
    environ: Mapping[str, str]

    def __call__(self, *words: str, typed: str = "") -> Said:
        env = {"MUSTER_URL": self.house.url, "COLUMNS": "240", **self.environ}
        done = CliRunner().invoke(
            tree, words, input=typed, env=env, catch_exceptions=False, prog_name="muster"
        )
        return Said(done.exit_code, done.stdout, done.stderr)

    def good(self, *words: str, typed: str = "") -> str:
        """Return what a command printed that must succeed."""
        said = self(*words, typed=typed)
        assert said.code == 0, said
        return said.out

    def asked(self, *words: str) -> Any:
        """Return the JSON that a command printed that must succeed."""
        return json.loads(self.good("--json", *words))

    def refused(self, *words: str, code: int = 1) -> str:
        """Return the words with which a command was refused."""
        said = self(*words)
        assert said.code == code, said
        return said.err


def terminal(house: House, **environ: str) -> Terminal:
    return Terminal(house, environ)
