"""Run programs: really, or only write down that one would have."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import environ
from shutil import which
from typing import Protocol

from muster.agent.steps import Run

NO_SUCH, TOO_LONG = 127, 124
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Result:
    code: int = 0
    out: str = ""
    err: str = ""

    @property
    def said(self) -> str:
        return (self.err or self.out).strip()[-500:]


class Runner(Protocol):
    def run(self, command: Run) -> Result:
        """Run a program to its end. 127: there is none; 124: it took too long."""
        ...

    def has(self, program: str) -> bool:
        """Return whether there is such a program."""
        ...


class RealRunner:
    def run(self, command: Run) -> Result:
        try:
            done = subprocess.run(
                command.argv,
                input=command.text,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=command.timeout_s,
                env={**environ, "PATH": PATH, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            )
        except FileNotFoundError:
            return Result(NO_SUCH, err=f"there is no program {command.argv[0]}")
        except subprocess.TimeoutExpired:
            return Result(
                TOO_LONG, err=f"{command.argv[0]} took longer than {command.timeout_s:g} s"
            )
        return Result(done.returncode, done.stdout, done.stderr)

    def has(self, program: str) -> bool:
        return which(program, path=PATH) is not None


Script = Callable[[tuple[str, ...]], Result | None]


@dataclass
class RecordingRunner:
    """Runs nothing, writes down what it was told, and answers by its script."""

    script: Script | None = None
    lacking: frozenset[str] = frozenset()
    ran: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    texts: dict[tuple[str, ...], str] = field(default_factory=dict)

    def run(self, command: Run) -> Result:
        (self.asked if command.asks else self.ran).append(command.argv)
        if command.text:
            self.texts[command.argv] = command.text
        return (self.script(command.argv) if self.script else None) or Result()

    def has(self, program: str) -> bool:
        return program not in self.lacking


def answering(answers: Mapping[str, Result | str]) -> Script:
    """Return a script that answers by the beginning of a command line, the longest first."""

    def script(argv: tuple[str, ...]) -> Result | None:
        line = " ".join(argv)
        for start in sorted(answers, key=len, reverse=True):
            if line.startswith(start):
                found = answers[start]
                return Result(out=found) if isinstance(found, str) else found
        return None

    return script
