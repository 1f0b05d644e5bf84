"""`muster import-senlin`: a retired service's clusters go on here as what they were."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import mariadb
from house import House, house, until
from testbed.leftovers import change, freshly_written, left

pytestmark = pytest.mark.system

SIMULATED = {
    "MUSTER_DEFAULT_CLOUD": "simulated",
    "MUSTER_CLOUDS": "{simulated = {world = 'file'}}",
}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path / "home", **SIMULATED) as it:
        yield it


@pytest.fixture
def url(tmp_path: Path) -> str:
    return left(tmp_path / "left.db")


def imported(it: House, url: str, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [*it.program, "import-senlin", "--from", url, *more]
    return subprocess.run(command, env=it.environ, capture_output=True, text=True, check=False)


def rows(it: House, noun: str, **query: str) -> list[dict[str, Any]]:
    with it.session() as session:
        found: list[dict[str, Any]] = session.call("GET", f"/v1/{noun}", query=query)[noun]
    return found


def by_id(things: list[dict[str, Any]], *names: str) -> Mapping[str, tuple[Any, ...]]:
    return {each["id"]: tuple(each[name] for name in names) for each in things}


def test_clusters_go_on_with_their_servers_under_the_same_ids(here: House, url: str) -> None:
    done = imported(here, url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cluster    4 taken" in done.stdout
    here.start()
    assert {each["status"] for each in rows(here, "clusters")} == {"ACTIVE"}
    nodes = rows(here, "nodes")
    assert {each["status"] for each in nodes} == {"ACTIVE"}
    assert all(len(each["physical_id"]) == 36 for each in nodes)
    assert [each["tainted"] for each in nodes if each["cluster_id"] == ""] == [True]


def test_what_was_taken_over_can_be_worked_with(here: House, url: str) -> None:
    imported(here, url)
    here.start()
    [front] = [each for each in rows(here, "clusters") if each["desired_capacity"] == 5]
    [door] = rows(here, "receivers")
    with here.session() as session:
        session.call("POST", f"/v1/webhooks/{door['id']}/trigger", query={"V": "2"})
        path = f"/v1/clusters/{front['id']}"
        until(lambda: len(session.call("GET", path)["cluster"]["nodes"]) == 6, 20, "it has grown")
        names = {each["name"] for each in rows(here, "nodes", cluster_id=front["id"])}
        assert "web-006" in names  # the format and the counter came along
        bound = session.call("GET", f"{path}/policies")["cluster_policies"]
        assert {each["policy_name"]: each["enabled"] for each in bound} == {
            "out": True,
            "old-first": True,
            "doctor": False,
        }


def test_a_dry_run_says_what_would_be_and_changes_nothing(here: House, url: str) -> None:
    done = imported(here, url, "--dry-run")
    assert "cluster    4 would be taken" in done.stdout
    here.start()
    assert rows(here, "clusters") == []


def test_again_it_takes_only_what_is_not_there(here: House, url: str, tmp_path: Path) -> None:
    imported(here, url, "--project", "beta")
    done = imported(here, url)
    assert "cluster    3 taken, 1 there already" in done.stdout
    assert "node       7 taken, 1 there already" in done.stdout


def test_a_project_can_go_into_another(here: House, url: str) -> None:
    done = imported(here, url, "--project", "beta", "--into", "default")
    assert done.returncode == 0
    here.start()
    [cluster] = rows(here, "clusters")
    assert (cluster["project"], cluster["user"]) == ("default", "user-of-beta")


def test_what_something_is_done_to_stays_unless_one_insists(
    here: House, url: str, tmp_path: Path
) -> None:
    change(tmp_path / "left.db", "UPDATE action SET status='RUNNING' WHERE action='CLUSTER_CREATE'")
    done = imported(here, url)
    assert done.returncode == 1
    assert "CLUSTER_CREATE (RUNNING) is not finished" in done.stdout
    assert "cluster    4 left" in done.stdout
    assert imported(here, url, "--unfinished").returncode == 0


def test_a_home_that_is_served_is_left_alone(here: House, url: str) -> None:
    here.start()
    done = imported(here, url)
    assert done.returncode == 1
    assert "is in use by process" in done.stderr


def test_a_cloud_that_keeps_other_servers_says_so_of_each(here: House, url: str) -> None:
    here.environ["MUSTER_DEFAULT_CLOUD"] = "local"
    done = imported(here, url)
    assert done.returncode == 1
    assert "could not be found" in done.stdout or "cannot" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_what_the_release_itself_has_just_written_is_taken_over(
    here: House, tmp_path: Path, kind: str
) -> None:
    if kind == "sqlite":
        _taken(here, f"sqlite:///{tmp_path}/fresh.db", f"sqlite:///{tmp_path}/fresh.db")
    else:
        with mariadb.running() as url:
            _taken(here, url, url.replace("mysql:", "mysql+pymysql:"))


def _taken(here: House, url: str, theirs: str) -> None:
    said = freshly_written(theirs)
    done = imported(here, url)
    assert done.returncode == 0, done.stdout + done.stderr
    here.start()
    for noun, names in {
        "clusters": ("name", "profile_id", "min_size", "max_size", "desired_capacity", "metadata"),
        "nodes": ("name", "physical_id", "cluster_id", "index", "role", "status", "profile_id"),
        "profiles": ("name", "type", "spec", "project", "user"),
        "policies": ("name", "type", "spec"),
        "receivers": ("name", "cluster_id", "action", "params"),
    }.items():
        before = [each for project in said.values() for each in project[noun]]
        assert by_id(rows(here, noun), *names) == by_id(before, *names)
