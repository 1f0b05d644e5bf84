"""What others write between looking and doing is neither lost nor overwritten."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.base.errors import Conflict, Stale
from muster.model.cluster import Cluster, ClusterStatus
from muster.model.rollout import RolloutState
from muster.service import changes, clusters
from muster.service.ask import Ask
from office import PEOPLE, WEB, Office, opened, path

ANN = PEOPLE["ann"]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as open_office:
        yield open_office


async def intent_to(office: Office, made: dict[str, Any], **said: Any) -> Any:
    ask = Ask(given=frozenset(said), **said)
    where = (made["stack_name"], made["stack_id"])
    return await changes.update(office.desk, ANN, where, ask, force=False)


async def turned(office: Office, cluster: Cluster, state: RolloutState) -> Cluster:
    """Have the engine turn the update meanwhile."""
    assert cluster.rollout is not None
    rollout = cluster.rollout.turned(state, office.clock.now(), "meanwhile")
    after = replace(cluster, rollout=rollout, status=ClusterStatus.UPDATING, next_index=9)
    await office.put(after)
    return after


async def test_what_the_engine_wrote_meanwhile_is_kept(office: Office) -> None:
    made = await office.made()
    await office.call("PATCH", path(made), {"image": "demo-web-v2"})
    intent = await intent_to(office, made, desired_size=3)
    meanwhile = await turned(office, await office.stored(made["stack_id"]), RolloutState.BAKING)
    await intent.do()
    after = await office.stored(made["stack_id"])
    assert (after.desired, after.generation) == (3, meanwhile.generation + 1)
    assert after.rollout == meanwhile.rollout
    assert (after.status, after.next_index) == (meanwhile.status, 9)


async def test_a_wish_made_meanwhile_is_not_overwritten(office: Office) -> None:
    made = await office.made()
    intents = [await intent_to(office, made, desired_size=3)]
    where = (made["stack_name"], made["stack_id"])
    intents.append(await clusters.deletion(office.desk, ANN, *where))
    await office.call("PATCH", path(made), {"desired_size": 5})
    for intent in intents:
        with pytest.raises(Stale):
            await intent.do()
    after = await office.stored(made["stack_id"])
    assert (after.desired, after.leaving) == (5, False)


async def test_an_update_does_not_rest_on_a_revision_that_is_no_longer_in_force(
    office: Office,
) -> None:
    made = await office.made()
    intent = await intent_to(office, made, image="demo-web-v2")
    cluster = await office.stored(made["stack_id"])
    await office.put(replace(cluster, profile_id=cluster.id))
    with pytest.raises(Stale):
        await intent.do()


async def test_of_two_creations_at_once_one_gets_the_name(office: Office) -> None:
    ask = Ask(given=frozenset(WEB), **WEB)
    both = [await clusters.creation(office.desk, ANN, ask) for _ in range(2)]
    await both[0].do()
    with pytest.raises(Conflict):
        await both[1].do()
    listed = (await office.call("GET", "/v1/clusters")).json()["clusters"]
    assert len(listed) == 1


async def test_a_request_is_prepared_again_when_somebody_was_quicker(office: Office) -> None:
    made = await office.made()
    store, overtaken = office.desk.store, []

    class Overtaking:
        """A store in which somebody else resizes just before the first write."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def write(self, work: Any) -> Any:
            if not overtaken:
                overtaken.append(True)
                cluster = await office.stored(made["stack_id"])
                newer = replace(cluster, generation=cluster.generation + 1, max_size=9)
                await store.write(lambda tx: tx.clusters.put(newer))
            return await store.write(work)

    object.__setattr__(office.desk, "store", Overtaking())
    answer = await office.call("PATCH", path(made), {"desired_size": 3})
    assert answer.status_code == 202
    after = await office.stored(made["stack_id"])
    assert (after.desired, after.max_size, after.generation) == (3, 9, 3)
