"""Tokens of our own, in front of whoever answers for other credentials."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from memory import in_memory
from muster.base.clock import ManualClock
from muster.base.errors import Unknown
from muster.base.secret import digest
from muster.drivers.identity.bearer import Bearer
from muster.model.who import Who
from muster.ports.store import Token
from muster.store.signals import LocalSignal

OTHER = Who(user="other", project="elsewhere")
FERNET = "gAAAAABpIExampleOfWhatKeystoneGives_with-all.its.signs=="


class Otherwise:
    challenge = "Otherwise"

    async def who(self, headers: Mapping[str, str]) -> Who:
        return OTHER

    def projects(self, user: str) -> None:
        return None


@pytest.fixture
async def bearer() -> AsyncIterator[Any]:
    store, clock = await in_memory(LocalSignal()), ManualClock()
    yield Bearer(store, clock, Otherwise()), store, clock
    await store.close()


async def a_secret(store: Any, clock: ManualClock, lasts_s: float = 60) -> str:
    id = uuid4()
    secret = f"{id.hex}.known"
    token = Token(
        id=id,
        project="red",
        user="ann",
        roles=("member",),
        digest=digest(secret),
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(seconds=lasts_s),
    )
    await store.write(lambda tx: tx.tokens.put(token))
    return secret


@pytest.mark.parametrize("header", ["x-auth-token", "authorization"])
async def test_a_secret_of_ours_stands_for_its_maker(bearer, header):
    door, store, clock = bearer
    secret = await a_secret(store, clock)
    said = secret if header == "x-auth-token" else f"Bearer {secret}"
    assert (await door.who({header: said})).user == "ann"
    clock.advance(61)
    with pytest.raises(Unknown, match="expired"):
        await door.who({header: said})


@pytest.mark.parametrize(
    "said", ["", "notused", FERNET, "7c86eed2664f4536bf7bf8548e6322", "s3cret"]
)
async def test_what_cannot_be_ours_is_left_to_others(bearer, said):
    assert await bearer[0].who({"x-auth-token": said}) == OTHER


async def test_what_looks_like_ours_and_is_not_is_refused(bearer):
    door, store, clock = bearer
    secret = await a_secret(store, clock)
    for said in (secret + "x", f"{uuid4().hex}.known"):
        with pytest.raises(Unknown):
            await door.who({"x-auth-token": said})


@pytest.mark.parametrize("said", ["Bearer", "Bearer ", "Bearer x", f"bearer {FERNET}"])
async def test_a_bearer_is_never_left_to_others(bearer, said):
    with pytest.raises(Unknown):
        await bearer[0].who({"authorization": said})
