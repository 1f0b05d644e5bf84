"""Which member stands in which slot, for any sequence of changes."""

from dataclasses import replace
from ipaddress import IPv4Network
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from muster.drivers.balancers.address import candidates
from muster.drivers.balancers.caddy.slots import NOBODY, Kept, room_for, seated
from muster.model.pool import Front, MemberState, MemberWanted

FRONT = Front(cluster_id=UUID(int=1), name="web", project="demo", port=80)
EMPTY = Kept(front=FRONT, address="127.128.0.1", port=80)


def member(number: int, state: MemberState = MemberState.SERVE) -> MemberWanted:
    return MemberWanted(
        node_id=UUID(int=number + 1), address=f"127.64.0.{number + 1}", port=80, state=state
    )


def members(*numbers: int) -> list[MemberWanted]:
    return [member(number) for number in numbers]


crews = st.lists(
    st.builds(member, st.integers(0, 40), st.sampled_from(MemberState)),
    unique_by=lambda each: each.node_id,
    max_size=40,
)


@given(st.lists(crews, max_size=8))
def test_whatever_is_wanted_everyone_has_one_place_and_keeps_it(wishes: list) -> None:
    kept = EMPTY
    for moment, wanted in enumerate(wishes):
        before, kept = kept, seated(kept, wanted, moment)
        assert [seat.member for seat in kept.seats] == wanted
        serving = [each for each in wanted if each.state is MemberState.SERVE]
        assert sorted(each for each in kept.dials() if each != NOBODY) == sorted(
            f"{each.address}:{each.port}" for each in serving
        )
        assert kept.size >= before.size
        stood = {s.member.node_id: s for s in before.seats if s.slot is not None}
        for seat in kept.seats:
            if seat.slot is not None and seat.member.node_id in stood:
                assert seat.slot == stood[seat.member.node_id].slot


@given(crews)
def test_the_same_again_changes_nothing(wanted: list[MemberWanted]) -> None:
    once = seated(EMPTY, wanted, 1.0)
    assert seated(once, wanted, 2.0) == once


def test_a_newcomer_gets_the_slot_that_was_left_longest_ago() -> None:
    kept = seated(EMPTY, members(*range(8)), 1.0)
    kept = seated(kept, members(*range(1, 8)), 2.0)
    kept = seated(kept, members(*range(2, 8)), 3.0)
    kept = seated(kept, members(*range(2, 9)), 4.0)
    assert kept.seats[-1].slot == 0


def test_another_address_of_the_same_node_is_another_member() -> None:
    kept = seated(EMPTY, members(0), 1.0)
    moved = seated(kept, [replace(member(0), address="127.64.9.9")], 2.0)
    assert moved.seats[0].slot != kept.seats[0].slot
    assert moved.seats[0].since == 2.0


def test_there_is_room_for_twice_as_many() -> None:
    assert [room_for(count) for count in (0, 4, 5, 8, 9, 1000)] == [8, 8, 16, 16, 32, 2048]


def test_a_cluster_is_offered_the_same_addresses_and_none_that_is_taken() -> None:
    network, cluster_id = IPv4Network("127.128.0.0/10"), uuid4()
    first = list(candidates(cluster_id, network, ()))
    assert len(set(first)) == len(first) == 8
    assert list(candidates(cluster_id, network, first[:1])) == first[1:]
