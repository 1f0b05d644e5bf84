"""The server goes away and comes back; what it started does not notice, nor do its clients."""

import socket
from collections.abc import Iterator
from time import monotonic
from urllib.parse import urlsplit

import anyio
import pytest

from house import House, house, until
from traffic import Crowd, free_port
from traffic import until as wait_until

pytestmark = pytest.mark.system

CLIENTS = 4
SHARE = 250  # requests before, while and after the server is away, at least
AWAY_S = 2.0


@pytest.fixture
def serving(tmp_path) -> Iterator[tuple[House, str, int]]:
    """A house on this machine with a cluster of two, and the address of its balancer."""
    with house(tmp_path / "home") as it:
        it.start()
        with it.session() as session:
            web = {
                "name": "web",
                "image": "demo-web",
                "flavor": "tiny",
                "min_size": 2,
                "max_size": 2,
                "port": free_port(),
                "health_path": "/health",
            }
            session.call("POST", "/v1/clusters", web)
        at = urlsplit(it.settled("web")["load_balancer_url"])
        yield it, str(at.hostname), int(at.port or 80)


async def test_a_power_cut_of_the_server_fails_no_request(serving):
    it, address, port = serving
    instances, caddies = it.instances(), it.caddies()
    assert (len(instances), len(caddies)) == (2, 1)
    crowd = Crowd(address, port)

    async def some_more() -> None:
        least = crowd.answered + SHARE
        await wait_until(lambda: _reached(crowd, least), 30)

    async with crowd.asking(CLIENTS):
        await some_more()
        it.kill()
        cut = monotonic()
        await some_more()
        await anyio.sleep(max(0.0, cut + AWAY_S - monotonic()))
        await anyio.to_thread.run_sync(it.start)
        await some_more()
    assert dict(crowd.failed) == {}
    assert it.settled("web")["stack_status"] == "CREATE_COMPLETE"
    assert (it.instances(), it.caddies()) == (instances, caddies)


async def _reached(crowd: Crowd, least: int) -> bool:
    return crowd.answered >= least


def test_a_server_asked_to_end_does_so_under_an_open_stream(serving):
    it, address, port = serving
    instances, caddies = it.instances(), it.caddies()
    with socket.create_connection(("127.0.0.1", it.port), 5) as stream:
        stream.sendall(b"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        until(lambda: b"cluster.created" in stream.recv(65536), 5, "the stream tells")
        assert it.process is not None
        it.process.terminate()
        began = monotonic()
        it.process.wait(15)
        assert monotonic() - began < 10
    assert (it.instances(), it.caddies()) == (instances, caddies)
    with socket.create_connection((address, port), 5) as balancer:
        balancer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 200 " in balancer.recv(65536).partition(b"\r\n")[0]
