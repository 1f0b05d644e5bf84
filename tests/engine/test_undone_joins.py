"""Servers that have joined when another one cannot, so that all of it is undone."""

from dataclasses import replace

import pytest

from engine.works import Works, the_machine, works_of
from metal import Metal, Union
from muster.model.server_job import EntryStatus, JobStatus, Verb
from muster.ports.agent import Order
from muster.service.provisioning import membership


class OneDies:
    """When the fourth server is to join, the third has something, and others are dead."""

    def __init__(self, works: Works, union: Union, given: str, dead: str) -> None:
        self.works, self.union = works, union
        self.given, self.dead = given, dead

    def __call__(self, at: str, metal: Metal, order: Order) -> None:
        if (metal.name, order.path) != ("m4", "/1.0/cluster") or metal.dead:
            return
        if self.given:
            self.union.instances.append({"name": self.given, "location": "m3"})
        for name in self.dead.split():
            self.works.fleet.metals[name].dead = True


async def undone(works: Works, given: str, dead: str) -> None:
    """Have two servers asked into a cluster of two, of which the second dies meanwhile."""
    for number in (3, 4):
        works.fleet.metals[f"m{number}"] = works.fleet.new(number)
    await works.go_on()
    union = works.fleet.metals["m1"].union
    assert union is not None
    newcomers = [replace(the_machine(works.fleet.metals[x]), cluster="") for x in ("m3", "m4")]
    await works.store.write(lambda tx: tx.machines.put(*newcomers))
    await membership.added(works.desk, "c1", ("m3", "m4"))
    works.fleet.meanwhile = OneDies(works, union, given, dead)
    await works.go_on()
    assert (await works.job()).status is JobStatus.TURNED_BACK


async def test_who_has_joined_and_has_nothing_is_reset():
    async with works_of(2) as works:
        await undone(works, "", "m4")
        assert works.fleet.metals["m3"].is_new
        assert {x.name for x in (await works.machines()).values() if x.cluster} == {"m1", "m2"}


@pytest.mark.parametrize(
    ("given", "dead", "why"),
    [
        ("db", "m4", "m3 stays a member: it has instances: db"),
        ("", "m4 m1 m2", "m3 stays a member: no other member answers"),
    ],
)
async def test_who_may_have_something_stays_a_member(given, dead, why):
    async with works_of(2) as works:
        await undone(works, given, dead)
        metal, job = works.fleet.metals["m3"], await works.job()
        assert not metal.resets
        assert metal.union is works.fleet.metals["m1"].union
        machine = (await works.machines())["m3"]
        assert (machine.cluster, machine.owes_reset) == ("c1", "")
        assert why in job.reason
        mine = [each for each in job.entries if each.server == "m3" and each.verb is Verb.RELEASE]
        assert [each.status for each in mine] == [EntryStatus.DROPPED]
