"""Rounds over servers: how many are away at once, what waits for what, and what ends one."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, a_new_cluster, an_empty_place
from machines import a_machine, a_server_cluster
from muster.decide.server_clusters.draining import left
from muster.decide.server_clusters.jobs import Came, after, begun, cancelled, next_entry, resumed
from muster.decide.server_clusters.lanes import cordoned
from muster.decide.server_clusters.rolling import (
    Guest,
    Load,
    crowded,
    rebooting,
    spared,
    too_many,
    updating,
)
from muster.model.server_cluster import Rolling
from muster.model.server_job import ENDED, EntryStatus, Job, JobKind, JobStatus, Verb

S, E, OVER = JobStatus, EntryStatus, Came()
AWAY = frozenset({Verb.EVACUATE, Verb.REBOOT})
MOVES = frozenset({Verb.DRAIN, Verb.EVACUATE, Verb.RESTORE})


def a_round(count: int, **but) -> Job:
    machines = [a_machine(n) for n in range(1, count + 1)]
    rolling = Rolling(post_restore_s=60.0)
    entries = (*updating(machines, rolling), *rebooting(machines, rolling, if_needed=True))
    plain = {"id": UUID(int=1), "kind": JobKind.UPDATE, "entries": entries, "asked_at": NOW}
    return Job(**plain | but)


def away(job: Job) -> set[str]:
    """Return the servers that something has been done to, and that are not as they were."""
    rest = [each for each in job.entries if each.verb is not Verb.UPDATE]
    touched = {each.server for each in rest if each.status is not E.PLANNED}
    return touched & {each.server for each in rest if each.status is not E.DONE}


def moving(job: Job) -> list[str]:
    return [each.server for each in job.entries if each.verb in MOVES and each.status is E.BEGUN]


came = st.sampled_from([Came(), Came(), Came(waits_s=5.0), Came(refused="no", final=True)])


@given(
    outcomes=st.lists(st.tuples(came, st.integers(0, 20)), max_size=60),
    at_once=st.integers(1, 4),
    goes_on=st.booleans(),
    updated=st.booleans(),
)
def test_never_more_servers_are_away_than_may_be_and_no_two_move_at_once(
    outcomes, at_once, goes_on, updated
):
    made = at_reboots if updated else a_round
    now, cluster = NOW, a_server_cluster(job=made(4, max_parallel=at_once, goes_on=goes_on))
    for what, seconds in outcomes:
        job = cluster.job
        number = next_entry(job, now)
        if number is None:
            waits = job.due_at is not None and job.due_at > now
            assert job.status in ENDED or job.status is S.STOPPED or waits
        else:
            entry = job.entries[number]
            ready = all(e.status is E.DONE for e in job.entries if e.verb is Verb.UPDATE)
            assert ready or entry.verb is Verb.UPDATE
            started = begun(job, number, {}, now)
            assert len(away(started)) <= at_once
            assert len(moving(started)) <= 1
            cluster = after(a_server_cluster(job=started), number, what, now)
        now += timedelta(seconds=seconds)


@given(at_once=st.integers(1, 6), goes_on=st.booleans())
def test_a_round_that_nobody_refuses_anything_comes_to_its_end(at_once, goes_on):
    cluster = a_server_cluster(job=a_round(4, max_parallel=at_once, goes_on=goes_on))
    for _ in range(4 * 6):
        number = next_entry(cluster.job, NOW)
        cluster = after(
            a_server_cluster(job=begun(cluster.job, number, {}, NOW)), number, Came(), NOW
        )
    assert cluster.job.status is S.DONE


def taken(job: Job, what: Came = OVER) -> Job:
    """Return the job after its next step came to this."""
    number = next_entry(job, NOW)
    assert number is not None
    return after(a_server_cluster(job=begun(job, number, {}, NOW)), number, what, NOW).job


def drained(job: Job) -> Job:
    """Return the job after its next step, which is one of draining."""
    assert job.entries[next_entry(job, NOW)].verb is Verb.DRAIN
    return taken(job)


def at_reboots(count: int, **but) -> Job:
    """Return a round whose servers are all updated."""
    job = a_round(count, **but)
    done = [replace(e, status=E.DONE) if e.verb is Verb.UPDATE else e for e in job.entries]
    return replace(job, entries=tuple(done))


def test_nobody_leaves_while_another_leaves_or_comes_back():
    job = taken(drained(at_reboots(3, max_parallel=2)), Came(waits_s=60))  # m1 leaves
    assert next_entry(job, NOW) is None
    soon = NOW + timedelta(minutes=2)
    assert job.entries[next_entry(job, soon)].verb is Verb.EVACUATE
    job = taken(taken(drained(at_reboots(3, max_parallel=2))))  # m1 has left and rebooted
    job = taken(job, Came(waits_s=60))  # and takes back what was there
    assert job.entries[3 + 3].status is E.BEGUN
    assert next_entry(job, NOW) is None


def test_while_one_reboots_the_next_leaves():
    job = taken(drained(at_reboots(3, max_parallel=2)))  # m1 has left
    job = taken(job, Came(waits_s=60))  # and reboots
    assert job.entries[next_entry(job, NOW)].server == "m2"
    assert next_entry(replace(job, max_parallel=1), NOW) is None


def test_who_is_under_way_comes_back_before_a_refusal_ends_the_round():
    job = taken(drained(at_reboots(3, max_parallel=2)))
    job = taken(job, Came(waits_s=60))
    job = taken(drained(job), Came(refused="full", final=True))  # m2 cannot leave
    assert (job.status, away(job)) == (S.RUNNING, {"m1", "m2"})
    rested = NOW + timedelta(minutes=2)
    while (number := next_entry(job, rested)) is not None:
        job = after(a_server_cluster(job=begun(job, number, {}, NOW)), number, Came(), NOW).job
    assert (job.status, away(job), "full" in job.reason) == (S.STOPPED, {"m2"}, True)
    again = resumed(a_server_cluster(job=job), rested).job
    assert again.entries[next_entry(again, rested)].server == "m2"


def test_a_round_that_goes_on_counts_who_failed_as_away():
    job = taken(at_reboots(3, goes_on=True), Came(refused="full", final=True))
    assert job.status is S.STOPPED
    job = taken(at_reboots(3, goes_on=True, max_parallel=2), Came(refused="full", final=True))
    assert job.status is S.RUNNING
    while (number := next_entry(job, NOW)) is not None:
        job = after(a_server_cluster(job=begun(job, number, {}, NOW)), number, Came(), NOW).job
    assert (job.status, away(job)) == (S.STOPPED, {"m1"})


def test_a_round_that_is_cancelled_between_two_servers_begins_with_no_other():
    """That all were updated before does not mean that all are under way."""
    job = at_reboots(2)
    for _ in range(5):
        job = taken(job)
    assert away(job) == set()
    assert cancelled(job, NOW).status is S.CANCELLED


def test_those_that_need_most_and_have_most_are_away_together():
    guests = tuple(Guest(name=f"i{n}", member=f"m{n}", memory_bytes=3 << 30) for n in (1, 2, 3, 4))
    load = Load(guests=guests, free_bytes={f"m{n}": 4 << 30 for n in (1, 2, 3, 4)})
    names = ["m1", "m2", "m3", "m4"]
    assert list(crowded(names, load)) == []
    assert list(crowded(names, load, 2)) == []
    (found,) = crowded(names, load, 3)
    assert "m1, m2, m3 need 9216 MiB, and the other servers have 4096" in found.text


def test_what_fits_on_all_others_together_and_on_none_of_them_is_told():
    load = Load(
        guests=(Guest(name="big", member="m1", memory_bytes=6 << 30),),
        free_bytes={"m1": 0, "m2": 4 << 30, "m3": 4 << 30},
    )
    (found,) = crowded(["m1", "m2", "m3"], load)
    assert "'big' needs 6144 MiB, and no other server has more than 4096" in found.text


def test_less_than_half_of_those_that_vote_may_be_away():
    assert [spared(each) for each in (0, 1, 2, 3, 4, 5)] == [1, 1, 1, 1, 1, 2]
    assert list(too_many(members=5, voters=3, at_once=3)) == []  # one that votes, two that do not
    (found,) = too_many(members=3, voters=3, at_once=2)
    assert "at most 1 of its 3 servers" in found.text
    assert len(list(too_many(members=2, voters=0, at_once=2))) == 1


def test_a_server_is_cordoned_from_its_draining_until_it_is_restored():
    job = at_reboots(2)
    assert cordoned(job) == set()
    seen = []
    while (number := next_entry(job, NOW)) is not None:
        job = begun(job, number, {}, NOW)
        seen.append((job.entries[number].verb, cordoned(job)))
        job = after(a_server_cluster(job=job), number, Came(), NOW).job
    first = {verb: closed for verb, closed in seen[:5]}
    assert first == {
        Verb.DRAIN: {"m1"},
        Verb.EVACUATE: {"m1"},
        Verb.REBOOT: {"m1"},
        Verb.RESTORE: {"m1"},
        Verb.SETTLE: set(),
    }
    assert (job.status, cordoned(job)) == (S.DONE, set())


def test_a_server_that_need_not_reboot_is_never_cordoned():
    job = at_reboots(2)
    while (number := next_entry(job, NOW)) is not None:
        kept = {"needed": False} if job.entries[number].verb is Verb.DRAIN else {}
        job = begun(job, number, kept, NOW)
        assert cordoned(job) == set()
        job = after(a_server_cluster(job=job), number, Came(), NOW).job
    assert job.status is S.DONE


def test_a_round_that_is_cancelled_while_a_server_is_drained_ends_and_opens_it():
    job = taken(at_reboots(2), Came(waits_s=60))
    assert cordoned(job) == {"m1"}
    over = cancelled(job, NOW)
    assert (over.status, cordoned(over)) == (S.CANCELLED, set())


def test_a_server_that_was_refused_something_stays_cordoned_until_somebody_says_what_now():
    job = taken(drained(at_reboots(2)), Came(refused="full", final=True))
    assert (job.status, cordoned(job)) == (S.STOPPED, {"m1"})
    assert cordoned(cancelled(job, NOW)) == set()


LEFT = st.timedeltas(timedelta(0), timedelta(seconds=2000))


@given(waited=LEFT, within=LEFT, count=st.integers(0, 3))
def test_a_server_is_evacuated_once_nothing_is_left_or_its_time_is_over_and_that_is_said(
    waited, within, count
):
    there = [(a_new_cluster(), an_empty_place(n)) for n in range(count)]
    came = left(there, waited, within)
    assert bool(came.waits_s) is (count > 0 and waited < within)
    assert bool(came.said) is (count > 0 and not came.waits_s)
    assert not came.refused
