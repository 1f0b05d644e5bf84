"""What is secret lies sealed in the database, by keys that can be changed for others."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from machines import a_server_cluster
from muster.base.errors import Invalid, Unavailable
from muster.model.desired import Desired
from muster.ports.agent import OUR_CERTIFICATE, OUR_KEY
from muster.ports.store import Query, Store
from muster.store import sealing
from muster.store.connect import connect
from muster.store.sealing import Seal
from muster.store.signals import LocalSignal

ONE, TWO = UUID(int=1), UUID(int=2)
WORD = "a keyring nobody is to see"


def desired(id: UUID, word: str = WORD) -> Desired:
    return Desired(id=id, config={"services": {"ceph": {"key": word}}})


@asynccontextmanager
async def opened(url: str, keys: Path | None) -> AsyncIterator[Store]:
    store = await connect(url, LocalSignal(), seal=sealing.kept(keys) if keys else None)
    try:
        yield store
    finally:
        await store.close()


async def told(store: Store, *values: Desired) -> None:
    await store.write(lambda tx: tx.desired.put(*values))


async def known(store: Store, id: UUID = ONE) -> str:
    found = await store.read(lambda tx: tx.desired.get(id))
    assert found is not None
    return str(found.config["services"]["ceph"]["key"])


def on_disk(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.glob("muster.db*"))


def bodies(folder: Path, sql: str = "SELECT body FROM desired ORDER BY id") -> list[str]:
    conn = sqlite3.connect(folder / "muster.db")
    try:
        return [body for (body,) in conn.execute(sql)]
    finally:
        conn.close()


def change(folder: Path, sql: str) -> None:
    conn = sqlite3.connect(folder / "muster.db")
    conn.execute(sql)
    conn.commit()
    conn.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'muster.db'}"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "home" / "secrets.key"


async def test_what_is_desired_is_known_and_lies_nowhere_in_clear(
    tmp_path: Path, url: str, keys: Path
):
    async with opened(url, keys) as store:
        await told(store, desired(ONE))
        assert await known(store) == WORD
        assert WORD.encode() not in on_disk(tmp_path)
        all_of_them = await store.read(lambda tx: tx.desired.find(Query()))
        assert all_of_them == [desired(ONE)]
    assert bodies(tmp_path)[0].startswith("sealed:1:")


async def test_secrets_that_a_cluster_of_servers_was_made_with_lie_nowhere_in_clear(
    tmp_path: Path, url: str, keys: Path
):
    made = a_server_cluster(secrets={"PW": WORD})
    async with opened(url, keys) as store:
        await store.write(lambda tx: tx.server_clusters.put(made))
        assert await store.read(lambda tx: tx.server_clusters.get(made.id)) == made
    assert WORD.encode() not in on_disk(tmp_path)


def test_nobody_but_its_owner_may_read_the_file_of_keys(keys: Path):
    sealing.kept(keys)
    assert keys.stat().st_mode & 0o777 == 0o600


async def test_the_key_by_which_machines_are_asked_is_sealed_and_its_certificate_is_not(
    tmp_path: Path, url: str, keys: Path
):
    async with opened(url, keys) as store:
        await store.write(lambda tx: tx.settings.put(OUR_KEY, WORD))
        await store.write(lambda tx: tx.settings.put(OUR_CERTIFICATE, "for everybody"))
        assert await store.read(lambda tx: tx.settings.get(OUR_KEY)) == WORD
        assert await store.read(lambda tx: tx.settings.get(OUR_CERTIFICATE)) == "for everybody"
    assert WORD.encode() not in on_disk(tmp_path)
    assert "for everybody" in bodies(tmp_path, "SELECT value FROM settings")


async def test_rows_from_before_there_were_seals_are_read_and_sealed_at_the_next_start(
    tmp_path: Path, url: str, keys: Path
):
    async with opened(url, None) as store:
        await told(store, desired(ONE), desired(TWO, "other"))
        await store.write(lambda tx: tx.settings.put(OUR_KEY, WORD))
    assert WORD in bodies(tmp_path)[0]
    async with opened(url, keys) as store:
        assert [await known(store, each) for each in (ONE, TWO)] == [WORD, "other"]
        assert all(each.startswith("sealed:1:") for each in bodies(tmp_path))
        assert await store.write(lambda tx: tx.seal_anew()) == 0
    (key,) = bodies(tmp_path, f"SELECT value FROM settings WHERE name = '{OUR_KEY}'")
    assert key.startswith("sealed:1:")


async def test_a_service_that_runs_reads_what_is_sealed_by_a_new_key_and_seals_by_it(
    tmp_path: Path, url: str, keys: Path
):
    async with opened(url, keys) as store:
        await told(store, desired(ONE))
        before = bodies(tmp_path)[0].split(":")[2]
        sealing.rotated(keys)
        assert await known(store) == WORD
        async with opened(url, keys) as other:
            assert await known(other) == WORD
        after = bodies(tmp_path)[0].split(":")[2]
        assert after != before
        assert sealing.forgotten(keys) == 1
        assert await known(store) == WORD
        await told(store, desired(TWO))
    assert {each.split(":")[2] for each in bodies(tmp_path)} == {after}


async def test_without_its_key_nothing_is_read_and_the_reason_names_the_file(
    tmp_path: Path, url: str, keys: Path
):
    async with opened(url, keys) as store:
        await told(store, desired(ONE))
    other = tmp_path / "other.key"
    with pytest.raises(Unavailable, match=r"desired is sealed by the key \w+, and .*other\.key"):
        async with opened(url, other):
            pass
    async with opened(url, None) as store:
        with pytest.raises(Unavailable, match="there is no file of keys"):
            await known(store)
    async with opened(url, keys) as store:
        assert await known(store) == WORD


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE desired SET body = substr(body, 1, length(body) - 8) || 'AAAAAAA='",
        "UPDATE desired SET body = (SELECT value FROM settings WHERE name = 'machines.key')",
    ],
)
async def test_what_somebody_changed_or_put_elsewhere_is_not_believed(
    tmp_path: Path, url: str, keys: Path, sql: str
):
    async with opened(url, keys) as store:
        await told(store, desired(ONE))
        await store.write(lambda tx: tx.settings.put(OUR_KEY, WORD))
    change(tmp_path, sql)
    async with opened(url, keys) as store:
        with pytest.raises(Unavailable, match="is not what was sealed"):
            await known(store)


def spoil(keys: Path) -> None:
    keys.write_text("no key at all\n")


def empty(keys: Path) -> None:
    keys.write_text("\n")


def lend(keys: Path) -> None:
    keys.chmod(0o644)


@pytest.mark.parametrize(
    ("spoiling", "fault"),
    [(spoil, "line 1: is no name and key"), (empty, "has no key"), (lend, "chmod 600")],
)
def test_a_file_that_is_none_of_keys_is_refused(
    keys: Path, spoiling: Callable[[Path], None], fault: str
):
    sealing.kept(keys)
    spoiling(keys)
    with pytest.raises(Invalid, match=fault):
        sealing.kept(keys)


def test_the_same_text_is_sealed_otherwise_each_time(keys: Path):
    seal = sealing.kept(keys)
    first, second = seal.closed("desired", WORD), seal.closed("desired", WORD)
    assert first != second
    assert seal.opened("desired", first) == seal.opened("desired", second) == WORD


def test_two_that_begin_at_once_have_the_same_key(keys: Path):
    sealing._begin(keys)
    before = keys.read_text()
    sealing._begin(keys)
    assert keys.read_text() == before
    assert [each.name for each in keys.parent.iterdir()] == ["secrets.key"]


def test_without_a_file_nothing_is_sealed():
    assert Seal().closed("desired", WORD) == WORD


@pytest.mark.postgresql
async def test_on_postgresql_it_is_the_same(postgres_url: str, keys: Path):
    async with opened(postgres_url, None) as store:
        await told(store, desired(ONE))
    async with opened(postgres_url, keys) as store:
        assert await known(store) == WORD
        await told(store, desired(TWO, "other"))
        sealing.rotated(keys)
        assert await store.write(lambda tx: tx.seal_anew()) == 2
        sealing.forgotten(keys)
        assert await known(store, TWO) == "other"
    async with opened(postgres_url, None) as store:
        with pytest.raises(Unavailable, match="no file of keys"):
            await known(store)
