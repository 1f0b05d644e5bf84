"""What the prober says of applications that answer oddly, late or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest

from muster.drivers.prober import HttpProber
from muster.model.pool import Traffic
from muster.ports.prober import Question


def a_question(port: int, path: str = "/health", traffic: Traffic = Traffic.HTTP) -> Question:
    return Question(
        node_id=uuid4(),
        server_id=uuid4(),
        address="127.0.0.1",
        port=port,
        path=path,
        traffic=traffic,
    )


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer every connection so, or never if None; gives the port and what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], asked
    server.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.0 204\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\n\r\n", None),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "answered 404 to GET /health"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "answered 503 to GET /health"),
        (b"SSH-2.0-OpenSSH\r\n", "answered no HTTP on port"),
        (b"HTTP/1.1 fine\r\n", "answered no HTTP on port"),
        (b"", "closed the connection without an answer"),
        (b"x" * 100_000, "127.0.0.1:"),
    ],
)
async def test_an_answer_is_judged(answer: bytes, said: str | None) -> None:
    async with answering(answer) as (port, _):
        question = a_question(port)
        judged = (await HttpProber().ask([question]))[question.node_id]
    assert judged is None if said is None else judged and judged.startswith(said)


async def test_silence_is_waited_for_no_longer_than_said() -> None:
    async with answering(None) as (port, _):
        questions = [a_question(port) for _ in range(20)]
        async with asyncio.timeout(2):
            answers = await HttpProber(0.1).ask(questions)
    assert set(answers.values()) == {"no answer within 0.1 s"}


async def test_nobody_there_is_said() -> None:
    question = a_question(1)
    assert await HttpProber().ask([question]) == {question.node_id: "nothing listens on port 1"}


async def test_plain_tcp_is_only_connected_to() -> None:
    async with answering(None) as (port, asked):
        question = a_question(port, traffic=Traffic.TCP)
        assert await HttpProber().ask([question]) == {question.node_id: None}
    assert asked in ([], [b""])


async def test_an_application_without_tls_is_not_well_by_https() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (port, _):
        question = a_question(port, traffic=Traffic.HTTPS)
        assert (await HttpProber(1.0).ask([question]))[question.node_id]


async def test_an_odd_path_stays_one_line() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (port, asked):
        await HttpProber().ask([a_question(port, "/a b\r\nX: y?c=%20")])
    assert asked == [b"GET /a%20b%0D%0AX:%20y?c=%20 HTTP/1.1\r\n"]


@pytest.mark.parametrize(
    ("codes", "well"),
    [("404", True), ("200,404", True), ("400-499", True), ("200", False), ("200-299,500", False)],
)
async def test_what_counts_as_well_is_what_was_asked_for(codes: str, well: bool) -> None:
    async with answering(b"HTTP/1.1 404 Not Found\r\n\r\n") as (port, asked):
        question = replace(a_question(port), method="HEAD", codes=codes)
        answer = (await HttpProber().ask([question]))[question.node_id]
    assert (answer is None) is well
    assert asked == [b"HEAD /health HTTP/1.1\r\n"]
