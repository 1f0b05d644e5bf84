"""The demonstration server: burns what it is told, answers health at once, ends politely."""

import http.client
import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from drivers.local.grounds import an_order, demo, pids, until
from muster.drivers.local import processes
from muster.model.observed import Server
from muster.model.pool import Traffic
from muster.ports.cloud import Cloud
from muster.ports.prober import Question

PORT = 8123


async def started(cloud: Cloud, name: str = "demo-web") -> Server:
    server = await cloud.compute.create_server(an_order(await demo(cloud, name), port=PORT))
    await until(lambda: listens(server.address))
    return server


def listens(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, PORT)) == 0


def ask(server: Server, method: str, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(server.address, PORT, timeout=10)
    connection.request(method, path, headers={"Connection": "close"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return answer.status, said


@pytest.mark.parametrize(("name", "version"), [("demo-web", "1"), ("demo-web-v2", "2")])
async def test_it_tells_its_version_and_instance(cloud: Cloud, name: str, version: str) -> None:
    server = await started(cloud, name)
    status, said = ask(server, "GET", "/")
    assert status == 200
    assert (said["version"], said["instance"]) == (version, str(server.server_id))
    assert ask(server, "GET", "/nowhere")[0] == 404


async def test_it_burns_what_it_is_told(cloud: Cloud) -> None:
    server = await started(cloud)
    [before] = await cloud.compute.usage()
    assert ask(server, "GET", "/work?ms=300")[1]["burned_ms"] == 300
    [after] = await cloud.compute.usage()
    assert 0.28 <= after.cpu_s - before.cpu_s <= 0.5


async def test_it_is_sick_on_request_and_the_probe_says_so(cloud: Cloud) -> None:
    server = await started(cloud)
    question = Question(
        node_id=server.node_id,
        server_id=server.server_id,
        address=server.address,
        port=PORT,
        path="/health",
        traffic=Traffic.HTTP,
    )
    for path, answer in (("/sick", "answered 503 to GET /health"), ("/well", None)):
        assert ask(server, "POST", path)[0] == 200
        assert await cloud.prober.ask([question]) == {server.node_id: answer}


async def test_health_is_answered_at_once_however_much_waits(cloud: Cloud) -> None:
    server = await started(cloud)
    waiting = [send(server, "/work?ms=50") for _ in range(20)]
    assert ask(server, "GET", "/health")[0] == 200
    answered, _, _ = select.select(waiting, [], [], 0)
    assert len(answered) < 10
    assert [read(each)[:15] for each in waiting] == [b"HTTP/1.1 200 OK"] * 20


async def test_asked_to_end_it_answers_all_that_has_come_first(cloud: Cloud) -> None:
    server = await started(cloud)
    [pid] = pids_of(server)
    waiting = [send(server, "/work?ms=10") for _ in range(30)]
    os.kill(pid, signal.SIGTERM)
    assert [read(each)[:15] for each in waiting] == [b"HTTP/1.1 200 OK"] * 30
    await until(lambda: not pids_of(server))


async def test_it_keeps_a_connection_and_the_order_of_answers(cloud: Cloud) -> None:
    server = await started(cloud)
    with socket.create_connection((server.address, PORT), timeout=5) as stream:
        stream.sendall(
            b"GET /work?ms=20 HTTP/1.1\r\nHost: x\r\n\r\n"
            b"POST /well HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
            b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        got = read(stream)
    assert got.count(b"HTTP/1.1 200 OK") == 3
    assert got.index(b"burned_ms") < got.index(b'"sick": false') < got.index(b'"well"')


@pytest.mark.parametrize(
    "nonsense", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\r\n\r\n"]
)
async def test_nonsense_is_answered_and_does_no_harm(cloud: Cloud, nonsense: bytes) -> None:
    server = await started(cloud)
    with socket.create_connection((server.address, PORT), timeout=5) as stream:
        stream.sendall(nonsense)
        assert read(stream).startswith(b"HTTP/1.1 400")
    assert ask(server, "GET", "/health")[0] == 200


async def test_it_answers_soon_after_it_was_asked_for(cloud: Cloud) -> None:
    image = await demo(cloud)
    took = []
    for _ in range(5):
        began = time.monotonic()
        server = await cloud.compute.create_server(an_order(image, port=PORT))
        await until(lambda server=server: listens(server.address))
        took.append(time.monotonic() - began)
    assert min(took) < 0.4


def pids_of(server: Server) -> list[int]:
    return [each.pid for each in processes.members(str(server.server_id), None)]


def send(server: Server, path: str) -> socket.socket:
    stream = socket.create_connection((server.address, PORT), timeout=10)
    stream.sendall(f"GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
    return stream


def read(stream: socket.socket) -> bytes:
    got = b""
    while more := stream.recv(65536):
        got += more
    stream.close()
    return got


def test_it_is_written_for_nothing_but_the_standard_library() -> None:
    assert pids(an_order("x")) == []
    folder = Path(__file__).parents[3] / "src/muster/drivers/local/images"
    assert sorted(os.listdir(folder / "demo-web-v2")) == ["muster-image.toml"]
