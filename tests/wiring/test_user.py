"""`muster user`, on the machine of the database."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from click.testing import CliRunner

from muster.ports.store import Token
from muster.settings import load
from muster.store import schema
from muster.wiring.database import opened
from muster.wiring.user import user

WORDS = ("--password", "correct horse")


@pytest.mark.parametrize("command", [("remove", "ann"), ("password", "ann", *WORDS)])
async def test_what_a_user_signed_in_with_goes(tmp_path, monkeypatch, command):
    monkeypatch.setenv("MUSTER_HOME", str(tmp_path))
    said = CliRunner().invoke(user, ["add", "ann", *WORDS])
    assert said.exit_code == 0, said.output
    schema.upgrade(load().database)
    store = await opened(load())
    hers, his = (_token(name) for name in ("ann", "bob"))
    await store.write(lambda tx: [tx.tokens.put(each) for each in (hers, his)])
    await _in_thread(command)
    assert await store.read(lambda tx: tx.tokens.get(hers.id)) is None
    assert await store.read(lambda tx: tx.tokens.get(his.id)) == his
    await store.close()


async def _in_thread(command) -> None:
    said = await asyncio.to_thread(CliRunner().invoke, user, list(command))
    assert said.exit_code == 0, said.output
    assert "1 sessions and tokens revoked" in said.output


def _token(name: str) -> Token:
    return Token(
        id=uuid4(),
        project="default",
        user=name,
        roles=("member",),
        digest="x",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=None,
    )
