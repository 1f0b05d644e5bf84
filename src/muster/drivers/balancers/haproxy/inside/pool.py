"""One HAProxy in a room, brought in step with what is wanted of it."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from muster.base.errors import DriverError, Transient
from muster.drivers.balancers.haproxy.config import CERTIFICATE, pem, shape
from muster.drivers.balancers.haproxy.inside.files import (
    FRESH,
    HOME,
    POOL,
    pool_text,
    sockets,
    written,
)
from muster.drivers.balancers.haproxy.inside.voice import Heard, Voice
from muster.drivers.balancers.haproxy.kept import Kept
from muster.drivers.balancers.haproxy.members import commands, deletions
from muster.drivers.balancers.haproxy.service import fingerprint
from muster.model.pool import Front

START_S = 15.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Inmate:
    voice: Voice

    async def furnish(self, kept: Kept) -> None:
        """Write all that an HAProxy begins with; it starts as soon as there is its file."""
        for name, content in written(kept, "").items():
            await self._write(name, content)
        await self._write(POOL, pool_text(kept))

    async def bring_about(self, kept: Kept, heard: Heard) -> Heard:
        """Have it be as `kept` says, by as little as that takes, and return how it is then.

        The pool itself is written down last: who is cut off before puts it again.
        """
        if heard.kept == kept and self._is_so(kept, heard):
            return heard
        await self.voice.told(commands(kept, heard.first))
        if heard.first.shape != _shape(kept):
            heard = await self._reloaded(kept, heard)
            await self.voice.told(commands(kept, heard.first))
        await self._certify(kept.front)
        for name, content in written(kept, heard.first.known).items():
            await self._write(name, content)
        await self._write(POOL, pool_text(kept))
        heard = await self.voice.look()
        for command in deletions(kept, heard.first):
            with contextlib.suppress(DriverError):  # it still has a connection
                await self.voice.told([command])
        return heard

    def _is_so(self, kept: Kept, heard: Heard) -> bool:
        first = heard.first
        return not (first.shape != _shape(kept) or commands(kept, first) or deletions(kept, first))

    async def _reloaded(self, kept: Kept, heard: Heard) -> Heard:
        """Have it read a fresh file; if it refuses that, everything is as before."""
        for name, content in written(kept, heard.first.known, FRESH).items():
            await self._write(name, content)
        await self.voice.reload()
        before, wanted = heard.first.pid, _shape(kept)
        return await self.awaited(
            lambda now: now.first.pid not in (0, before) and now.first.shape == wanted
        )

    async def awaited(self, there: Callable[[Heard], bool]) -> Heard:
        """Look until it is so; raises `Transient` with HAProxy's last words if it takes long."""
        end = asyncio.get_running_loop().time() + START_S
        while not there(heard := await self.voice.look()):
            if asyncio.get_running_loop().time() > end:
                said = heard.log.strip() or "it said nothing"
                raise Transient(f"HAProxy in {self.voice.ref} does not start: {said}")
            await asyncio.sleep(LOOK_S)
        return heard

    async def _certify(self, front: Front) -> None:
        """Give it another certificate while it runs, if it has another than it should."""
        if not front.certificate:
            return
        said = await self.voice.asked(f"show ssl cert {CERTIFICATE}")
        if fingerprint(front.certificate) in said:
            return
        await self.voice.told([f"set ssl cert {CERTIFICATE} <<\n{pem(front)}"])
        await self.voice.told([f"commit ssl cert {CERTIFICATE}"])

    async def _write(self, name: str, content: bytes) -> None:
        await self.voice.rooms.write_file(self.voice.ref, f"{HOME}/{name}", content)


def _shape(kept: Kept) -> str:
    return shape(kept.front, sockets(kept.port))
