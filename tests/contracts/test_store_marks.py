"""What every store promises about marks and claims: no wish is lost, nobody works twice."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from builders import LONG_AGO, NOW, WEB
from muster.base.clock import ManualClock
from muster.base.errors import Stale
from muster.store.connect import connect
from muster.store.failures import again
from muster.store.postgres import engine
from muster.store.signals import LocalSignal
from muster.store.transaction import SqlTransaction
from muster.store.urls import parsed
from patience import examples

SECOND = timedelta(seconds=1)
LEASE = 10 * SECOND
SHOP = UUID(int=2)


@pytest.fixture
def store(any_store):
    return any_store


def mark(store, *ids, due=None):
    return store.write(lambda tx: tx.marks.mark(*ids, due=due))


def claim(store, owner="me", now=NOW, limit=10):
    return store.write(lambda tx: tx.marks.claim(owner, now, now + LEASE, limit))


def release(store, one, look_at=None):
    return store.write(lambda tx: tx.marks.release(one, look_at))


def check(store, one):
    return store.write(lambda tx: tx.marks.check(one))


async def test_a_wish_made_meanwhile_is_not_lost(store):
    await mark(store, WEB)
    [one] = await claim(store)
    await mark(store, WEB)
    await release(store, one)
    [again] = await claim(store)
    assert again.version > one.version


async def test_a_wish_made_meanwhile_comes_before_the_look_that_the_pass_asked_for(store):
    await mark(store, WEB)
    [one] = await claim(store)
    await mark(store, WEB, due=NOW + 99 * SECOND)
    await release(store, one, NOW + 50 * SECOND)
    assert len(await claim(store)) == 1


async def test_what_is_settled_is_unmarked(store):
    await mark(store, WEB)
    [one] = await claim(store)
    await release(store, one)
    assert await claim(store) == []
    assert await store.read(lambda tx: tx.marks.due()) is None


async def test_a_pass_may_ask_to_look_again_later(store):
    await mark(store, WEB)
    [one] = await claim(store)
    await release(store, one, NOW + SECOND)
    assert await store.read(lambda tx: tx.marks.due()) == NOW + SECOND
    assert await claim(store) == []
    assert len(await claim(store, now=NOW + SECOND)) == 1


async def test_the_earliest_due_time_wins(store):
    await mark(store, WEB, due=NOW + 5 * SECOND)
    await mark(store, WEB, due=NOW + 2 * SECOND)
    await mark(store, WEB, due=NOW + 9 * SECOND)
    assert await store.read(lambda tx: tx.marks.due()) == NOW + 2 * SECOND
    await mark(store, WEB)
    assert len(await claim(store)) == 1


async def test_marks_of_one_transaction_add_up(store):
    def work(tx):
        tx.marks.mark(WEB, due=NOW + 5 * SECOND)
        tx.marks.mark(WEB, SHOP, due=NOW + 3 * SECOND)
        return tx.marks.due()

    assert await store.write(work) == NOW + 3 * SECOND
    assert len(await claim(store, now=NOW + 3 * SECOND)) == 2


async def test_the_oldest_due_goes_first(store):
    ids = [UUID(int=i) for i in range(1, 6)]
    for i, id in enumerate(ids):
        await mark(store, id, due=NOW - i * SECOND)
    first = await claim(store, limit=2)
    assert {each.cluster_id for each in first} == set(ids[3:])
    rest = await claim(store)
    assert {each.cluster_id for each in rest} == set(ids[:3])


async def test_nobody_else_gets_what_is_claimed_until_the_lease_is_over(store):
    await mark(store, WEB)
    [one] = await claim(store, "me")
    assert await claim(store, "you", NOW + 9 * SECOND) == []
    [two] = await claim(store, "you", NOW + LEASE)
    assert two.fence > one.fence
    with pytest.raises(Stale):
        await check(store, one)
    await check(store, two)


async def test_fences_grow_across_unmarking_and_marking_again(store):
    fences = []
    for _ in range(3):
        await mark(store, WEB, SHOP)
        claims = await claim(store)
        fences += [each.fence for each in claims]
        for each in claims:
            await release(store, each)
    assert fences == sorted(set(fences))
    assert len(fences) == 6


async def test_a_late_owner_can_neither_release_nor_renew(store):
    await mark(store, WEB)
    [late] = await claim(store, "late")
    [now] = await claim(store, "prompt", NOW + LEASE)
    await release(store, late)
    assert await store.write(lambda tx: tx.marks.renew([late], NOW + 99 * SECOND)) == []
    await check(store, now)
    assert await claim(store, "third", NOW + LEASE) == []


async def test_a_claim_of_something_unmarked_since_is_stale(store):
    await mark(store, WEB)
    [late] = await claim(store, "late")
    [now] = await claim(store, "prompt", NOW + LEASE)
    await release(store, now)
    with pytest.raises(Stale):
        await check(store, late)
    await mark(store, WEB)
    with pytest.raises(Stale):
        await check(store, late)


async def test_renewing_returns_what_is_still_ours(store):
    await mark(store, WEB, SHOP)
    claims = await claim(store)
    lost = next(each for each in claims if each.cluster_id == SHOP)
    await release(store, lost)
    later = NOW + 60 * SECOND
    [kept] = await store.write(lambda tx: tx.marks.renew(claims, later))
    assert (kept.cluster_id, kept.until) == (WEB, later)
    assert await claim(store, "you", NOW + LEASE) == []
    assert await store.write(lambda tx: tx.marks.renew([], later)) == []


async def test_a_stale_claim_undoes_what_was_written_under_it(store):
    await mark(store, WEB)
    [late] = await claim(store, "late")
    await claim(store, "prompt", NOW + LEASE)

    def work(tx):
        tx.settings.put("written", "late")
        tx.marks.check(late)

    with pytest.raises(Stale):
        await store.write(work)
    assert await store.read(lambda tx: tx.settings.get("written")) is None


async def test_a_claim_whose_owner_died_is_due_when_its_lease_ends(store):
    await mark(store, WEB)
    await claim(store)
    assert await store.read(lambda tx: tx.marks.due()) == NOW + LEASE
    await mark(store, SHOP, due=NOW + SECOND)
    assert await store.read(lambda tx: tx.marks.due()) == NOW + SECOND


async def test_many_claimers_never_get_the_same_cluster(store):
    ids = [UUID(int=i) for i in range(1, 101)]
    await mark(store, *ids)
    rounds = await asyncio.gather(
        *(claim(store, f"engine {i}", limit=9) for i in range(12)),
    )
    claims = [each for some in rounds for each in some]
    taken = [each.cluster_id for each in claims]
    assert len(taken) == len(set(taken))
    assert len({each.fence for each in claims}) == len(claims)
    rest = await claim(store, "last", limit=100)
    assert sorted(taken + [each.cluster_id for each in rest]) == ids


async def test_wishes_and_passes_over_one_cluster_do_not_stop_each_other(store):
    """Both touch the cluster and its mark, in opposite order."""
    await mark(store, WEB)
    [one] = await claim(store)

    def wish(tx):
        seen = int(tx.settings.get("size") or "0")
        tx.settings.put("size", str(seen + 1))
        tx.marks.mark(WEB)

    def commit(tx):
        tx.marks.check(one)
        seen = int(tx.settings.get("size") or "0")
        tx.settings.put("size", str(seen + 1))

    async with asyncio.timeout(20):
        await asyncio.gather(*(store.write(work) for _ in range(15) for work in (wish, commit)))
    assert await store.read(lambda tx: tx.settings.get("size")) == "30"


async def test_the_lag_is_that_of_the_oldest_overdue(store_url):
    clock = ManualClock(NOW)
    store = await connect(store_url, LocalSignal(), clock)
    try:
        assert await store.read(lambda tx: tx.marks.lag(NOW)) == (0, 0.0)
        await mark(store, WEB, due=NOW - 3 * SECOND)
        await mark(store, SHOP)
        await mark(store, UUID(int=3), due=NOW + SECOND)
        assert await store.read(lambda tx: tx.marks.lag(NOW)) == (2, 3.0)
        clock.advance(5)
        await claim(store, limit=1)
        assert await store.read(lambda tx: tx.marks.lag(clock.now())) == (2, 5.0)
    finally:
        await store.close()


async def test_a_clock_that_is_behind_sees_what_is_marked_for_at_once(store):
    await mark(store, WEB)
    due = await store.read(lambda tx: tx.marks.due())
    assert due is not None
    assert due < LONG_AGO
    assert len(await claim(store, now=LONG_AGO.replace(year=1999))) == 1


@pytest.mark.postgresql
async def test_a_claim_lost_between_check_and_commit_undoes_the_commit(postgres_url):
    """The late engine's transaction saw its claim hold; another takes over before it ends."""
    store, apart = await connect(postgres_url, LocalSignal()), engine(parsed(postgres_url))
    try:
        await mark(store, WEB)
        [late] = await claim(store, "late")
        async with apart.connect() as slow:

            def begin(conn):
                tx = SqlTransaction(conn, ManualClock(NOW))
                tx.settings.put("written", "late")
                tx.marks.check(late)
                return tx

            tx = await slow.run_sync(begin)
            await claim(store, "prompt", NOW + LEASE)
            with pytest.raises(DBAPIError) as lost:
                await slow.run_sync(lambda _: tx.finish())
            assert again(lost.value)
        assert await store.read(lambda tx: tx.settings.get("written")) is None
    finally:
        await apart.dispose()
        await store.close()


CLUSTERS = st.integers(1, 3)
MOVES = st.one_of(
    st.tuples(st.just("mark"), CLUSTERS, st.one_of(st.none(), st.integers(0, 20))),
    st.tuples(st.just("claim"), st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.just("release"), st.integers(0, 20), st.one_of(st.none(), st.integers(0, 20))),
    st.tuples(st.just("wait"), st.integers(1, 12), st.none()),
)


@pytest.mark.parametrize("store_url", ["sqlite-memory"], indirect=True)
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=st.lists(MOVES, max_size=30))
async def test_never_two_owners_and_never_a_lost_wish(store_url, moves):
    """Whatever happens in whatever order: a cluster marked after it was claimed stays marked."""
    store = await connect(store_url, LocalSignal())
    now, claims, newest, asked, marked = NOW, [], {}, Counter(), set()
    try:
        for move, what, how in moves:
            look_at = None if how is None else now + how * SECOND
            if move == "mark":
                await mark(store, UUID(int=what), due=look_at)
                asked[UUID(int=what)] += 1
                marked.add(UUID(int=what))
            if move == "wait":
                now += what * SECOND
            if move == "claim":
                got = await claim(store, f"engine {what}", now, how)
                held = {each.cluster_id for each, _ in claims if each.until > now}
                assert not held & {each.cluster_id for each in got}
                newest |= {each.cluster_id: each.fence for each in got}
                claims += [(each, asked[each.cluster_id]) for each in got]
            if move == "release" and claims:
                one, then = claims.pop(what % len(claims))
                await release(store, one, look_at)
                ours = newest.get(one.cluster_id) == one.fence
                if ours and how is None and asked[one.cluster_id] == then:
                    marked.remove(one.cluster_id)
        left = await claim(store, "last", now + 1000 * SECOND, 99)
        assert {each.cluster_id for each in left} == marked
    finally:
        await store.close()
