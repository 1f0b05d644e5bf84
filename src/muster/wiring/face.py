"""What this process shows to its clients: its files, or what all servers were told to show."""

import asyncio
import ssl
from dataclasses import dataclass, field

from muster.base.certificates import serving
from muster.base.errors import Invalid, MusterError
from muster.base.log import log
from muster.model.system import SHOWN, SHOWN_KEY
from muster.ports.store import Store

EVERY_S = 5.0


# Note [Another certificate without a restart]
# A server's TLS cannot be exchanged while it listens, but it is asked at each handshake which one
# is to go on with it. So connections that are open go on as they are, and the next one is shown
# the new certificate. The first one, of the files, is needed to begin with, and is shown again
# to nobody once there is another.
@dataclass
class TlsFace:
    """See Note [Another certificate without a restart]."""

    _now: ssl.SSLContext | None = field(default=None)

    def began(self, first: ssl.SSLContext) -> ssl.SSLContext:
        """Return what a server listens with that shows what it is told to."""
        first.sni_callback = self._choose
        return first

    def turn(self, chain: str, key: str) -> None:
        made = serving(chain, key)
        if made is None:
            raise Invalid("is no certificate with its key, in PEM", field="certificate")
        self._now = made

    def _choose(self, line: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
        if self._now:
            line.context = self._now


async def follow(store: Store, face: TlsFace, now: str) -> None:
    """Show what all servers over one database are told to show, for ever."""
    while True:
        await asyncio.sleep(EVERY_S)
        now = await turned(store, face, now)


async def turned(store: Store, face: TlsFace, now: str) -> str:
    """Show what is wanted; return what that is, `now` being what it was."""
    try:
        chain, key = await store.read(
            lambda tx: (tx.settings.get(SHOWN) or "", tx.settings.get(SHOWN_KEY) or "")
        )
        if chain in ("", now):
            return now
        face.turn(chain, key)
    except MusterError as error:
        log().warning("face.unknown", code=error.code, reason=error.text)
        return now
    log().info("face.changed")
    return chain
