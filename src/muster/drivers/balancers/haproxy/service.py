"""One pool's running HAProxy: read, and brought in step with what is written down."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1

from muster.base.certificates import first_der
from muster.base.errors import DriverError, Transient
from muster.drivers.balancers.files import alone, write
from muster.drivers.balancers.haproxy import control, process, spread, stats
from muster.drivers.balancers.haproxy.config import CERTIFICATE, STATE, pem, shape
from muster.drivers.balancers.haproxy.folder import Folder, Run
from muster.drivers.balancers.haproxy.kept import Kept
from muster.drivers.balancers.haproxy.members import commands, deletions
from muster.drivers.balancers.haproxy.process import Voice
from muster.drivers.balancers.haproxy.stats import Stats
from muster.drivers.balancers.haproxy.tally import Tally
from muster.model.pool import Front

_CLOSING = "closing.lock"


@dataclass(frozen=True, slots=True)
class Moment:
    """One of the looks that are taken again and again: when, and how often."""

    now: float
    every_s: float


@dataclass(slots=True)
class Service:
    """What is remembered of one pool's HAProxy between two looks."""

    folder: Folder
    tally: Tally
    lingering: bool = True  # there may be workers on their way out
    sent_away: list[Run] = field(default_factory=list)
    _old: list[Voice] = field(default_factory=list)
    _reloads: int = 0
    _assured: tuple[int, str] = (0, "")  # which worker has been seen to have which certificate
    _health: object = None  # as last written down

    async def read(self, run: Run, now: float) -> list[Stats]:
        """Return what each worker says, the present one first, and count it."""
        first = stats.parsed(await self._present(run).asked(*stats.SHOW))
        if first.health != self._health:
            write(self.folder.path / STATE, first.known.encode())
            self._health = first.health
        workers = [first, *(await self._lingering(run) if self.lingering else [])]
        for each in workers:
            self.tally.take(each, now)
        return workers

    async def _lingering(self, run: Run) -> list[Stats]:
        """Return what the workers on their way out say; those that end meanwhile say nothing."""
        reloads = self._reloads
        self._old = await process.old_voices(self.folder, run)
        self.lingering = bool(self._old) or reloads != self._reloads
        said = []
        for voice in self._old:
            with contextlib.suppress(Transient):
                said.append(stats.parsed(await voice.asked(*stats.SHOW)))
        return [each for each in said if each.pid]

    async def bring_about(self, run: Run, kept: Kept, now: float) -> None:
        """Have it be as `kept` says. It reads its file anew only for what takes that."""
        [seen, *_] = await self.read(run, now)
        told = commands(kept, seen)
        await control.told(self.folder.path / run.stats, told)
        if seen.shape != shape(kept.front):
            await process.reload(self.folder, run, kept)
            self.lingering = True
            self._reloads += 1  # whoever asked before that has not seen all
            [seen, *_] = await self.read(run, now)
            told = commands(kept, seen)
            await control.told(self.folder.path / run.stats, told)
        await self._certify(run, kept.front, seen)
        process.write_down(self.folder, run, kept, seen.known)
        for command in deletions(kept, seen):
            with contextlib.suppress(DriverError):  # it still has a connection
                await control.told(self.folder.path / run.stats, [command])

    async def differs(self, run: Run, kept: Kept, seen: Stats) -> bool:
        """Return whether it is not as `kept` says."""
        if seen.shape != shape(kept.front) or commands(kept, seen) or deletions(kept, seen):
            return True
        if any(each not in (run, *self.sent_away) for each in process.lives(self.folder)):
            return True
        return not await self._certified(run, kept.front, seen)

    async def _certify(self, run: Run, front: Front, seen: Stats) -> None:
        """Give it another certificate while it runs, if it has another than it should."""
        if await self._certified(run, front, seen):
            return
        process.write_certificate(self.folder, front)
        socket_path = self.folder.path / run.stats
        await control.told(socket_path, [f"set ssl cert {CERTIFICATE} <<\n{pem(front)}"])
        await control.told(socket_path, [f"commit ssl cert {CERTIFICATE}"])

    async def _certified(self, run: Run, front: Front, seen: Stats) -> bool:
        if not front.certificate or self._assured == (seen.pid, front.certificate):
            return True
        said = await control.asked(self.folder.path / run.stats, f"show ssl cert {CERTIFICATE}")
        if fingerprint(front.certificate) not in said:
            return False
        self._assured = (seen.pid, front.certificate)
        return True

    async def tidy(self, run: Run, kept: Kept, workers: Sequence[Stats], moment: Moment) -> None:
        """Close what is due, and forget who has left."""
        await self._close_some(run, kept, moment)
        process.shorten(self.folder)
        self.tally.forget([*kept.names, *workers[0].servers], [each.pid for each in workers])

    async def _close_some(self, run: Run, kept: Kept, moment: Moment) -> None:
        """See Note [Names that are given again]."""
        due = spread.closing(kept, moment.now)
        for voice in [self._present(run), *self._old] if due else []:
            async with alone(self.folder.path / _CLOSING):
                there = spread.sessions(await voice.asked(spread.SHOW))
                closed = spread.shutdowns(due, there, kept.front.traffic, moment.every_s)
                for several in control.bundles([*closed]):
                    await voice.asked(several)

    def _present(self, run: Run) -> Voice:
        return Voice(self.folder.path / run.stats)


def service_of(folder: Folder) -> Service:
    """Return a service that goes on counting where the last owner stopped."""
    tally = Tally(folder.path / "counts.json")
    tally.load()
    return Service(folder, tally)


def fingerprint(certificate: str) -> str:
    """Return how HAProxy names the first certificate of a PEM text."""
    return sha1(first_der(certificate)).hexdigest().upper()
