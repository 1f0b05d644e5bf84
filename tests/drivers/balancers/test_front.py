"""Fronts: over TLS, refused, and moved."""

import socket
import ssl
from dataclasses import replace
from uuid import uuid4

import pytest

import traffic
from drivers.balancers.beds import Bed, member
from drivers.pem.made import CERTIFICATE, KEY, OTHER_KEY, PEM, trusting
from muster.base.errors import Permanent
from muster.model.pool import (
    Condition,
    Monitor,
    MonitorKind,
    Persistence,
    PoolWanted,
    Traffic,
)


async def test_https_with_a_given_certificate(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.HTTPS, certificate=CERTIFICATE, key=KEY)
    pool = await bed.good(await bed.app())
    assert (await bed.ask(tls=trusting(PEM / "web.pem"))).status == 200
    shown = ssl.get_server_certificate((pool.address, pool.port))
    assert shown.split() == CERTIFICATE.split()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"monitor": Monitor(kind=MonitorKind.PING)}, "does not ping"),
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
    await bed.refuses(said, **wrong)


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
    stranger = await bed.kind.open(replace(bed.config, installation=uuid4()))
    try:
        theirs = await stranger.put_pool(PoolWanted(front=bed.front))
        assert theirs != ours.address
    finally:
        await stranger.end_all()


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
    balancer = await bed.kind.open(config)
    try:
        for _ in range(2):
            front = replace(bed.front, cluster_id=uuid4())
            await balancer.put_pool(PoolWanted(front=front))
            pool = await balancer.pool(front.cluster_id)
            assert pool
            assert pool.port == port
    finally:
        await balancer.end_all()


async def test_a_client_is_kept_with_one_member_by_a_cookie_of_the_balancers(bed: Bed) -> None:
    bed.front = replace(
        bed.front,
        method="round_robin",
        persistence=Persistence.HTTP_COOKIE,
        cookie="kept",
        monitor=Monitor(kind=MonitorKind.TCP),
    )
    apps = [await bed.app(), await bed.app()]
    await bed.good(*apps)
    cookie = (await bed.ask()).cookie
    assert cookie.startswith("kept=")
    before = {app.name: app.requests for app in apps}
    for _ in range(6):
        assert (await bed.ask(cookie=cookie)).status == 200
    assert sorted(app.requests - before[app.name] for app in apps) == [0, 6]


@pytest.mark.parametrize("kind", [MonitorKind.TCP, MonitorKind.NONE])
async def test_members_that_are_not_asked_by_http_serve_whatever_they_would_answer(
    bed: Bed, kind: MonitorKind
) -> None:
    bed.front = replace(bed.front, monitor=Monitor(kind=kind))
    app = await bed.app()
    app.sick = True
    await bed.good(app)
    assert app.seen["/health"] == 0
    assert (await bed.ask()).status == 200


async def test_a_member_is_well_if_it_answers_the_code_that_was_asked_for(bed: Bed) -> None:
    bed.front = replace(bed.front, monitor=Monitor(codes="299"))
    app = await bed.app()
    await bed.put(app)
    await bed.condition(Condition.BAD, app)
    bed.front = replace(bed.front, monitor=Monitor(codes="200-299"))
    await bed.good(app)
