"""Whether a Caddy that was started serves its front."""

import asyncio
import contextlib
import ssl
from pathlib import Path

from muster.drivers.balancers.caddy import admin
from muster.drivers.balancers.caddy.config import names_of
from muster.drivers.balancers.caddy.slots import Kept
from muster.model.pool import Traffic

_DEADLINE_S = 2.0


# Note [Signing takes a moment]
# Caddy answers before its own authority has signed the front's certificate, and refuses
# clients until then. While an earlier Caddy listens at the same address nobody can say
# which of the two a connection gets, so there the written certificate must do.
async def ready(kept: Kept, admin_socket: Path, storage: Path, *, beside: bool) -> bool:
    """Return True once clients would be served. See Note [Signing takes a moment]."""
    if not await admin.answers(admin_socket):
        return False
    if kept.front.traffic is not Traffic.HTTPS or kept.front.certificate:
        return True
    signed = all(_certificate(storage, name).exists() for name in names_of(kept))
    return signed and (beside or await _speaks_tls(kept))


def _certificate(storage: Path, name: str) -> Path:
    safe = name.lower().replace("*", "wildcard_")
    return storage / "certificates" / "local" / safe / f"{safe}.crt"


async def _speaks_tls(kept: Kept) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_DEADLINE_S):
            _, writer = await asyncio.open_connection(
                kept.address, kept.port, ssl=context, server_hostname=kept.front.dns_name
            )
        writer.close()
        return True
    return False
