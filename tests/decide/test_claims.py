"""What is claimed on hosts is nobody else's, and nothing is taken off twice."""

from uuid import UUID

import builders
from builders import NOW
from muster.decide.placement.solve import solve
from muster.decide.vclusters.claims import claims_of, left, overdrawn
from muster.decide.vclusters.problem import placed, problem_of
from muster.model.placing import Host, Impossible, Placed
from muster.model.reservation import Room
from muster.model.vcluster import Grouping, Member, VCluster, VolumeSpec, member_id

ONE, OTHER = UUID(int=1), UUID(int=2)


def members(owner: UUID) -> tuple[Member, ...]:
    flavor = builders.a_flavor(vcpus=0.5, memory_mib=1024, disk_gib=2)
    spec = builders.a_spec(flavor=flavor)
    return (
        Member(id=member_id(owner, "db"), name="db", server=spec),
        Member(
            id=member_id(owner, "vol"),
            name="vol",
            volume=VolumeSpec(size_gib=10, attach_to="db"),
        ),
    )


def host(name: str, vcpus: int = 1, ram: int = 1024, disk: int = 12) -> Host:
    return Host(id=name, zone="z1", vcpus=vcpus, ram_mib=ram, disk_gib={"": disk})


def a_vcluster(owner: UUID, at: str) -> VCluster:
    there = (host(at),)
    found = placed(members(owner), there, {"db": at, "vol": at})
    return VCluster(
        id=owner, project="demo", user="ann", name="one", cloud="c", members=found, init_at=NOW
    )


def test_a_volume_is_placed_with_the_server_that_gets_it() -> None:
    hosts = (host("h1", disk=11), host("h2"))
    answer = solve(problem_of(hosts, members(ONE), ()))
    assert isinstance(answer, Placed)
    assert answer.places == {"db": "h2", "vol": "h2"}
    found = placed(members(ONE), hosts, answer.places)
    assert {(each.host, each.host_zone) for each in found} == {("h2", "z1")}


def test_who_is_there_stays_unless_moving_is_allowed() -> None:
    there = a_vcluster(ONE, "h1").members
    hosts = (host("h1", 0, 0, 0), host("h2"))
    new = Member(id=UUID(int=9), name="new", volume=VolumeSpec(size_gib=1))
    together = Grouping(name="g", members=("db", "new"), word="affinity")
    stuck = solve(problem_of(hosts, (*there, new), (together,)))
    assert isinstance(stuck, Impossible)
    assert set(stuck.conflict.items) <= {"db", "vol", "new"}
    free = (host("h1", 0, 0, 0), host("h2", disk=13))
    moved = solve(problem_of(free, (*there, new), (together,), moving=True))
    assert isinstance(moved, Placed)
    assert [move.item for move in moved.moves] == ["db", "vol"]


def test_what_is_claimed_is_taken_off_until_the_cloud_counts_it() -> None:
    claims = claims_of(a_vcluster(ONE, "h1"), NOW)
    assert {(c.vcpus, c.ram_mib, c.disk_gib.get("")) for c in claims} == {(1, 1024, 2), (0, 0, 10)}
    before = Room(hosts=(host("h1"), host("h2")))
    assert left(before, claims) == (host("h1", 0, 0, 0), host("h2"))
    half = Room(hosts=(host("h1", 1, 1024, 2),), counted=frozenset({member_id(ONE, "vol")}))
    assert left(half, claims) == (host("h1", 0, 0, 0),)
    made = Room(hosts=(host("h1", 0, 0, 0),), counted=frozenset(each.id for each in claims))
    assert left(made, claims) == (host("h1", 0, 0, 0),)


def test_a_second_claim_on_the_last_slot_does_not_fit_and_says_where() -> None:
    room = Room(hosts=(host("h1", vcpus=2, ram=4096, disk=20),))
    mine = claims_of(a_vcluster(OTHER, "h1"), NOW)
    assert overdrawn(left(room, ()), mine) == ()
    short = overdrawn(left(room, claims_of(a_vcluster(ONE, "h1"), NOW)), mine)
    assert short == ("h1 has 8 GiB of disk left, and 12 GiB of disk would be needed",)


def test_a_claim_on_a_host_that_is_gone_or_closed_does_not_fit() -> None:
    mine = claims_of(a_vcluster(ONE, "h1"), NOW)
    assert overdrawn((host("h2"),), mine) == ("h1 takes nothing now",)


def test_what_has_no_limit_is_never_overdrawn() -> None:
    endless = Host(id="h1", disk_gib={"": None})
    claims = claims_of(a_vcluster(ONE, "h1"), NOW)
    assert left(Room(hosts=(endless,)), claims) == (endless,)
    assert overdrawn((endless,), claims * 100) == ()
