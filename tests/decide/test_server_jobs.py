"""Jobs on clusters of servers: what becomes of them, whatever happens; and when they may begin."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW
from machines import a_server_cluster
from muster.decide.server_clusters.jobs import (
    Came,
    after,
    begun,
    next_entry,
    owes,
    turned_back,
)
from muster.decide.server_clusters.leaving import taken_back
from muster.model.server_job import (
    COURSE,
    ENDED,
    Entry,
    EntryStatus,
    Job,
    JobEvent,
    JobKind,
    JobStatus,
    Verb,
    Window,
)

S, E = JobStatus, EntryStatus


def a_job(*entries: Entry, **but) -> Job:
    plain = {"id": UUID(int=1), "kind": JobKind.CREATE, "entries": entries, "asked_at": NOW}
    return Job(**plain | but)


def test_the_table_says_something_of_every_event_in_every_status():
    assert set(COURSE) == set(S)
    assert all(set(row) == set(JobEvent) for row in COURSE.values())


def test_nothing_becomes_of_a_job_that_is_over():
    assert all(to is None for status in ENDED for to in COURSE[status].values())


def test_what_turns_back_does_so_to_the_end():
    led = {to for to in COURSE[S.TURNING_BACK].values() if to}
    assert led == {S.TURNED_BACK}


came = st.one_of(
    st.just(Came()),
    st.builds(Came, refused=st.just("no"), final=st.booleans()),
    st.builds(Came, waits_s=st.just(1.0)),
)


@given(
    steps=st.lists(st.tuples(came, st.integers(1, 600)), max_size=200),
    kind=st.sampled_from(list(JobKind)),
)
def test_a_job_ends_waits_for_somebody_or_has_a_next_step_whatever_comes_of_its_steps(steps, kind):
    verbs = (Verb.SERVICE, Verb.ADDRESSES, Verb.JOIN)
    entries = [Entry(verb=verb, server=name) for name in ("m1", "m2") for verb in verbs]
    now, cluster = NOW, a_server_cluster(job=a_job(*entries, kind=kind))
    for what, seconds in steps:
        job = cluster.job
        number = next_entry(job, now)
        if number is None:
            waits = job.due_at is not None and job.due_at > now
            assert job.status in ENDED or job.status is S.STOPPED or waits
        else:
            cluster = after(
                a_server_cluster(job=begun(job, number, {"before": {}}, now)), number, what, now
            )
        now += timedelta(seconds=seconds)
    if cluster.job.status in ENDED:
        assert not any(each.open for each in cluster.job.entries)


def test_who_cannot_be_put_back_owes_it_and_the_others_do_not_wait():
    done = Entry(verb=Verb.BOOTSTRAP, server="m1", status=E.DONE)
    plain = Entry(verb=Verb.SERVICE, server="m2", status=E.DONE, kept={"before": {"config": {}}})
    job = a_job(done, plain, status=S.RUNNING)
    cluster = turned_back(a_server_cluster(job=job), JobEvent.TURN_BACK, NOW)
    number = next(n for n, each in enumerate(cluster.job.entries) if each.verb is Verb.RESET)
    gone = Came(refused="no answer", final=True)
    cluster = after(cluster, number, gone, NOW)
    assert (owes(cluster.job, "m1"), owes(cluster.job, "m2")) == (True, False)
    assert {each.server for each in cluster.job.entries if each.open} == {"m1", "m2"}  # released


def test_what_joins_a_cluster_that_stays_is_struck_out_where_it_is_undone():
    joined = Entry(verb=Verb.JOIN, server="m3", status=E.BEGUN)
    assert [each.verb for each in taken_back([joined])] == [Verb.RESET, Verb.STRIKE, Verb.RELEASE]


def test_a_key_is_kept_no_longer_than_it_is_needed():
    entry = Entry(verb=Verb.CERTIFICATE, server="m1", body={"cluster_certificate_key": "secret"})
    cluster = a_server_cluster(job=a_job(entry, kind=JobKind.CERTIFICATE))
    assert "secret" not in str(after(cluster, 0, Came(certificate="new"), NOW))


def at(weekday: int, hour: int) -> datetime:
    return datetime(2030, 1, 7, hour, tzinfo=UTC) + timedelta(days=weekday)  # a Monday


@pytest.mark.parametrize(
    ("window", "moment", "holds"),
    [
        (Window(begin=60, end=300), at(0, 1), True),
        (Window(begin=60, end=300), at(0, 5), False),
        (Window(begin=1320, end=240), at(2, 23), True),
        (Window(begin=1320, end=240), at(2, 3), True),
        (Window(begin=1320, end=240), at(2, 12), False),
        (Window(begin=1320, end=240, weekday=5), at(5, 23), True),
        (Window(begin=1320, end=240, weekday=5), at(6, 3), True),  # it began on Saturday
        (Window(begin=1320, end=240, weekday=5), at(5, 3), False),
        (Window(begin=60, end=300, weekday=5), at(6, 2), False),
    ],
)
def test_a_window_is_of_the_day_on_which_it_begins(window, moment, holds):
    assert window.holds(moment) is holds
