"""What else befalls a Caddy that takes over from another, or cannot start."""

from dataclasses import replace
from pathlib import Path

import pytest

import traffic
from drivers.balancers.beds import Bed
from muster.base.errors import Permanent
from muster.drivers.balancers.caddy import process
from muster.drivers.balancers.child import Children
from muster.drivers.balancers.listener import listening
from muster.model.pool import Traffic


async def test_an_owner_killed_between_two_caddies_leaves_one(bed: Bed) -> None:
    one = await bed.app()
    await bed.good(one)
    await bed.balancer.close()
    kept = bed.folder.kept()
    assert kept
    sock = listening(kept.address, kept.port, shared=True)
    newest = await process.start(bed.folder, kept, sock, Children())
    sock.close()
    assert len(bed.lives()) == 2
    bed.balancer = await bed.another()

    async def one_is_left() -> bool:
        return bed.lives() == [newest]

    await traffic.until(one_is_left)
    assert (await bed.ask()).status == 200


async def test_a_caddy_that_cannot_start_says_why_and_leaves_nothing(
    bed: Bed, tmp_path: Path
) -> None:
    tmp_path.joinpath("caddy", str(bed.config.installation), "storage").write_text("no folder")
    bed.front = replace(bed.front, traffic=Traffic.HTTPS)
    with pytest.raises(Permanent, match=r"Caddy could not be started: .*logs are"):
        await bed.put()
    assert await bed.balancer.pool(bed.id) is None
    assert not await bed.balancer.list_pools()
