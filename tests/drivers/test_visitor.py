"""Polling addresses: what counts as an answer, how often it is tried, and what a refusal means."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import anyio
import pytest

from muster.drivers.visitor import HttpVisitor
from muster.ports.prober import Visit

PEM = Path(__file__).parent / "pem"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\npassing"


@dataclass
class Site:
    """Answers one after another, the last one for ever."""

    answers: list[bytes]
    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split()[1].decode())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer:
            writer.write(answer)
        else:
            await reader.read()  # until whoever asks has had enough
        writer.close()


@asynccontextmanager
async def a_site(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    site = Site(list(answers))
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    server.close()


@pytest.fixture(scope="module")
async def visitor() -> AsyncIterator[HttpVisitor]:
    """Return a visitor, made once: it reads all authorities of this machine."""
    made = HttpVisitor()
    yield made
    await made.close()


def at(port: int, scheme: str = "http", **but: object) -> Visit:
    """Name a visit that is tried once, and waits ten seconds for its answer."""
    plain = {"node_id": UUID(int=1), "url": f"{scheme}://127.0.0.1:{port}/up", "pause_s": 100.0}
    return Visit(**plain | {"tries": 1} | but)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "expect", "said"),
    [
        (OK, "", None),
        (OK, "pass(ing|ed)", None),
        (OK, "^healthy$", "does not say '^healthy$'"),
        (OK, "pass(?!ing)", "does not say 'pass(?!ing)'"),  # beyond what is searched for
        (OK.replace(b"200 OK", b"503 No"), "", "answered 503"),
        (b"HTTP/1.1 204 Nothing\r\n\r\n", "", None),
        (b"what?\r\n\r\n", "", "/up: "),
    ],
)
async def test_an_answer_is_judged(visitor, answer, expect, said):
    async with a_site(answer) as site:
        why = await visitor.visit(at(site.port, expect=expect))
    assert (why is None) if said is None else said in (why or "")
    assert site.asked == ["/up"]


async def test_it_is_tried_as_often_as_asked_for_and_one_good_answer_is_enough(visitor):
    bad = OK.replace(b"200", b"500")
    async with a_site(bad, bad, OK) as site:
        assert await visitor.visit(at(site.port, tries=3, pause_s=0.0)) is None
        assert len(site.asked) == 3
    async with a_site(bad) as site:
        assert "answered 500" in (await visitor.visit(at(site.port, tries=3, pause_s=0.0)) or "")
        assert len(site.asked) == 3


@pytest.mark.parametrize("ill", [True, False])
async def test_no_connection_is_an_illness_only_where_its_owner_says_so(visitor, ill):
    async with a_site(OK) as site:
        pass
    why = await visitor.visit(at(site.port, refused_is_ill=ill))
    assert (why is not None) is ill


async def test_a_wrong_answer_is_an_illness_whatever_is_said_of_connections(visitor):
    async with a_site(OK) as site:
        assert await visitor.visit(at(site.port, expect="no", refused_is_ill=False))


async def test_silence_is_waited_for_a_second_and_no_longer(visitor):
    async with a_site(b"") as site:
        assert "no answer within 1 s" in (await visitor.visit(at(site.port, pause_s=0.0)) or "")


@pytest.mark.parametrize(
    "url", ["http://", "http://[bad", "ftp://127.0.0.1/x", "http://no.invalid/"]
)
async def test_an_address_that_is_none_is_said_and_breaks_nothing(visitor, url):
    assert await visitor.visit(Visit(node_id=UUID(int=1), url=url, tries=1))


async def test_a_certificate_is_verified_unless_its_owner_does_not_want_that(visitor):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM / "web.pem", PEM / "web.key")
    async with a_site(OK, tls=context) as site:
        assert "certificate" in (await visitor.visit(at(site.port, "https")) or "").lower()
        assert await visitor.visit(at(site.port, "https", verify=False)) is None


async def test_an_endless_answer_is_read_to_a_point(visitor):
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 20)
    async with a_site(endless) as site:
        assert await visitor.visit(at(site.port, expect="x{5}")) is None


async def test_a_pattern_made_to_take_for_ever_takes_no_time(visitor):
    """Backtracking over this answer would take longer than anybody lives."""
    body = b"a" * 200_000 + b"!"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    async with a_site(head + body) as site:
        with anyio.fail_after(20):
            why = await visitor.visit(at(site.port, expect="^(a+)+$", pause_s=100.0))
    assert why is not None
    assert "does not say" in why
