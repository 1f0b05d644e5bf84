"""`muster db purge`: what is past goes, of one project or all; what is not, stays."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest
from click.testing import CliRunner, Result

from muster.base.clock import SystemClock
from muster.model.action import Action, ActionStatus, Verb
from muster.model.event import About, Event
from muster.model.receiver import Message
from muster.ports.store import Query, Transaction
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from muster.wiring.database import db

NOW = SystemClock().now()
OLD = NOW - timedelta(days=3)


def action(project: str, at: Any, status: ActionStatus = ActionStatus.SUCCEEDED) -> Action:
    made = Action(
        id=uuid4(),
        name="a",
        verb=Verb.CLUSTER_CHECK,
        target=uuid4(),
        cluster_id=None,
        project=project,
        user="u",
        created_at=at,
    )
    return made.turned(status, at)


def event(project: str, at: Any) -> Event:
    return Event(
        id=uuid4(),
        at=at,
        kind="cluster.created",
        otype=About.CLUSTER,
        oid=uuid4(),
        oname="web",
        cluster_id=None,
        project=project,
        user="u",
        reason="",
    )


def fill(tx: Transaction) -> None:
    for project in ("red", "blue"):
        for at in (OLD, NOW):
            tx.actions.put(action(project, at))
            tx.events.append(event(project, at))
            tx.messages.put(Message(id=uuid4(), project=project, queue="q", body={}, created_at=at))
    tx.actions.put(action("red", OLD, ActionStatus.RUNNING))


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Path]:
    store = await connect(f"sqlite:///{tmp_path}/muster.db", LocalSignal())
    await store.write(fill)
    yield tmp_path  # purged while somebody else has it open
    await store.close()


async def said(home: Path, *words: str, **environ: str) -> Result:
    env: Mapping[str, str] = {"MUSTER_HOME": str(home), **environ}
    return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(db, words, env=env))


async def left(home: Path) -> dict[str, int]:
    store = await connect(f"sqlite:///{home}/muster.db", LocalSignal())
    counted: dict[str, int] = await store.read(
        lambda tx: {
            "actions": tx.actions.count(Query()),
            "events": tx.events.count(Query()),
            "messages": tx.messages.count(Query()),
        }
    )
    await store.close()
    return counted


@pytest.mark.parametrize("kind", ["actions", "events", "messages"])
async def test_one_kind_goes_and_the_others_stay(home, kind):
    before = await left(home)
    done = await said(home, "purge", kind, "--older-than", "2d")
    assert (done.exit_code, done.output) == (0, f"2 {kind} removed.\n")
    assert await left(home) == {**before, kind: before[kind] - 2}


async def test_one_project_goes_and_the_others_stay(home):
    done = await said(home, "purge", "events", "--older-than", "48h", "--project", "red")
    assert done.output == "1 events removed.\n"
    done = await said(home, "purge", "events", "--older-than", "48h", "--project", "nobodys")
    assert done.output == "0 events removed.\n"


async def test_what_is_not_that_old_stays(home):
    done = await said(home, "purge", "actions", "--older-than", "4d")
    assert done.output == "0 actions removed.\n"


async def test_what_has_not_ended_stays_however_old(home):
    await said(home, "purge", "actions", "--older-than", "0s")
    assert (await left(home))["actions"] == 1


@pytest.mark.parametrize("age", ["", "3", "d", "-3d", "3w", "1.5h", "99999999999d", "x"])
async def test_an_age_that_is_none_is_refused(home, age):
    done = await said(home, "purge", "events", "--older-than", age)
    assert done.exit_code == 1
    assert "--older-than" in done.output


async def test_an_age_beyond_all_time_finds_nothing(home):
    done = await said(home, "purge", "events", "--older-than", "999999999d")
    assert done.output == "0 events removed.\n"


async def test_a_database_that_is_not_there_is_not_made(tmp_path):
    done = await said(tmp_path, "purge", "events", "--older-than", "1d")
    assert done.exit_code == 1
    assert not (tmp_path / "muster.db").exists()


async def test_an_unknown_kind_is_named(home):
    done = await said(home, "purge", "clusters", "--older-than", "1d")
    assert done.exit_code == 2
    assert "clusters" in done.output
