"""What an engine believes of a cloud's servers, and when it asks."""

import asyncio
from datetime import timedelta

import pytest

import builders
from builders import NOW, WEB
from engine.fate import CutAt, fated
from engine.world import a_scene
from muster.engine.lookout import NEVER_LISTED, Lookout
from muster.model.observed import Seen

TRUST = timedelta(seconds=10)


class Listing:
    """A cloud that lists what it is told to, and counts how often it is asked."""

    def __init__(self, *servers) -> None:
        self.servers = list(servers)
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def list_servers(self, cluster_id=None):
        self.asked += 1
        found = list(self.servers)
        await self.answers.wait()
        return found


@pytest.fixture
def one():
    return builders.a_server(1)


async def test_a_young_view_is_not_asked_for_again(one):
    cloud = Listing(one)
    lookout = Lookout(cloud)
    for _ in range(3):
        assert set(await lookout.servers(WEB, NOW, TRUST)) == {one.server_id}
    assert cloud.asked == 1
    await lookout.servers(WEB, NOW + TRUST, TRUST)
    assert cloud.asked == 2


async def test_what_is_building_is_looked_at_every_time():
    cloud = Listing(builders.a_server(1, Seen.BUILDING))
    lookout = Lookout(cloud)
    for _ in range(3):
        await lookout.servers(WEB, NOW, TRUST)
    assert cloud.asked == 3


async def test_what_we_made_is_known_without_asking(one):
    cloud = Listing()
    lookout = Lookout(cloud)
    await lookout.servers(WEB, NOW, TRUST)
    lookout.note([one], NOW)
    assert set(await lookout.servers(WEB, NOW, TRUST)) == {one.server_id}
    assert cloud.asked == 1


async def test_what_we_made_is_believed_for_a_while_though_it_is_not_listed(one):
    lookout = Lookout(Listing())
    lookout.note([one], NOW)
    changed, _ = await lookout.look(NOW + timedelta(seconds=1))
    assert changed == frozenset()
    assert set(lookout.known(WEB)) == {one.server_id}
    changed, _ = await lookout.look(NOW + NEVER_LISTED + timedelta(seconds=1))
    assert changed == {WEB}
    assert not lookout.known(WEB)


async def test_what_was_listed_once_and_is_gone_is_gone(one):
    cloud = Listing(one)
    lookout = Lookout(cloud)
    lookout.note([one], NOW)
    await lookout.look(NOW)
    cloud.servers.clear()
    changed, _ = await lookout.look(NOW)
    assert changed == {WEB}
    assert not lookout.known(WEB)


async def test_what_we_had_deleted_is_not_believed_in_any_more(one):
    lookout = Lookout(Listing())
    lookout.note([one], NOW)
    lookout.struck(WEB, one.server_id)
    assert not await lookout.servers(WEB, NOW, TRUST)


async def test_a_listing_that_began_before_a_newer_one_says_nothing(one):
    cloud = Listing()
    lookout = Lookout(cloud)
    cloud.answers.clear()
    late = asyncio.create_task(lookout.look(NOW))
    await asyncio.sleep(0)
    cloud.answers.set()
    cloud.servers.append(one)
    await lookout.servers(WEB, NOW, TRUST)
    changed, _ = await late
    assert changed == frozenset()
    assert set(lookout.known(WEB)) == {one.server_id}


async def test_a_look_says_whose_servers_are_not_as_they_were(one):
    cloud = Listing(one)
    lookout = Lookout(cloud)
    assert (await lookout.look(NOW))[0] == {WEB}
    assert (await lookout.look(NOW))[0] == frozenset()
    cloud.servers[0] = builders.a_server(1, Seen.BROKEN)
    assert (await lookout.look(NOW))[0] == {WEB}


async def test_a_cluster_that_somebody_else_changed_is_looked_at_afresh():
    """Its row is not as our last pass left it, so another engine may have been at work."""
    async with a_scene() as scene:
        counted = CutAt()
        engine = scene.engine_on(fated(scene.cloud, counted))
        web = await scene.create(2)
        await engine.settle()
        counted.moments.clear()
        await scene.mark(web)
        await engine.settle()
        assert "before list_servers" not in counted.moments
        await scene.resize(web, 2)
        await engine.settle()
        assert counted.moments.count("before list_servers") == 1


async def test_what_a_listing_in_between_has_shown_otherwise_is_set_right_by_the_next_look(one):
    cloud = Listing(one)
    lookout = Lookout(cloud)
    await lookout.look(NOW)
    cloud.servers.clear()
    lookout.distrust(WEB)
    assert not await lookout.servers(WEB, NOW, TRUST)
    cloud.servers.append(one)
    changed, _ = await lookout.look(NOW)
    assert changed == {WEB}
    assert set(lookout.known(WEB)) == {one.server_id}


async def test_a_look_that_shows_nothing_new_makes_every_view_young_again(one):
    cloud = Listing(one)
    lookout = Lookout(cloud)
    await lookout.look(NOW)
    edition = lookout.edition(WEB)
    changed, found = await lookout.look(NOW + TRUST)
    assert (changed, dict(found), lookout.edition(WEB)) == (frozenset(), {WEB: [one]}, edition)
    await lookout.servers(WEB, NOW + TRUST, TRUST)
    assert cloud.asked == 2


async def test_whoever_was_forgotten_and_is_still_listed_is_told_again(one):
    lookout = Lookout(Listing(one))
    await lookout.look(NOW)
    lookout.forget(WEB)
    changed, _ = await lookout.look(NOW)
    assert changed == {WEB}
    assert lookout.edition(WEB)
