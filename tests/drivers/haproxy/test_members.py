"""From any servers to any members: the commands arrive, and change nothing they need not."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from muster.drivers.balancers.haproxy.kept import Kept
from muster.drivers.balancers.haproxy.members import commands, deletions
from muster.drivers.balancers.haproxy.stats import Row, Stats
from muster.drivers.balancers.haproxy.tally import Tally
from muster.model.pool import Front, MemberState, MemberWanted, Persistence

MAINTENANCE, DRAIN = 0x01, 0x08
FRONT = Front(cluster_id=UUID(int=1), name="web", project="demo", port=80)

members = st.builds(
    MemberWanted,
    node_id=st.integers(1, 6).map(lambda number: UUID(int=number)),
    address=st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
    port=st.sampled_from([80, 81]),
    state=st.sampled_from(MemberState),
)
pools = st.builds(
    lambda wanted, persistence: Kept(
        front=replace(FRONT, persistence=persistence),
        address="127.0.0.1",
        port=80,
        members=tuple({each.node_id: each for each in wanted}.values()),
    ),
    st.lists(members, max_size=6),
    st.sampled_from([Persistence.NONE, Persistence.SOURCE_IP]),
)


def obeyed(told: list[str], seen: Stats) -> Stats:
    """Return what HAProxy would be like after these commands. Raises where it would refuse."""
    servers = dict(seen.servers)
    for command in told:
        words = command.split()
        name = words[2].partition("/")[2]
        if words[0] == "add":
            assert name not in servers
            servers[name] = Row(status="MAINT", admin=MAINTENANCE)
            continue
        row = servers[name]
        if words[:2] == ["enable", "server"]:
            servers[name] = replace(row, status="UP", admin=0)
        elif words[0] == "set" and words[3] == "state":
            admin = {"ready": 0, "drain": DRAIN, "maint": MAINTENANCE}[words[4]]
            servers[name] = replace(row, status="UP", admin=admin)
        elif words[0] == "set" and words[3:] == ["health", "down"]:
            assert not row.out
            servers[name] = replace(row, status="DOWN")
        elif words[0] == "del":
            assert row.out
            assert not row.open
            del servers[name]
    return replace(seen, servers=servers)


@given(before=pools, after=pools)
def test_any_pool_becomes_any_other_and_then_rests(before: Kept, after: Kept) -> None:
    there = obeyed(commands(before, Stats()), Stats())
    then = obeyed(commands(after, there), there)
    then = obeyed(deletions(after, then), then)
    assert then.servers.keys() == after.names.keys()
    assert not commands(after, then)
    assert not deletions(after, then)
    for name, member in after.names.items():
        serves = not (then.servers[name].out or then.servers[name].draining)
        assert serves == (member.state is MemberState.SERVE)


@given(before=pools, after=pools)
def test_who_stays_as_he_is_is_not_touched_and_a_newcomer_is_asked_first(
    before: Kept, after: Kept
) -> None:
    after = replace(after, front=before.front)
    there = obeyed(commands(before, Stats()), Stats())
    well = {name: replace(row, status="UP") for name, row in there.servers.items()}
    there = replace(there, servers=well)
    told = commands(after, there)
    for name, member in after.names.items():
        same = before.names.get(name)
        if same and same.state is member.state:
            assert not any(f"/{name} " in f"{command} " for command in told)
        if same is None and member.state is MemberState.SERVE:
            assert obeyed(told, there).servers[name].status == "DOWN"


@given(
    readings=st.lists(st.tuples(st.sampled_from([11, 12]), st.integers(0, 50)), max_size=30),
)
def test_counts_never_go_back(readings: list[tuple[int, int]]) -> None:
    tally, before = Tally(Path("/nowhere")), 0
    for worker, answered in readings:
        row = Row(answered=answered)
        tally.take(Stats(pid=worker, pool=row, servers={"a": row}), 0.0)
        now = tally.of("a").requests
        assert now >= before
        assert now >= answered
        before = now
