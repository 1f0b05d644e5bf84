"""Fronts: over TLS, refused, and moved."""

import asyncio
import os
import signal
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

import traffic
from drivers.haproxy.beds import Bed, member
from muster.base.errors import Permanent
from muster.drivers.balancers.haproxy.balancer import open_balancer
from muster.model.pool import (
    Condition,
    Front,
    Monitor,
    MonitorKind,
    Persistence,
    PoolWanted,
    Traffic,
)

PEM = Path(__file__).parents[1] / "pem"
CERTIFICATE = (PEM / "web.pem").read_text()
NEXT = (PEM / "next.pem").read_text()
NEXT_KEY = (PEM / "next.key").read_text()
KEY = (PEM / "web.key").read_text()
OTHER_KEY = (PEM / "other.key").read_text()


async def test_https_with_a_given_certificate(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.HTTPS, certificate=CERTIFICATE, key=KEY)
    pool = await bed.good(await bed.app())
    assert (await bed.ask(tls=_trusting(PEM / "web.pem"))).status == 200
    shown = ssl.get_server_certificate((pool.address, pool.port))
    assert shown.split() == CERTIFICATE.split()


def _trusting(root: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(root))
    context.check_hostname = False
    return context


async def test_another_certificate_comes_without_a_reload_and_nobody_notices(bed: Bed) -> None:
    one = await bed.app()
    bed.front = replace(bed.front, traffic=Traffic.HTTPS, certificate=CERTIFICATE, key=KEY)
    pool = await bed.good(one)
    before = await bed.workers()
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    crowd = traffic.Crowd(pool.address, pool.port, tls=blind)
    async with crowd.asking(5):
        bed.front = replace(bed.front, certificate=NEXT, key=NEXT_KEY)
        await bed.put(one)
    assert crowd.answered
    assert not crowd.failed
    shown = ssl.get_server_certificate((pool.address, pool.port))
    assert shown.split() == NEXT.split()
    assert await bed.workers() == before
    os.kill(bed.pid, signal.SIGUSR2)  # whoever does it: the file is in step
    await traffic.until(lambda: _reloaded(bed, before))
    assert ssl.get_server_certificate((pool.address, pool.port)).split() == NEXT.split()


async def _reloaded(bed: Bed, before: list[int]) -> bool:
    return (await bed.workers())[0] not in before


async def test_no_more_clients_at_once_than_the_limit_until_it_is_lifted(bed: Bed) -> None:
    one = await bed.app()
    bed.front = replace(bed.front, connections=1)
    await bed.good(one)
    first = asyncio.create_task(bed.ask("/hold"))
    await traffic.until(lambda: _held(one, 1))
    second = asyncio.create_task(bed.ask("/hold"))
    await asyncio.wait({second}, timeout=0.3)
    assert one.held == 1
    bed.front = replace(bed.front, connections=0)
    await bed.put(one)
    await traffic.until(lambda: _held(one, 2))
    one.release.set()
    assert {answer.status for answer in await asyncio.gather(first, second)} == {200}


async def _held(one: traffic.App, count: int) -> bool:
    return one.held == count


async def test_an_odd_path_is_asked_for_as_it_is(bed: Bed) -> None:
    path = """/we'll?a=$HOME&b=%[src]#"x"\\{"""
    bed.front = replace(bed.front, health_path=path)
    one = await bed.app()
    await bed.good(one)
    assert any(each.startswith("/we'll") for each in one.seen)


async def test_only_the_codes_that_the_monitor_names_are_well(bed: Bed) -> None:
    bed.front = replace(bed.front, monitor=Monitor(codes="201,204-205"))
    one = await bed.app()
    await bed.put(one)
    await bed.condition(Condition.BAD, one)
    bed.front = replace(bed.front, monitor=Monitor(codes="200,204-205"))
    await bed.good(one)


async def test_who_is_not_asked_is_well(bed: Bed) -> None:
    bed.front = replace(bed.front, monitor=Monitor(kind=MonitorKind.NONE))
    one = await bed.app()
    one.sick = True
    await bed.good(one)
    assert not one.seen
    assert (await bed.ask()).status == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"traffic": Traffic.HTTPS}, "HAProxy signs no certificates of its own"),
        ({"monitor": Monitor(kind=MonitorKind.PING)}, "does not ping"),
        ({"monitor": Monitor(method="GET /")}, "cannot be asked by"),
        ({"monitor": Monitor(codes="all")}, "status codes are such as"),
        ({"health_path": "/a b"}, "without blanks"),
        ({"health_path": "/a\nserver x"}, "without blanks"),
        ({"traffic": Traffic.TCP, "persistence": Persistence.HTTP_COOKIE}, "has no cookies"),
        ({"persistence": Persistence.APP_COOKIE}, "is not said"),
        ({"persistence": Persistence.HTTP_COOKIE, "cookie": "a b"}, "cannot be called"),
        ({"method": "by_mood"}, "method must be one of least_conn, round_robin, source_ip"),
        ({"health_path": "health"}, "must begin with a slash"),
        ({"port": 0}, "a port is a number from 1 to 65535"),
        ({"traffic": Traffic.HTTPS, "certificate": CERTIFICATE}, "without its key"),
        ({"traffic": Traffic.HTTPS, "key": KEY}, "without its certificate"),
        (
            {"traffic": Traffic.HTTPS, "certificate": CERTIFICATE, "key": OTHER_KEY},
            "they do not belong together",
        ),
        ({"traffic": Traffic.HTTPS, "certificate": "no", "key": "no"}, "cannot be used"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_a_reason(
    bed: Bed, wrong: dict[str, object], said: str
) -> None:
    front: Front = replace(bed.front, **wrong)  # type: ignore[arg-type]
    assert said in (await bed.balancer.refusal(front) or "")
    with pytest.raises(Permanent, match=said):
        await bed.balancer.put_pool(PoolWanted(front=front))
    assert not await bed.balancer.list_pools()


async def test_a_port_that_somebody_has_on_every_address_is_refused_by_its_number(
    bed: Bed,
) -> None:
    with socket.create_server(("0.0.0.0", bed.front.port)):
        said = f"port {bed.front.port} is taken"
        assert said in (await bed.balancer.refusal(bed.front) or "")
        with pytest.raises(Permanent, match=said):
            await bed.put()
    assert await bed.balancer.refusal(bed.front) is None
    assert not await bed.balancer.list_pools()


async def test_the_same_cluster_of_two_installations_has_two_addresses(bed: Bed) -> None:
    ours = await bed.put()
    stranger = await open_balancer(replace(bed.config, installation=uuid4()))
    try:
        theirs = await stranger.put_pool(PoolWanted(front=bed.front))
        assert theirs != ours.address
    finally:
        await stranger.stop_haproxy()


async def test_a_front_that_is_in_force_is_not_refused(bed: Bed) -> None:
    await bed.put()
    assert await bed.balancer.refusal(bed.front) is None


async def test_a_front_keeps_its_address_when_its_port_changes(bed: Bed) -> None:
    one = await bed.app()
    before = await bed.good(one)
    bed.front = replace(bed.front, port=traffic.free_port())
    after = await bed.put(one)
    assert (after.address, after.port) == (before.address, bed.front.port)
    assert (await bed.ask()).status == 200

    async def left() -> bool:
        return (await traffic.ask(before.address, before.port)).status == 0

    await traffic.until(left)


async def test_a_change_that_fails_leaves_the_old_front_in_force(bed: Bed) -> None:
    one = await bed.app()
    before = await bed.good(one)
    taken = traffic.free_port()
    with socket.create_server(("0.0.0.0", taken)):
        changed = replace(bed.front, port=taken)
        with pytest.raises(Permanent):
            await bed.balancer.put_pool(PoolWanted(front=changed, members=(member(one),)))
    after = await bed.seen()
    assert (after.port, after.front_digest) == (before.port, before.front_digest)
    assert (await bed.ask()).status == 200


async def test_one_port_for_all_fronts_if_so_set(bed: Bed) -> None:
    port = traffic.free_port()
    config = replace(bed.config, installation=uuid4(), options={"balancer_port": port})
    balancer = await open_balancer(config)
    try:
        for _ in range(2):
            front = replace(bed.front, cluster_id=uuid4())
            await balancer.put_pool(PoolWanted(front=front))
            pool = await balancer.pool(front.cluster_id)
            assert pool
            assert pool.port == port
    finally:
        await balancer.stop_haproxy()
