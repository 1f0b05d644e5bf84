"""Names in Designate: which zone, whose they are, and until when they are waited for."""

from uuid import UUID, uuid4

import pytest

from drivers.openstack.written import WrittenRest
from drivers.openstack.zones import PAGE, Names
from muster.base.errors import Invalid, Permanent, Transient
from muster.drivers.openstack.designate import Designate, Options, parsed

OWNER = UUID(int=7)
NAME = "web.example.test"


def over(names: Names, **said: str) -> Designate:
    return Designate(WrittenRest(names), Options(**said), uuid4(), patience_s=0.1)


async def test_a_name_is_published_in_the_innermost_zone() -> None:
    names = Names()
    await over(names).put_record(NAME, "10.0.0.7", OWNER)
    assert [each["zone_name"] for each in names.sets.values()] == ["example.test."]


async def test_a_name_that_no_zone_fits_is_refused_and_the_zones_are_told() -> None:
    with pytest.raises(
        Permanent, match=r"no zone of Designate fits; there are: example.test, test"
    ):
        await over(Names()).put_record("web.example.org", "10.0.0.7", OWNER)


async def test_only_the_zone_of_the_options_is_used() -> None:
    with pytest.raises(Permanent, match="no zone"):
        await over(Names(), zone="other.test").put_record(NAME, "10.0.0.7", OWNER)
    with pytest.raises(Invalid):
        parsed({"zones": "test"})


async def test_whatever_others_have_under_a_name_it_is_theirs() -> None:
    names = Names()
    names.add(f"{NAME}.", "CNAME", "elsewhere.test.")
    dns = over(names)
    with pytest.raises(Permanent, match=r"CNAME elsewhere.test"):
        await dns.put_record(NAME, "10.0.0.7", OWNER)
    await dns.drop_record(NAME, OWNER)
    assert len(names.sets) == 1


async def test_a_zone_may_have_an_address_itself() -> None:
    names = Names()
    names.add("example.test.", "SOA", "ns.test.")
    names.add("example.test.", "NS", "ns.test.")
    dns = over(names)
    await dns.put_record("example.test", "10.0.0.7", OWNER)
    found = await dns.record("example.test")
    assert found
    assert found.address == "10.0.0.7"


async def test_the_other_kind_of_address_takes_the_place_of_the_first() -> None:
    names = Names()
    dns = over(names)
    await dns.put_record(NAME, "2001:db8::7", OWNER)
    await dns.put_record(NAME, "10.0.0.7", OWNER)
    assert [each["type"] for each in names.sets.values()] == ["A"]


async def test_many_names_are_listed_page_by_page() -> None:
    dns = over(Names())
    for number in range(PAGE + 5):
        await dns.put_record(f"n{number}.example.test", "10.0.0.7", OWNER)
    assert len(await dns.list_records()) == PAGE + 5


async def test_name_servers_that_do_not_answer_are_told_of() -> None:
    names = Names(slow=True)
    dns = over(names)
    with pytest.raises(Transient, match="still telling its name servers"):
        await dns.put_record(NAME, "10.0.0.7", OWNER)
    with pytest.raises(Transient):
        await dns.put_record(NAME, "10.0.0.7", OWNER)
    assert len(names.sets) == 1


async def test_a_name_on_its_way_out_stands_no_more_and_is_waited_for() -> None:
    names = Names(slow=True)
    dns = over(names)
    with pytest.raises(Transient):
        await dns.put_record(NAME, "10.0.0.7", OWNER)
    with pytest.raises(Transient):
        await dns.drop_record(NAME, OWNER)
    assert await dns.record(NAME) is None
    with pytest.raises(Transient):
        await dns.drop_record(NAME, OWNER)


async def test_a_description_that_somebody_wrote_on_is_not_ours() -> None:
    names = Names()
    dns = over(names)
    await dns.put_record(NAME, "10.0.0.7", OWNER)
    [there] = names.sets.values()
    there["description"] += " ask Ann"
    assert await dns.list_records() == []
    found = await dns.record(NAME)
    assert found
    assert found.owner == UUID(int=0)
