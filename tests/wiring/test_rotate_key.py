"""`muster db rotate-key`: what is secret is sealed by a new key, and read as before."""

from pathlib import Path
from uuid import UUID

import anyio
import pytest
from click.testing import CliRunner

from muster.model.desired import Desired
from muster.settings import load
from muster.store.connect import connect
from muster.store.sealing import kept
from muster.store.signals import LocalSignal
from muster.wiring.database import db

ONE = UUID(int=1)


async def told() -> None:
    settings = load()
    store = await connect(settings.database, LocalSignal(), seal=kept(settings.keys))
    await store.write(lambda tx: tx.desired.put(Desired(id=ONE, config={"a": "secret"})))
    await store.close()


async def known() -> object:
    settings = load()
    store = await connect(settings.database, LocalSignal(), seal=kept(settings.keys))
    found = await store.read(lambda tx: tx.desired.get(ONE))
    await store.close()
    return found and found.config


def run(*words: str) -> str:
    done = CliRunner().invoke(db, ["rotate-key", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_each_time_by_a_new_key_and_the_old_ones_stay_until_they_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSTER_HOME", str(tmp_path))
    keys = tmp_path / "secrets.key"
    anyio.run(told)
    assert run() == "1 rows sealed by a new key.\n"
    assert len(keys.read_text().splitlines()) == 2
    newest = keys.read_text().splitlines()[-1]
    assert run("--forget") == "1 rows sealed by a new key.\n2 old keys forgotten.\n"
    (left,) = keys.read_text().splitlines()
    assert left != newest
    assert anyio.run(known) == {"a": "secret"}
