"""Reading what the retired service has left, whatever release wrote it."""

from datetime import UTC
from pathlib import Path
from uuid import UUID

import pytest

from muster.base.errors import Invalid, Unavailable
from muster.store.retired import read
from testbed.leftovers import change, left


def test_everything_that_means_something_is_read(tmp_path: Path) -> None:
    found = read(left(tmp_path / "it.db"))
    assert [row["name"] for row in found.clusters].count("front") == 2
    assert len(found.nodes) == 8
    assert len(found.bindings) == 3
    assert {row["type"] for row in found.receivers} == {"webhook"}
    assert found.unfinished == {}


def test_values_come_as_what_they_are(tmp_path: Path) -> None:
    found = read(left(tmp_path / "it.db"))
    row = next(
        row for row in found.clusters if row["project"] == "alpha" and row["name"] == "front"
    )
    assert isinstance(row["id"], UUID)
    assert row["created_at"].tzinfo is UTC
    assert row["config"] == {"node.name.format": "web-$3I"}


def test_what_is_under_way_is_known_by_what_it_is_done_to(tmp_path: Path) -> None:
    url = left(tmp_path / "it.db")
    change(tmp_path / "it.db", "UPDATE action SET status='RUNNING' WHERE action='NODE_UPDATE'")
    [(_, said)] = read(url).unfinished.items()
    assert said == "NODE_UPDATE (RUNNING)"


def test_what_an_older_release_did_not_have_is_nothing(tmp_path: Path) -> None:
    url = left(tmp_path / "it.db")
    change(
        tmp_path / "it.db",
        "ALTER TABLE node DROP COLUMN tainted",
        "ALTER TABLE cluster DROP COLUMN config",
    )
    found = read(url)
    assert {row["tainted"] for row in found.nodes} == {None}
    assert {row["config"] for row in found.clusters} == {None}


def test_nothing_is_ever_written_to_it(tmp_path: Path) -> None:
    url = left(tmp_path / "it.db")
    before = (tmp_path / "it.db").read_bytes()
    read(url)
    assert (tmp_path / "it.db").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["it.db"]


@pytest.mark.parametrize(
    "url", ["postgresql://it", "nonsense", "sqlite://", "oracle://a@b/c", "sqlite:///:memory:"]
)
def test_what_names_no_such_database_is_refused(url: str) -> None:
    with pytest.raises((Invalid, Unavailable)):
        read(url)


def test_another_database_is_told_from_it(tmp_path: Path) -> None:
    change(tmp_path / "it.db", "CREATE TABLE cluster (id TEXT)")
    with pytest.raises(Invalid, match="no database of the clustering service"):
        read(f"sqlite:///{tmp_path}/it.db")


def test_a_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        read("mysql://senlin:s3cret@127.0.0.1:1/senlin")
    assert "s3cret" not in refused.value.text
