"""A Caddy that is killed while it answers does not answer, whatever came of it."""

import asyncio

import pytest

from muster.base.errors import Transient
from muster.drivers.balancers.caddy import admin

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TORN = [
    b"",
    b"HTTP/1.1 2",
    HEAD + b"\r\n",
    HEAD + b'\r\n[{"address": "127.0',
    CHUNKED + b"ff\r\n[{",
    CHUNKED + b"zz",
]


@pytest.fixture(params=TORN)
async def dying(request, tmp_path):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(request.param)
        writer.close()

    where = tmp_path / "admin.sock"
    async with await asyncio.start_unix_server(answer, where):
        yield where


async def test_what_is_torn_is_no_answer(dying):
    with pytest.raises(Transient):
        await admin.open_requests(dying)
    assert not await admin.answers(dying)
