"""The machine that the agent is on: its files below a root, its programs, its units."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from grp import getgrgid, getgrnam
from pathlib import Path
from typing import Any

from muster.agent.runner import Result, Runner
from muster.agent.steps import Run, Unit
from muster.base.clock import Clock, SystemClock

HOME = "/var/lib/muster-agent"


@dataclass
class Machine:
    """Everything the agent can see and touch. Only what is here knows where the root is."""

    runner: Runner
    root: Path = Path("/")
    clock: Clock = field(default_factory=SystemClock)
    emulated: list[Unit] = field(default_factory=list)  # no service manager was there to tell

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str | None:
        """Return what a file says, or None where there is none to read."""
        try:
            return self.place(path).read_text(errors="surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # some files of /proc and /sys can only be written
            return None

    def raw(self, path: str) -> bytes:
        """Return what is in a file that is no text; nothing where there is none to read."""
        try:
            return self.place(path).read_bytes()
        except OSError:
            return b""

    def line(self, path: str) -> str:
        return (self.text(path) or "").strip()

    def there(self, path: str) -> bool:
        return self.place(path).exists()

    def link(self, path: str) -> str:
        """Return the last name in what a link leads to; nothing where there is no link."""
        place = self.place(path)
        return place.readlink().name if place.is_symlink() else ""

    @property
    def name(self) -> str:
        """The machine's own name, as its files have it."""
        return self.line("/etc/hostname") or self.line("/proc/sys/kernel/hostname")

    @property
    def timezone(self) -> str:
        """What the clock shows; not every machine has an /etc/timezone, or a true one."""
        clock = self.place("/etc/localtime")
        target = str(clock.readlink()) if clock.is_symlink() else ""
        return target.partition("/zoneinfo/")[2] or self.line("/etc/timezone") or "UTC"

    def names(self, path: str) -> list[str]:
        """Return what is in a folder, in order; nothing where there is none."""
        try:
            return sorted(os.listdir(self.place(path)))
        except OSError:
            return []

    def group(self, path: str) -> str:
        """Return whose a file is beside root's; nothing where that is nobody by name."""
        try:
            group = self.place(path).stat().st_gid
            return getgrgid(group).gr_name if group else ""
        except (OSError, KeyError):
            return ""

    def put(self, path: str, text: str | None, mode: int = 0o644, group: str = "") -> None:
        """Have a file be so whole or not at all; without text, not be there."""
        place = self.place(path)
        if text is None:
            place.unlink(missing_ok=True)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}.new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "w", errors="surrogateescape") as file:
            _give(file.fileno(), group)
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # so that the new name outlives a power cut
        finally:
            os.close(folder)

    def turn(self, path: str, text: str) -> None:
        """Write to a knob, which has to be there."""
        handle = os.open(self.place(path), os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(handle, "w") as file:
            file.write(text)

    def ask(self, *argv: str, timeout_s: float = 10.0) -> Result:
        """Run a program that changes nothing."""
        return self.runner.run(Run(argv, timeout_s=timeout_s, asks=True))

    def told(self, *argv: str) -> Any:
        """Return the JSON that a program prints; None where it fails or prints none."""
        said = self.ask(*argv)
        try:
            return json.loads(said.out) if said.code == 0 else None
        except ValueError:
            return None

    def report(self, *argv: str) -> dict[str, Any]:
        """Return the JSON object that a program prints, though it may fail; {} where it has none.

        Programs that tell what is wrong by their code tell it in full by what they print.
        """
        try:
            told = json.loads(self.ask(*argv).out)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def has(self, programs: Sequence[str]) -> list[str]:
        """Return which of the programs are missing."""
        return [each for each in programs if not self.runner.has(each)]

    @property
    def has_systemd(self) -> bool:
        return self.there("/run/systemd/system")

    def unit(self, unit: Unit) -> Result:
        """Tell the service manager; where there is none, keep that it would have been told."""
        if not self.has_systemd:
            self.emulated.append(unit)
            return Result()
        return self.runner.run(Run(("systemctl", unit.verb, unit.name), timeout_s=90.0))

    def rests(self, unit: str) -> bool:
        """Return whether a unit could run and does not."""
        return self.has_systemd and not self.runs(unit)

    def runs(self, unit: str) -> bool:
        if not self.has_systemd:
            return False
        return self.ask("systemctl", "is-active", "--quiet", unit).code == 0


def _give(handle: int, group: str) -> None:
    """Have a file be a group's, where there is one and whoever asks is root."""
    if not group or os.geteuid():
        return
    try:
        os.fchown(handle, -1, getgrnam(group).gr_gid)
    except KeyError:
        return
