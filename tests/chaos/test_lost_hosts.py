"""Hosts are lost and come back while servers are killed: nothing is leaked, lost or there twice."""

import random
from collections.abc import Mapping

import pytest

from chaos.player import Player
from chaos.reckoning import reckon
from chaos.test_chaos import SEED, share, shown_by, world
from house import house, later
from muster.drivers.simulated.world import World

pytestmark = pytest.mark.chaos

MOST = 2  # hosts away at a time, of six
SIMULATED = (
    "{simulated = {world = 'file', create_s = 0.05, boot_s = 0.05, delete_s = 0.05, jitter = 0.9,"
    " drain_s = 0.2, look_every_s = 0.3, probe_every_s = 0.2, stray_grace_s = 1.0, hosts = 6,"
    " offline_s = 0.5}}"
)


def fate(there: World, dice: random.Random) -> None:
    """Have a host lose its power, its network or its voice, or get all of it back."""
    with there.still():
        conditions: Mapping[str, str] = dict(there.state.hosts.condition)
    away = [host for host, condition in conditions.items() if condition]
    if away and (len(away) >= MOST or dice.random() < 0.5):
        there.power_back(dice.choice(away))
    else:
        turn = dice.choice((there.lose, there.cut_off, there.silence))
        turn(dice.choice([host for host, condition in conditions.items() if not condition]))


def test_hosts_are_lost_while_servers_are_killed(tmp_path):
    dice = random.Random(SEED + 5)
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated", "MUSTER_CLOUDS": SIMULATED}
    with house(tmp_path / "home", **settings) as it:
        health = {"health": {"lost_wait_seconds": 0.5, "failures": 2}}
        player = Player(it, SEED + 5, ("one", "two", "three"), most=6, more=health)
        it.start()
        there = world(it.home)
        for _ in range(share(0.08)):
            with it.session() as session:
                cut = later(dice.uniform(0.3, 1.5), it.kill)
                fate(there, dice)
                player.play(session, 3)
                cut.join()
            it.start()
        for host in there.state.hosts.zones:
            there.power_back(host)
        reckon(it, player, lambda: shown_by(there))
