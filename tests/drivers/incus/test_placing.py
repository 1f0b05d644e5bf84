"""Where new instances go, whatever is there already."""

from collections import Counter
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.incus.orders import an_order
from muster.base.errors import Permanent, Transient
from muster.drivers.incus.members import Member, Roster
from muster.drivers.incus.placing import Taken, chosen
from muster.drivers.incus.tags import instance_name, read, written
from muster.model.placement import Affinity, Group

HOME = UUID(int=7)
NAMES = ("m1", "m2", "m3")


def roster(**status):
    members = {
        name: Member(name=name, url="", zone=f"z{name[1:]}", status=status.get(name, "Online"))
        for name in NAMES
    }
    return Roster(clustered=True, members=members)


def taken(host, order):
    return Taken(host=host, tags=read(written(order, HOME)))


def placed(count, **but):
    """Return where so many orders go, one after the other."""
    there = []
    for _ in range(count):
        order = an_order(**but)
        there.append(taken(chosen(order, roster(), there), order))
    return Counter(each.host for each in there)


@given(count=st.integers(1, 12), others=st.lists(st.sampled_from(NAMES), max_size=12))
def test_a_cluster_is_never_more_than_one_apart_whatever_others_have(count, others):
    there = [taken(host, an_order(cluster_id=UUID(int=2))) for host in others]
    for _ in range(count):
        order = an_order()
        there.append(taken(chosen(order, roster(), there), order))
    ours = Counter(each.host for each in there if each.tags.cluster == UUID(int=1))
    assert max(ours.values()) - min(ours[name] for name in NAMES) <= 1


def test_those_in_doubt_get_nothing_unless_all_are():
    assert chosen(an_order(), roster(), (), {"m1", "m2"}) == "m3"
    assert chosen(an_order(), roster(), (), set(NAMES)) in NAMES


def test_a_zone_without_a_member_in_order_has_to_wait():
    with pytest.raises(Transient, match="m2 is offline"):
        chosen(an_order(zone="z2"), roster(m2="Offline"), ())


def test_a_group_that_insists_on_being_apart_waits_and_one_that_would_rather_does_not():
    group = Group(id=uuid4(), name="db")
    assert placed(3, group=group) == dict.fromkeys(NAMES, 1)
    with pytest.raises(Transient):
        placed(4, group=group)
    rather = replace(group, affinity=Affinity.SOFT_ANTI_AFFINITY)
    assert sorted(placed(4, group=rather).values()) == [1, 1, 2]


@pytest.mark.parametrize("affinity", [Affinity.AFFINITY, Affinity.SOFT_AFFINITY])
def test_a_group_that_is_to_be_together_is(affinity):
    assert len(placed(5, group=Group(id=uuid4(), name="near", affinity=affinity))) == 1


def test_a_host_that_was_found_for_somebody_is_refused_where_his_group_came_meanwhile():
    group = Group(id=uuid4(), name="db")
    there = [taken("m2", an_order(group=group))]
    assert chosen(an_order(group=group, host="m3"), roster(), there) == "m3"
    with pytest.raises(Transient, match="m2 will not do"):
        chosen(an_order(group=group, host="m2"), roster(), there)


def test_a_member_for_those_who_name_it_gets_nothing_else():
    manual = {**roster().members, "m1": Member(name="m1", url="", zone="z1", takes=False)}
    assert chosen(an_order(), Roster(clustered=True, members=manual), ()) != "m1"
    assert chosen(an_order(zone="z1"), Roster(clustered=True, members=manual), ()) == "m1"


def test_one_server_keeps_nobody_apart():
    alone = Roster(clustered=False, members={"host": Member(name="host", url="", zone="default")})
    with pytest.raises(Permanent, match="apart"):
        chosen(an_order(group=Group(id=uuid4(), name="db")), alone, ())


@given(name=st.text(max_size=300))
def test_whatever_a_server_is_called_incus_gets_the_name_of_a_host(name):
    said = instance_name(an_order(name=name))
    assert len(said) <= 63
    assert said.isascii()
    assert said.replace("-", "").isalnum()
    assert said[0].isalpha()
    assert not said.endswith("-")


def test_tags_come_back_as_they_were_written():
    order = an_order(group=Group(id=uuid4(), name="db"))
    tags = read(written(order, HOME))
    assert (tags.installation, tags.server, tags.node) == (HOME, order.server_id, order.node_id)
    assert (tags.vcpus, tags.memory_mib, tags.group) == (0.25, 128, str(order.group.id))
    assert read({"user.muster.server": "nonsense"}) is None
