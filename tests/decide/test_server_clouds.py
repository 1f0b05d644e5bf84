"""Which clusters of servers are clouds, where those are, and what they show."""

from dataclasses import replace

import pytest

from builders import NOW
from drivers.pem.made import CERTIFICATE, KEY, NEXT
from machines import a_clusterable_machine, a_server_cluster
from muster.decide.server_clusters.clouds import Face, cloud_of, follows, hindrance
from muster.decide.server_clusters.seed import Ground, merged
from muster.model.machine import Kind
from muster.model.server_cluster import ServerClusterStatus
from muster.model.server_job import Entry, Job, JobKind, JobStatus, Verb

OURS = Face(certificate=CERTIFICATE, key=KEY)
THEIRS = "-----BEGIN CERTIFICATE-----\ntheirs\n-----END CERTIFICATE-----\n"


def formed(**but):
    cluster = a_server_cluster()
    seed = merged({}, Ground(), cluster.id, CERTIFICATE)
    plain = {"seed": seed, "status": ServerClusterStatus.READY, "certificate": THEIRS}
    return replace(cluster, **(plain | but))


def members(*numbers, **but):
    plain = {"cluster": "c1", "shows": THEIRS}
    return [a_clusterable_machine(each, **(plain | but)) for each in numbers]


def a_job(kind, *entries, status=JobStatus.RUNNING):
    job = formed().job
    assert job is not None
    return Job(id=job.id, kind=kind, entries=entries, asked_at=NOW, status=status)


def test_one_that_is_ready_is_the_cloud_of_its_name_with_all_its_servers():
    row = cloud_of(formed(), members(2, 1, 3), OURS, NOW)
    assert row is not None
    assert (row.name, row.servers) == ("c1", formed().id)
    assert row.options == {
        "kind": "incus",
        "url": "https://10.0.0.1:8443",
        "members": ["https://10.0.0.2:8443", "https://10.0.0.3:8443"],
    }
    assert row.papers == {
        "certificate": CERTIFICATE,
        "key": KEY,
        "server_certificate": f"{THEIRS.strip()}\n",
    }


@pytest.mark.parametrize(
    ("but", "why"),
    [
        ({"cloud": False}, "not wanted"),
        ({"kind": Kind.MIGRATION_MANAGER}, "migration-manager"),
        ({"status": ServerClusterStatus.PENDING}, "pending"),
        ({"status": ServerClusterStatus.FAILED}, "failed"),
        ({"job": a_job(JobKind.DISSOLVE)}, "being reset"),
        ({"name": "my_cluster"}, "letters"),
        ({"seed": merged({}, Ground(), formed().id, NEXT)}, "muster cloud add"),
    ],
)
def test_one_is_none_for_a_reason(but, why):
    cluster = formed(**but)
    assert why in hindrance(cluster, CERTIFICATE)
    assert cloud_of(cluster, members(1), OURS, NOW) is None


def test_one_of_which_the_reset_was_cancelled_is_a_cloud_still():
    cluster = formed(job=a_job(JobKind.DISSOLVE, status=JobStatus.CANCELLED))
    assert hindrance(cluster, CERTIFICATE) == ""


def test_who_is_about_to_join_or_owes_a_reset_is_no_host_of_it():
    entry = Entry(verb=Verb.JOIN, server="m3")
    cluster = formed(job=a_job(JobKind.ADD, entry))
    crew = [*members(1, 3), *members(2, owes_reset="it was lost")]
    row = cloud_of(cluster, crew, OURS, NOW)
    assert row is not None
    assert (row.options["url"], "members" in row.options) == ("https://10.0.0.1:8443", False)


def test_while_the_certificate_changes_the_old_and_the_new_are_believed():
    row = cloud_of(formed(), members(1, shows=f"{THEIRS}\n{NEXT}"), OURS, NOW)
    assert row is not None
    said = row.papers["server_certificate"]
    assert (THEIRS.strip() in said, NEXT.strip() in said) == (True, True)


def test_a_row_is_written_only_where_it_is_not_so_and_never_over_somebody_elses():
    wanted = cloud_of(formed(), members(1), OURS, NOW)
    assert wanted is not None
    earlier = replace(wanted, created_at=NOW.replace(year=2020))
    assert follows(None, wanted) == wanted
    assert follows(earlier, wanted) is None
    more = replace(wanted, options={**wanted.options, "members": ["https://10.0.0.2:8443"]})
    assert follows(earlier, more) == replace(more, created_at=earlier.created_at)
    assert follows(replace(wanted, servers=None), more) is None


def test_a_new_cluster_trusts_us_and_whoever_it_was_asked_to():
    asked = {"certificates": [{"name": "ops", "type": "client", "certificate": "abc"}]}
    made = merged(asked, Ground(), formed().id, CERTIFICATE)["certificates"]
    assert [each["name"] for each in made] == ["ops", "muster"]
    assert merged(asked, Ground(), formed().id)["certificates"] == asked["certificates"]
