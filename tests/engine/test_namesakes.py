"""Servers that join a cluster which has a member of their name that is away."""

from dataclasses import replace

from engine.works import Works, the_machine, works_of
from metal import Union
from muster.model.server_job import EntryStatus, JobStatus, Verb
from muster.service.provisioning import membership


async def a_union(works: Works) -> Union:
    """Have a cluster of two, and a third server that is of none."""
    works.fleet.metals["m3"] = works.fleet.new(3)
    await works.go_on()
    union = works.fleet.metals["m1"].union
    assert union is not None
    return union


async def asked_in(works: Works) -> None:
    """Have the third server join, and everything done that comes of it."""
    third = replace(the_machine(works.fleet.metals["m3"]), cluster="")
    await works.store.write(lambda tx: tx.machines.put(third))
    await membership.added(works.desk, "c1", ("m3",))
    await works.go_on()


async def refusal(works: Works) -> str:
    job = await works.job()
    assert job.status is JobStatus.TURNED_BACK
    assert not [path for _, path in works.fleet.changes if "force=1" in path]
    left = [each for each in job.entries if each.verb is Verb.STRIKE]
    assert [each.status for each in left] == [EntryStatus.LEFT]
    return job.reason


async def test_who_is_left_of_an_earlier_try_is_struck_out_and_joins():
    async with works_of(2) as works:
        union = await a_union(works)
        union.members["m3"] = "Online"
        await asked_in(works)
        assert (await works.job()).status is JobStatus.DONE
        assert works.fleet.metals["m3"].union is union


async def test_who_has_instances_is_not_forced_out_by_who_joins_by_its_name():
    async with works_of(2) as works:
        union = await a_union(works)
        union.members["m3"] = "Online"
        union.instances.append({"name": "db", "location": "m3"})
        await asked_in(works)
        why = await refusal(works)
        assert "which has instances: db" in why
        assert "incus cluster remove --force m3" in why
        assert union.members["m3"] == "Online"


async def test_who_is_away_at_another_address_is_not_forced_out():
    async with works_of(2) as works:
        union = await a_union(works)
        union.members["m3"] = "Online"
        union.elsewhere["m3"] = "10.0.9.9:8443"
        await asked_in(works)
        assert "another member of its name, at 10.0.9.9:8443" in await refusal(works)
        assert "m3" in union.members
