"""What is named is not deleted in the same moment, on every database."""

import asyncio
from contextlib import suppress
from uuid import UUID

import builders
from conftest import Opened
from muster.base.errors import Conflict, Invalid
from muster.base.ids import new_id
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.identity import PROFILE, held

ANN = Who(user="ann", project="demo")


async def test_no_node_is_left_without_its_profile(any_store: Opened) -> None:
    for _ in range(20):
        profile = builders.a_profile(new_id())
        await any_store.write(lambda tx, made=profile: tx.profiles.put(made))
        await asyncio.gather(use(any_store, profile.id), remove(any_store, profile.id))

        def orphaned(tx: Transaction, id: UUID = profile.id) -> bool:
            used = tx.nodes.count(Query(where={"profile_id": (id,)})) > 0
            return used and tx.profiles.get(id) is None

        assert not await any_store.read(orphaned)


async def use(store: Opened, profile_id: UUID) -> None:
    def work(tx: Transaction) -> None:
        profile = held(tx, ANN, PROFILE, str(profile_id))
        tx.nodes.put(builders.a_node(1, id=new_id(), profile_id=profile.id))

    with suppress(Invalid):
        await store.write(work)


async def remove(store: Opened, profile_id: UUID) -> None:
    def work(tx: Transaction) -> None:
        if tx.nodes.count(Query(where={"profile_id": (profile_id,)})):
            raise Conflict("in use")
        tx.profiles.drop(profile_id)

    with suppress(Conflict):
        await store.write(work)
