"""Fronts as only a Caddy has them: certificates of its own."""

import ssl
from dataclasses import replace
from uuid import uuid4

import pytest

import traffic
from drivers.balancers.beds import Bed
from drivers.pem.made import CERTIFICATE, KEY, PEM, trusting
from muster.model.pool import Monitor, Persistence, Traffic


async def test_https_without_one_is_signed_by_an_authority_of_our_own(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.HTTPS, dns_name="web.example")
    await bed.good(await bed.app())
    storage = bed.folder.path.parent.parent / "storage"
    context = trusting(storage / "pki" / "authorities" / "local" / "root.crt")
    context.check_hostname = True
    assert (await bed.ask(tls=context)).status == 200


async def test_two_fronts_share_the_authority(bed: Bed) -> None:
    one = await bed.app()
    bed.front = replace(bed.front, traffic=Traffic.HTTPS)
    await bed.good(one)
    roots = bed.folder.path.parent.parent / "storage" / "pki" / "authorities" / "local" / "root.crt"
    before = roots.read_text()
    bed.front = replace(bed.front, cluster_id=uuid4())
    await bed.good(one)
    assert roots.read_text() == before
    assert (await bed.ask(tls=trusting(roots))).status == 200


async def test_certificates_change_in_service_and_nobody_notices(bed: Bed) -> None:
    one = await bed.app()
    bed.front = replace(bed.front, traffic=Traffic.HTTPS)
    pool = await bed.good(one)
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    crowd = traffic.Crowd(pool.address, pool.port, tls=blind)
    async with crowd.asking(5):
        bed.front = replace(bed.front, dns_name="new.example")
        await bed.put(one)
        bed.front = replace(bed.front, certificate=CERTIFICATE, key=KEY)
        await bed.put(one)
    assert crowd.answered
    assert not crowd.failed
    assert (await bed.ask(tls=trusting(PEM / "web.pem"))).status == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"traffic": Traffic.TCP}, "plain TCP is not balanced by Caddy"),
        ({"monitor": Monitor(codes="200,404")}, "one status code"),
        ({"persistence": Persistence.APP_COOKIE, "cookie": "c"}, "a cookie of its own only"),
        ({"connections": 5}, "does not limit"),
    ],
)
async def test_what_caddy_does_not_do_is_refused(
    bed: Bed, wrong: dict[str, object], said: str
) -> None:
    await bed.refuses(said, **wrong)
