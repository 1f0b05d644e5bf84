"""What OVN does is changed past Incus while a member is away, and Incus is told of it then."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from drivers.incus.northbounds import ASKER, northbound
from drivers.incus.ovns import ADDRESSES, HIDDEN, Ovn, laid
from drivers.incus.scripted import member as incus_member
from drivers.incus.scripted import scripted, told
from muster.base.errors import Permanent, Transient
from muster.drivers.incus.options import Options
from muster.drivers.incus.ovn.balancer import OvnBalancer
from muster.drivers.incus.ovn.doors import FIRST, Door
from muster.drivers.incus.ovn.northbound import CONTENT, OURS, Northbound
from muster.drivers.incus.rest import Rest
from muster.model.pool import Front, MemberState, MemberWanted, PoolSeen, PoolWanted

WEB = Front(cluster_id=UUID(int=9), name="web", project="demo", port=80, network=HIDDEN)
AT, VIP = ADDRESSES[-1], f"{ADDRESSES[-1]}:80"
PUT = f"PUT /1.0/networks/{HIDDEN}/load-balancers/{AT}"


@pytest.fixture
async def ovn(tmp_path) -> AsyncIterator[Ovn]:
    """Two members, and a database of OVN that Incus says where it is."""
    members = incus_member("m1"), incus_member("m2")
    async with northbound() as database, scripted(tmp_path, *members) as bed:
        about = {"server_clustered": True, "server_name": "m1"}
        config = {"network.ovn.northbound_connection": database.remote}
        bed.incus.says("GET /1.0", told({"environment": about, "config": config}))
        made = laid(bed)
        made.northbound = database
        for number in range(2, 6):
            address = f"10.90.0.{number}"
            database.has_port(address, f"port-of-{address}")
            database.has_port(address, "of another network", switch="incus-net7-ls-int")
        yield made


def is_away(ovn: Ovn, status: str = "Offline") -> None:
    """Have a member be away, and be so to the others, who notice that late."""
    ovn.away = "10.77.0.12:8443"
    _look(ovn, status)


def is_back(ovn: Ovn) -> None:
    ovn.away = ""
    _look(ovn, "Online")


def _look(ovn: Ovn, status: str) -> None:
    members = [incus_member("m1"), incus_member("m2", status=status)]
    ovn.bed.incus.says("GET /1.0/cluster/members", told(members))
    listeners = balancer(ovn)._listeners
    listeners._members._until = listeners._ask_at = 0.0  # that was some time ago


def member(number: int, **but: object) -> MemberWanted:
    plain = {"node_id": UUID(int=number), "address": f"10.90.0.{number}", "port": 80}
    return MemberWanted(**plain | but)


def balancer(ovn: Ovn) -> OvnBalancer:
    return ovn.bed.cloud.network_balancer


async def put(ovn: Ovn, *members: MemberWanted) -> PoolSeen:
    await balancer(ovn).put_pool(PoolWanted(front=WEB, members=members))
    return await pool(ovn)


async def pool(ovn: Ovn) -> PoolSeen:
    balancer(ovn)._until = 0.0  # what was listed a moment ago is listed again
    seen = await balancer(ovn).pool(WEB.cluster_id)
    assert seen
    return seen


def addresses(seen: PoolSeen) -> set[str]:
    return {each.address for each in seen.members.values()}


async def test_while_a_member_is_away_a_pool_is_changed_in_ovn_and_incus_is_not_asked(ovn):
    await put(ovn, member(2), member(3))
    is_away(ovn)
    seen = await put(ovn, member(2), member(4), member(5, state=MemberState.DRAIN))
    assert ovn.northbound.of(AT, "vips") == {VIP: "10.90.0.2:80,10.90.0.4:80"}
    assert addresses(seen) == {"10.90.0.2", "10.90.0.4", "10.90.0.5"}
    assert seen.members[UUID(int=5)].state is MemberState.DRAIN
    assert not seen.owed
    assert PUT not in ovn.changes()


async def test_ovn_goes_on_asking_those_that_are_new(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    await put(ovn, member(2), member(4))
    asked = ovn.northbound.of(AT, "ip_port_mappings")
    assert asked == {f"10.90.0.{n}": f"port-of-10.90.0.{n}:{ASKER}" for n in (2, 4)}


async def test_a_pool_may_come_to_serve_nobody_and_somebody_again(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    await put(ovn)
    assert ovn.northbound.of(AT, "vips") == {}
    await put(ovn, member(4))
    assert ovn.northbound.of(AT, "vips") == {VIP: "10.90.0.4:80"}


async def test_before_the_others_know_that_a_member_is_away_the_refusal_says_it(ovn):
    await put(ovn, member(2))
    is_away(ovn, status="Online")
    seen = await put(ovn, member(4))
    assert PUT in ovn.changes()
    assert ovn.northbound.of(AT, "vips") == {VIP: "10.90.0.4:80"}
    assert addresses(seen) == {"10.90.0.4"}


async def test_incus_is_not_asked_again_and_again_while_it_hides_that_a_member_is_away(ovn):
    await put(ovn, member(2))
    is_away(ovn, status="Evacuated")
    for number in (4, 5, 3):
        seen = await put(ovn, member(number))
        assert addresses(seen) == {f"10.90.0.{number}"}
        assert not seen.owed
    assert ovn.changes().count(PUT) == 1


async def test_what_is_in_force_is_found_after_a_restart_and_by_other_engines(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    await put(ovn, member(4))
    ours = balancer(ovn)
    another = OvnBalancer(ours._listeners, ours._grounds, ovn.bed.installation)
    another._listeners._held, another._listeners._look_at = {}, 0.0
    seen = await another.pool(WEB.cluster_id)
    assert seen
    assert addresses(seen) == {"10.90.0.4"}
    assert ovn.northbound.of(AT, "external_ids")[OURS] == str(ovn.bed.installation)


async def test_once_all_are_back_incus_is_told_and_no_mark_is_left(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    assert not (await put(ovn, member(4))).owed
    is_back(ovn)
    assert (await pool(ovn)).owed
    seen = await put(ovn, member(4))
    assert not seen.owed
    [known] = ovn.of("load-balancers")
    assert [each["target_address"] for each in known["backends"]] == ["10.90.0.4"]
    assert ovn.northbound.of(AT, "external_ids") == {}
    assert ovn.northbound.of(AT, "vips") == {VIP: "10.90.0.4:80"}


async def test_what_incus_knew_all_along_it_does_not_write_and_the_mark_goes_all_the_same(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    await put(ovn, member(4))
    await put(ovn, member(2))
    is_back(ovn)
    assert (await pool(ovn)).owed
    assert not (await put(ovn, member(2))).owed
    assert ovn.northbound.of(AT, "external_ids") == {}
    assert ovn.northbound.of(AT, "vips") == {VIP: "10.90.0.2:80"}


async def test_what_somebody_elses_refused_change_undoes_is_seen_and_done_again(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    await put(ovn, member(4))
    ovn.northbound.write(AT, {VIP: "10.90.0.2:80"}, checked=False)
    assert addresses(await pool(ovn)) == {"10.90.0.2"}
    assert addresses(await put(ovn, member(4))) == {"10.90.0.4"}


async def test_what_is_so_in_ovn_already_is_not_written_again(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    await put(ovn, member(4))
    before = [each for each in ovn.northbound.asked if each["params"][1]["op"] == "update"]
    await put(ovn, member(4))
    after = [each for each in ovn.northbound.asked if each["params"][1]["op"] == "update"]
    assert len(before) == len(after) == 1


async def test_as_long_as_all_are_there_ovn_is_asked_once_and_never_again(ovn):
    await put(ovn, member(2))
    for number in (3, 4, 5):
        await put(ovn, member(number))
        await pool(ovn)
    assert len(ovn.northbound.asked) == 1


async def test_a_refusal_of_another_kind_is_a_refusal(ovn):
    await put(ovn, member(2))
    with pytest.raises(Permanent, match="not within the network subnet"):
        await put(ovn, member(4, address="192.0.2.1"))
    assert ovn.northbound.of(AT, "vips") == {VIP: "10.90.0.2:80"}


async def test_where_nobody_says_where_the_database_is_incus_refuses_as_before(ovn):
    options = balancer(ovn)._listeners._northbound._options
    balancer(ovn)._listeners._northbound._options = replace(options, ovn_northbound="none")
    await put(ovn, member(2))
    is_away(ovn)
    with pytest.raises(Transient, match="peer node"):
        await put(ovn, member(4))
    assert not ovn.northbound.asked


async def test_a_change_of_somebody_elses_in_between_is_told(ovn):
    await put(ovn, member(2))
    is_away(ovn)
    other = {VIP: "10.90.0.3:80"}
    ovn.northbound.in_between = lambda: ovn.northbound.write(AT, other, checked=True)
    with pytest.raises(Transient, match="somebody else changed it"):
        await put(ovn, member(4))
    assert ovn.northbound.of(AT, "vips") == other


@pytest.mark.parametrize("rows", [0, 2])
async def test_no_row_is_made_and_none_taken_for_another(ovn, rows):
    await put(ovn, member(2))
    is_away(ovn)
    there = ovn.northbound.rows["Load_Balancer"]
    there[:] = [there[0] | {"name": f"incus-net{n}-lb-{AT}-tcp"} for n in range(rows)]
    with pytest.raises(Transient, match=f"OVN has {rows or 'no'} rows"):
        await put(ovn, member(4))


async def test_while_the_database_is_silent_pools_are_what_incus_says(ovn):
    await put(ovn, member(2))
    northbound = balancer(ovn)._listeners._northbound
    northbound._options = replace(northbound._options, ovn_northbound="tcp:127.0.0.1:1")
    is_away(ovn)
    with pytest.raises(Transient, match=r"OVN_Northbound at 127\.0\.0\.1"):
        await put(ovn, member(4))
    assert addresses(await pool(ovn)) == {"10.90.0.2"}


async def test_doors_are_opened_past_incus_and_incus_is_told_of_them(ovn):
    doors = ovn.bed.cloud.prober._doors
    old, new = (Door(server_id=UUID(int=n), address=f"10.90.0.{n}", port=8080) for n in (2, 3))
    await doors.open(HIDDEN, [old])
    is_away(ovn)
    ways = await doors.open(HIDDEN, [old, new])
    assert ways[new] == (AT, FIRST + 1)
    assert ovn.northbound.of(AT, "vips") == {
        f"{AT}:{FIRST}": "10.90.0.2:8080",
        f"{AT}:{FIRST + 1}": "10.90.0.3:8080",
    }
    assert len(ovn.of("forwards")[0]["ports"]) == 1
    assert await doors.open(HIDDEN, [old, new]) == ways
    is_back(ovn)
    assert await doors.open(HIDDEN, [old, new]) == ways
    assert len(ovn.of("forwards")[0]["ports"]) == 2
    assert CONTENT not in ovn.northbound.of(AT, "external_ids")


async def test_a_door_is_closed_past_incus(ovn):
    doors = ovn.bed.cloud.prober._doors
    stays, goes = (Door(server_id=UUID(int=n), address=f"10.90.0.{n}", port=8080) for n in (2, 3))
    await doors.open(HIDDEN, [stays, goes])
    is_away(ovn)
    await doors.close(HIDDEN, goes.server_id)
    assert ovn.northbound.of(AT, "vips") == {f"{AT}:{FIRST}": "10.90.0.2:8080"}


@pytest.mark.parametrize("said", ["ssl:127.0.0.1:1", "nowhere"])
async def test_papers_that_are_just_renewed_and_odd_places_are_tried_again(tmp_path, said):
    paper = str(tmp_path / "missing.pem")
    async with scripted(tmp_path, incus_member("m1")) as bed:
        config = {"network.ovn.northbound_connection": said}
        bed.incus.says("GET /1.0", told({"environment": {}, "config": config}))
        options = Options(
            url=f"unix:{tmp_path}/socket", ovn_certificate=paper, ovn_key=paper, ovn_authority=paper
        )
        rest = Rest(replace(options, url=bed.config.options["url"]))
        with pytest.raises(Transient, match=r"missing\.pem|nowhere"):
            await Northbound(rest, options, bed.installation).held()
        await rest.close()
