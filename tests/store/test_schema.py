"""The schema is brought to ours once, whoever starts, and never guessed at."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from builders import a_node
from muster.base.errors import Conflict, Invalid, SchemaMismatch, Unavailable
from muster.ports.store import Query
from muster.store import schema
from muster.store.connect import connect
from muster.store.schema import Condition
from muster.store.signals import LocalSignal
from muster.store.tables import metadata

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/muster.db"
    return request.getfixturevalue("postgres_url")


def said(url, *statements):
    """Say this to the database from outside of Muster's own doing."""

    def work(conn):
        for statement in statements:
            conn.execute(text(statement))
        conn.commit()

    schema._over(schema.parsed(url), work)


def test_an_empty_database_is_set_up(url):
    assert schema.check(url).condition is Condition.EMPTY
    assert schema.upgrade(url).condition is Condition.EMPTY
    assert schema.check(url).condition is Condition.CURRENT
    assert schema.upgrade(url).condition is Condition.CURRENT


def test_checking_creates_no_file(tmp_path):
    assert schema.check(f"sqlite:///{tmp_path}/muster.db").condition is Condition.EMPTY
    assert list(tmp_path.iterdir()) == []


def shape(conn):
    """Describe every table and index but Alembic's."""
    seen = inspect(conn)
    names = sorted(set(seen.get_table_names()) - {"alembic_version"})
    return {
        name: (
            [{k: str(v) for k, v in each.items()} for each in seen.get_columns(name)],
            sorted(str(each) for each in seen.get_indexes(name)),
            seen.get_pk_constraint(name)["constrained_columns"],
        )
        for name in names
    }


def test_migrating_from_nothing_leads_to_the_same_as_creating(url, tmp_path, request):
    said(url, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    assert schema.check(url).condition is Condition.OLDER
    schema.upgrade(url)
    assert schema.check(url).condition is Condition.CURRENT
    place = schema.parsed(url)

    def differences(conn):
        return compare_metadata(MigrationContext.configure(conn), metadata)

    assert schema._over(place, differences) == []
    migrated = schema._over(place, shape)
    said(url, *(f"DROP TABLE {name}" for name in [*migrated, "alembic_version"]))
    if url.startswith("postgresql"):
        said(url, "DROP SEQUENCE fences")
    schema.upgrade(url)
    assert schema._over(place, shape) == migrated


def test_the_revisions_known_are_those_there_are():
    scripts = ScriptDirectory(str(ROOT / "src/muster/store/migrations"))
    written = [each.revision for each in scripts.walk_revisions()]
    assert tuple(reversed(written)) == schema.REVISIONS


async def test_a_newer_database_is_refused_with_what_to_do(url):
    schema.upgrade(url)
    said(url, "UPDATE alembic_version SET version_num = '9999'")
    assert schema.check(url).condition is Condition.NEWER
    with pytest.raises(SchemaMismatch, match="upgrade Muster"):
        await connect(url, LocalSignal())
    with pytest.raises(SchemaMismatch, match="9999"):
        schema.upgrade(url)


async def test_somebody_elses_tables_are_left_alone(url):
    said(url, "CREATE TABLE events (colour TEXT)")
    with pytest.raises(SchemaMismatch, match="something else"):
        await connect(url, LocalSignal())


async def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "muster.db"
    path.write_text("a letter to my aunt" * 100)
    with pytest.raises(SchemaMismatch):
        await connect(f"sqlite:///{path}", LocalSignal())
    assert path.read_text().startswith("a letter")


@pytest.mark.system
@pytest.mark.parametrize("begun", ["empty", "older"])
def test_processes_that_start_together_all_find_it_ready(url, begun):
    if begun == "older":
        said(url, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    program = """
import asyncio, sys
from builders import a_node
from muster.store.connect import connect
from muster.store.signals import LocalSignal
sys.stdin.readline()

async def main():
    store = await connect(sys.argv[1], LocalSignal())
    await store.write(lambda tx: tx.nodes.put(a_node(int(sys.argv[2]))))
    await store.close()

asyncio.run(main())
"""
    path = os.pathsep.join(str(ROOT / each) for each in ("src", "tests"))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, str(i)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
        )
        for i in range(3)
    ]
    for each in started:
        each.stdin.write(b"go\n")
        each.stdin.flush()
    for each in started:
        _, complaint = each.communicate(timeout=90)
        assert each.returncode == 0, complaint.decode()
    assert schema.check(url).condition is Condition.CURRENT


async def test_a_backup_is_whole_and_can_be_used_in_place(tmp_path):
    store = await connect(f"sqlite:///{tmp_path}/muster.db", LocalSignal())
    nodes = [a_node(i) for i in range(1000)]
    await store.write(lambda tx: tx.nodes.put(*nodes))
    schema.backup(f"sqlite:///{tmp_path}/muster.db", tmp_path / "copy.db")
    await store.close()
    copy = await connect(f"sqlite:///{tmp_path}/copy.db", LocalSignal())
    assert await copy.read(lambda tx: tx.nodes.count(Query())) == 1000
    await copy.close()
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


async def test_a_backup_overwrites_nothing_and_leaves_nothing_half(tmp_path):
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(Conflict):
        schema.backup(f"sqlite:///{tmp_path}/muster.db", tmp_path / "copy.db")
    with pytest.raises(Unavailable):
        schema.backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "other.db")
    with pytest.raises(Conflict):
        schema.backup("sqlite:///:memory:", tmp_path / "other.db")
    assert [each.name for each in tmp_path.iterdir()] == ["copy.db"]


@pytest.mark.postgresql
async def test_postgresql_is_backed_up_by_its_own_program(postgres_url, tmp_path):
    schema.upgrade(postgres_url)
    schema.backup(postgres_url, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes().startswith(b"PGDMP")
    with pytest.raises(Unavailable, match="pg_dump failed"):
        schema.backup(postgres_url + "x", tmp_path / "other")
    assert not (tmp_path / "other").exists()


async def test_the_database_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "deep" / "muster.db"
    store = await connect(f"sqlite:///{path}", LocalSignal())
    await store.write(lambda tx: tx.nodes.put(a_node(1)))
    modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.glob("muster.db*")}
    with sqlite3.connect(path) as conn:
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await store.close()
    assert modes == {0o600}


@pytest.mark.parametrize(
    "url", ["", "muster.db", "mysql://root@localhost/x", "postgresql://u:secret@[::1/x"]
)
async def test_a_url_that_is_none_is_invalid_and_no_password_is_shown(url):
    with pytest.raises(Invalid) as told:
        await connect(url, LocalSignal())
    assert "secret" not in told.value.text
    assert told.value.details["field"] == "database_url"
