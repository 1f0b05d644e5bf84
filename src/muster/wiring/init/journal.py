"""The journal of `muster init`: what was wished, begun and done, so that it can go on later."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from muster.base.errors import Conflict
from muster.client.door import new_attempt
from muster.model.founding import Role, Step, Wish

FILE = "init.json"
LOCK = "init.lock"


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Be the only one that sets this machine up; a second one is refused by name."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            text = f"muster init runs on this machine already, as process {lock.read().strip()}"
            raise Conflict(text) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@dataclass(slots=True)
class Journal:
    """Written anew after each change. It holds no password and no join string."""

    file: Path
    wish: Mapping[str, Any] = field(default_factory=dict)  # of the last try
    attempt: str = field(default_factory=new_attempt)
    steps: list[dict[str, str]] = field(default_factory=list)
    verified: str = ""  # the member that has run an instance
    named: str = ""  # what the machine is called, once it is what was wished

    @classmethod
    def opened(cls, home: Path) -> "Journal":
        file = home / FILE
        try:
            said = json.loads(file.read_text())
        except (OSError, ValueError):
            return cls(file)
        known = ("wish", "attempt", "steps", "verified", "named")
        return cls(file, **{name: said[name] for name in known if name in said})

    @property
    def role(self) -> Role | None:
        return Role(self.wish["role"]) if "role" in self.wish else None

    def begin(self, wish: Wish) -> None:
        self.wish = asdict(wish)
        self._write()

    def finish(self, wish: Wish) -> None:
        self.named = wish.name
        self._write()

    def note(self, step: Step, how: str, at: datetime) -> None:
        self.steps.append({"step": step, "how": how, "at": at.isoformat()})
        if step is Step.VERIFY:
            self.verified = str(self.wish["name"]) if how == "done" else ""
        self._write()

    def _write(self) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.file.with_suffix(".new")
        said = {
            "wish": self.wish,
            "attempt": self.attempt,
            "steps": self.steps,
            "verified": self.verified,
            "named": self.named,
        }
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(said, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self.file)
