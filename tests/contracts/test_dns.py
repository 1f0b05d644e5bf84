"""What everything that publishes names promises about them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from contracts.names import NAMES, NamesBed
from contracts.openstack_services import DESIGNATE, REAL, designate
from muster.base.errors import Permanent
from muster.model.observed import Record
from muster.ports.dns import Dns

NAME = "web.example.test"


@pytest.fixture(params=[*NAMES, pytest.param(DESIGNATE, marks=REAL)])
async def names(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NamesBed]:
    if request.param == DESIGNATE:
        async with designate(request.getfixturevalue("openstack_clouds")) as real:
            yield real
        return
    async with NAMES[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def dns(names: NamesBed) -> Dns:
    return names.dns


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
    names: NamesBed, dns: Dns
) -> None:
    await names.stranger.put_record(NAME, "10.0.0.7", uuid4())
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


async def test_names_are_the_same_however_they_are_spelled(dns: Dns) -> None:
    owner = uuid4()
    await dns.put_record("Web.Example.Test.", "10.0.0.7", owner)
    assert await dns.record(NAME) == Record(name=NAME, address="10.0.0.7", owner=owner)
