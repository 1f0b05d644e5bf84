"""Fronts as only an HAProxy has them: limits, lists of codes, certificates without a reload."""

import asyncio
import os
import signal
import ssl
from dataclasses import replace

import pytest

import traffic
from drivers.balancers.beds import Bed
from drivers.haproxy.workers import workers
from drivers.pem.made import CERTIFICATE, KEY, NEXT, NEXT_KEY
from muster.model.pool import Condition, Monitor, Persistence, Traffic


async def test_another_certificate_comes_without_a_reload_and_nobody_notices(bed: Bed) -> None:
    one = await bed.app()
    bed.front = replace(bed.front, traffic=Traffic.HTTPS, certificate=CERTIFICATE, key=KEY)
    pool = await bed.good(one)
    before = await workers(bed)
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
    assert await workers(bed) == before
    os.kill(bed.pid, signal.SIGUSR2)  # whoever does it: the file is in step
    await traffic.until(lambda: _reloaded(bed, before))
    assert ssl.get_server_certificate((pool.address, pool.port)).split() == NEXT.split()


async def _reloaded(bed: Bed, before: list[int]) -> bool:
    return (await workers(bed))[0] not in before


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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"traffic": Traffic.HTTPS}, "HAProxy signs no certificates of its own"),
        ({"monitor": Monitor(method="GET /")}, "cannot be asked by"),
        ({"monitor": Monitor(codes="all")}, "status codes are such as"),
        ({"health_path": "/a b"}, "without blanks"),
        ({"health_path": "/a\nserver x"}, "without blanks"),
        ({"traffic": Traffic.TCP, "persistence": Persistence.HTTP_COOKIE}, "has no cookies"),
        ({"persistence": Persistence.APP_COOKIE}, "is not said"),
        ({"persistence": Persistence.HTTP_COOKIE, "cookie": "a b"}, "cannot be called"),
    ],
)
async def test_what_haproxy_does_not_do_is_refused(
    bed: Bed, wrong: dict[str, object], said: str
) -> None:
    await bed.refuses(said, **wrong)


NOTES = "Bag Attributes\n    friendlyName: web\nsubject=CN = web\n\n"


@pytest.mark.parametrize("certificate", [NOTES + CERTIFICATE, KEY + CERTIFICATE])
async def test_whatever_stands_before_a_certificate_its_pool_is_looked_after(
    bed: Bed, certificate: str
) -> None:
    one = await bed.app()
    bed.front = replace(bed.front, traffic=Traffic.HTTPS, certificate=certificate, key=KEY)
    await bed.good(one)
    await bed.put(one)
    await bed.kill()
    await traffic.until(lambda: _lives(bed))
    await bed.condition(Condition.GOOD, one)


async def _lives(bed: Bed) -> bool:
    return bool(bed.lives())


async def test_a_text_without_a_plain_certificate_is_refused(bed: Bed) -> None:
    odd = CERTIFICATE.replace("CERTIFICATE-----", "X509 CERTIFICATE-----")
    await bed.refuses("no certificate in PEM", traffic=Traffic.HTTPS, certificate=odd, key=KEY)
