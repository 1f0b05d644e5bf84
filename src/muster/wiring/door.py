"""The door of a house: where machines become members, on an address of its own, by TLS."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from muster.base.enduring import enduring
from muster.base.errors import Invalid
from muster.drivers import papers
from muster.drivers.incus.gate import IncusGate
from muster.model.enrolment import Doorway
from muster.settings import Settings
from muster.wiring.fittings import parted

if TYPE_CHECKING:
    from muster.wiring.house import House

WATCH_S = 15.0


class Beside(uvicorn.Server):
    """A server beside another, which is the one that signals end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def doorway_of(settings: Settings, now: datetime) -> Doorway | None:
    """Return where machines come in, None for nowhere; its certificate is made first."""
    if not settings.door:
        return None
    certificate, key = _files(settings.home)
    if not (certificate.exists() and key.exists()):
        _lay_down(certificate, key, *papers.made("muster door", now))
    return Doorway(address=settings.door, fingerprint=papers.fingerprint(certificate))


async def door_of(house: "House") -> tuple[Beside, socket.socket] | None:
    """Return the server of the door and its socket, None where there is none."""
    from muster.api.app import ON_ERROR
    from muster.api.enrolment.door import build
    from muster.service.enrolment.door import Door

    settings = house.settings
    if not settings.door:
        return None
    said = settings.clouds.get(settings.default_cloud, {})
    if said.get("kind") != "incus":
        text = (
            f"door is {settings.door}, and machines become members of the default cloud, which is "
            f"'{settings.default_cloud}': set default_cloud to one of kind incus in the settings"
        )
        raise Invalid(text, field="door")
    gate = IncusGate(parted(said)[0])
    house.closing.push_async_callback(gate.close)

    async def welcome() -> None:
        await house.look_again(settings.default_cloud)

    watching = asyncio.create_task(_watch(gate, welcome))
    house.closing.callback(watching.cancel)
    certificate, key = _files(settings.home)
    config = uvicorn.Config(
        build(Door(house.desk, gate, welcome), ON_ERROR),
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=3,
    )
    return Beside(config), _listening(settings.door)


# Note [Members that nobody told of]
# A machine whose power goes between joining and saying so is a member all the same, and others
# join by hand. So who there is is looked at now and then.
async def _watch(gate: IncusGate, welcome: Callable[[], Awaitable[None]]) -> None:
    """Look again where members came or went. See Note [Members that nobody told of]."""
    known: frozenset[str] | None = None
    while True:
        with enduring("door", OSError):
            there = frozenset(seat.name for seat in await gate.seats())
            if known is not None and there != known:
                await welcome()
            known = there
        await asyncio.sleep(WATCH_S)


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        text = f"cannot listen on {address}, where machines come in: {error.strerror or error}"
        raise Invalid(text, field="door") from None


def _files(home: Path) -> tuple[Path, Path]:
    return home / "door" / "certificate.pem", home / "door" / "key.pem"


def _lay_down(certificate: Path, key: Path, shown: str, kept: str) -> None:
    certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(kept)
    certificate.write_text(shown)
