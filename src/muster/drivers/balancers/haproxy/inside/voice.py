"""Talking to an HAProxy in a room, by the program `front` that its image has for that."""

from collections.abc import Sequence
from dataclasses import dataclass

from muster.base.errors import Permanent, Transient
from muster.drivers.balancers.haproxy.control import bundles, heed, processes
from muster.drivers.balancers.haproxy.inside.files import pool_read
from muster.drivers.balancers.haproxy.kept import Kept
from muster.drivers.balancers.haproxy.spread import Session
from muster.drivers.balancers.haproxy.stats import SHOW, Stats, parsed
from muster.model.command import Command, Ended
from muster.ports.rooms import Rooms

FRONT = "/usr/sbin/front"
PARTS = ("pool", "worker", "master", "log")
MARK = "%% "
PATIENCE_S = 8.0
NOT_FOUND = 127
PRESENT = 0  # the worker that is there now, where others are called by their processes
CLOSED_AT_ONCE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one look into a room tells. `workers`: the present one first, none if it is dead."""

    kept: Kept | None
    workers: Sequence[Stats] = ()
    old: Sequence[int] = ()  # processes on their way out
    log: str = ""  # the last that it said

    @property
    def first(self) -> Stats:
        return self.workers[0] if self.workers else _SILENT


_SILENT = Stats()


@dataclass(frozen=True, slots=True)
class Voice:
    """One room, as far as it can be talked to."""

    rooms: Rooms
    ref: str

    async def look(self) -> Heard:
        """Return all that is to be known of it, by one program run there, or two after a reload."""
        ended = await self._run("look", "; ".join(SHOW))
        if not ended.whole:
            raise Permanent(f"the balancer in {self.ref} says more than can be taken in")
        said = _parts(ended.output.decode(errors="replace"))
        _, old = processes(said["master"])
        first = parsed(said["worker"])
        workers = [first] if first.pid else []
        if first.pid:
            workers += [each for each in [await self._old(pid) for pid in old] if each.pid]
        return Heard(kept=pool_read(said["pool"]), workers=workers, old=old, log=said["log"])

    async def _old(self, pid: int) -> Stats:
        return parsed(await self.old_asked(pid, *SHOW))

    async def old_asked(self, pid: int, *questions: str) -> str:
        """Return what a worker on its way out answers."""
        ended = await self._run("master", *(f"@!{pid} {each}" for each in questions))
        return ended.output.decode(errors="replace")

    async def asked(self, *questions: str) -> str:
        ended = await self._run("ask", "; ".join(questions))
        return ended.output.decode(errors="replace")

    async def told(self, commands: Sequence[str]) -> None:
        """Have HAProxy do all of this. Raises `Permanent` with its words if it refuses some."""
        for several in bundles(commands):
            heed(await self.asked(several), several)

    async def close(self, several: Sequence[Session], pid: int) -> None:
        """Close these sessions of a worker. See Note [Names that are given again]."""
        lines = [f"{each.id} {each.server}" for each in several[:CLOSED_AT_ONCE]]
        if lines:
            await self._run("close", str(pid), *lines)

    async def reload(self) -> None:
        """Have HAProxy take its fresh file; raises `Permanent` with its words if it does not."""
        ended = await self._run("reload", may_fail=True)
        if ended.code:
            said = (ended.output + ended.errors).decode(errors="replace")
            lines = [line for line in said.splitlines() if "ALERT" in line] or [said.strip()]
            raise Permanent(f"HAProxy refuses the front: {lines[0]}")

    async def _run(self, verb: str, *lines: str, may_fail: bool = False) -> Ended:
        given = "".join(f"{line}\n" for line in lines).encode()
        command = Command(words=(FRONT, verb), given=given, patience_s=PATIENCE_S)
        try:
            ended = await self.rooms.run_in(self.ref, command)
        except Permanent as error:  # it has just ended, or is gone: it may be there again
            raise Transient(error.text) from None
        if ended.code == NOT_FOUND:
            raise Permanent(f"the image of {self.ref} has no {FRONT}: make it --with haproxy")
        if not ended.in_time or (ended.code and not may_fail):
            words = ended.errors.decode(errors="replace").strip() or f"code {ended.code}"
            raise Transient(f"the balancer in {self.ref} does not answer: {words}")
        return ended


def _parts(said: str) -> dict[str, str]:
    """Return what stands under each mark."""
    found = dict.fromkeys(PARTS, "")
    name = ""
    for line in said.splitlines(keepends=True):
        if line.startswith(MARK):
            name = line.removeprefix(MARK).strip()
        elif name in found:
            found[name] += line
    return found
