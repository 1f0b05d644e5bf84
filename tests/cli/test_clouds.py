"""`muster cloud`: taken on and let go while the server runs, and remembered by it."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from cli.terminal import Terminal, terminal
from house import House, house

pytestmark = pytest.mark.system

_ports = count(24000)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[House, Terminal]]:
    with house(tmp_path / "home") as it:
        it.start()
        yield it, terminal(it)


def test_an_added_cloud_works_at_once_and_after_a_restart(own: tuple[House, Terminal]) -> None:
    it, muster = own
    quick = ("--option", "look_every_s=0.2", "--option", "probe_every_s=0.2")
    quick += ("--option", "world=file")
    assert "Cloud lab is there" in muster.good("cloud", "add", "lab", "--kind", "simulated", *quick)
    assert "there is a cloud 'lab' already" in muster.refused("cloud", "add", "lab")
    made = ("--image", "demo-web", "--flavor", "tiny", "--min", "1", "--max", "2")
    port = ("--port", str(next(_ports)))
    muster.good("cluster", "create", "far", "--cloud", "lab", *made, *port, "--wait")
    assert "in use by cluster 'far'" in muster.refused("cloud", "remove", "lab")
    it.stop()
    it.start()
    assert muster.asked("cloud", "show", "lab")["added"] is True
    muster.good("cluster", "delete", "far", "--yes", "--wait")
    assert "looked after no more" in muster.good("cloud", "remove", "lab")
    assert "there is no cloud 'lab'" in muster.refused("cloud", "show", "lab")


def test_what_is_wrong_is_said_and_nothing_is_kept(own: tuple[House, Terminal]) -> None:
    it, muster = own
    before = muster.good("cloud", "list")
    for words, why in (
        (("--incus", "unix:/nowhere"), "incus-admin"),
        (("--incus", "https://127.0.0.1:1"), "core.https_address"),
        (("--token", "nonsense"), "incus config trust add"),
        (("--kind", "balloon"), "must be one of incus"),
        (("--kind", "simulated", "--option", "colour=red"), "colour"),
        (("--kind", "simulated", "--option", "balancer=caddy"), "balancer of its own"),
    ):
        assert why in muster.refused("cloud", "add", "lab", *words)
    assert muster.good("cloud", "list") == before
    assert not (it.home / "clouds" / "lab").exists()
    assert "built in" in muster.refused("cloud", "remove", "local")


def test_a_cloud_without_operations_says_so(own: tuple[House, Terminal]) -> None:
    """Those of Incus are listed and ended in the tests of the API."""
    _, muster = own
    why = "cloud local does not say what it is at"
    assert why in muster.refused("cloud", "operations", "local")
    assert why in muster.refused("cloud", "cancel", "local", "17")
    assert "there is no cloud 'lab'" in muster.refused("cloud", "operations", "lab")
