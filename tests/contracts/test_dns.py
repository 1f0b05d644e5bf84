"""What every cloud that publishes names promises about them."""

from uuid import UUID, uuid4

import pytest

from contracts.clouds import Bed
from muster.base.errors import Permanent
from muster.model.observed import Record
from muster.ports.dns import Dns

NAME = "web.example.test"


@pytest.fixture
def dns(bed: Bed) -> Dns:
    if not bed.cloud.dns:
        pytest.skip("this cloud publishes no names")
    return bed.cloud.dns


async def test_a_name_that_was_put_is_there(dns: Dns) -> None:
    owner = uuid4()
    await dns.put_record(NAME, "10.0.0.7", owner)
    assert await dns.record(NAME) == Record(name=NAME, address="10.0.0.7", owner=owner)
    assert [record.name for record in await dns.list_records()] == [NAME]


async def test_nothing_stands_under_a_name_that_nobody_put(dns: Dns) -> None:
    assert await dns.record("nobody.example.test") is None


async def test_putting_again_moves_it(dns: Dns) -> None:
    owner = uuid4()
    for address in ("10.0.0.7", "10.0.0.7", "10.0.0.8"):
        await dns.put_record(NAME, address, owner)
    [record] = await dns.list_records()
    assert record.address == "10.0.0.8"


async def test_a_name_that_another_cluster_holds_is_not_taken(dns: Dns) -> None:
    owner = uuid4()
    await dns.put_record(NAME, "10.0.0.7", owner)
    with pytest.raises(Permanent):
        await dns.put_record(NAME, "10.0.0.8", uuid4())
    await dns.drop_record(NAME, uuid4())
    assert await dns.record(NAME) == Record(name=NAME, address="10.0.0.7", owner=owner)


async def test_a_name_of_another_installation_is_seen_but_neither_listed_nor_taken(
    bed: Bed, dns: Dns
) -> None:
    if not bed.stranger.dns:
        pytest.skip("this cloud publishes no names")
    await bed.stranger.dns.put_record(NAME, "10.0.0.7", uuid4())
    found = await dns.record(NAME)
    assert found
    assert found.owner == UUID(int=0)
    assert not await dns.list_records()
    with pytest.raises(Permanent):
        await dns.put_record(NAME, "10.0.0.8", uuid4())


async def test_a_dropped_name_is_gone_and_dropping_it_again_is_no_error(dns: Dns) -> None:
    owner = uuid4()
    await dns.put_record(NAME, "10.0.0.7", owner)
    for _ in range(2):
        await dns.drop_record(NAME, owner)
    assert await dns.record(NAME) is None
    await dns.put_record(NAME, "10.0.0.9", uuid4())
