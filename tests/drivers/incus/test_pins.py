"""What the servers are held to: the file of their certificate, as it is when they are asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.pem.made import CERTIFICATE, KEY, NEXT, PEM
from muster.base.errors import Transient
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Rest

BODY = b'{"type": "sync", "metadata": {"auth": "trusted"}}'
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()


def shows(context: ssl.SSLContext, name: str) -> None:
    context.load_cert_chain(PEM / f"{name}.pem", PEM / f"{name}.key")


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(HEAD + BODY)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def written(file: Path, text: str) -> str:
    new = file.with_suffix(".new")
    new.write_text(text)
    return str(new.replace(file))


@pytest.mark.parametrize("meanwhile", ["", "both"])
async def test_another_certificate_is_believed_once_the_file_says_so(
    tmp_path: Path, meanwhile: str
) -> None:
    shows(context := ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "web")
    pinned = tmp_path / "shown.pem"
    options = Options(
        certificate=written(tmp_path / "our.pem", CERTIFICATE),
        key=written(tmp_path / "our.key", KEY),
        server_certificate=written(pinned, CERTIFICATE),
    )
    async with serving(context) as url:
        rest = Rest(Options(**{**_fields(options), "url": url}))
        try:
            assert await rest.get("/1.0") == {"auth": "trusted"}
            if meanwhile:
                written(pinned, f"{CERTIFICATE}\n{NEXT}")
                assert await rest.get("/1.0") == {"auth": "trusted"}
            shows(context, "next")
            written(pinned, NEXT)
            assert await rest.get("/1.0") == {"auth": "trusted"}
            shows(context, "web")
            written(pinned, f"{NEXT}\n")
            with pytest.raises(Transient, match="cannot be reached"):
                await rest.get("/1.0")
            written(pinned, "no certificate")
            with pytest.raises(Transient, match="cannot use"):
                await rest.get("/1.0")
            written(pinned, CERTIFICATE)
            assert await rest.get("/1.0") == {"auth": "trusted"}
        finally:
            await rest.close()


def _fields(options: Options) -> dict[str, str]:
    return {name: getattr(options, name) for name in ("certificate", "key", "server_certificate")}


async def test_a_member_that_is_no_more_is_asked_and_heard_no_more() -> None:
    web, key = str(PEM / "web.pem"), str(PEM / "web.key")
    rest = Rest(Options(url="https://one:8443", certificate=web, key=key))
    both = {"m1": "https://one:8443", "m2": "https://two:8443"}
    for told in (both, {"m1": "https://one:8443"}, both, {}):
        rest.meet(told)
        assert rest.urls == [*(told.values() or ["https://one:8443"])]
    await rest.close()
