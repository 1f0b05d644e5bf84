"""`muster rebalance`: shown, agreed to, carried out, and then nothing is left of it."""

import pytest

from cli.terminal import Terminal

pytestmark = pytest.mark.slow


def test_what_leans_on_one_host_is_spread_again(muster: Terminal) -> None:
    quick = ("--option", "look_every_s=0.2", "--option", "hosts=3", "--option", 'zones=["z"]')
    muster.good("cloud", "add", "lab", "--kind", "simulated", *quick)
    where = ("rebalance", "--cloud", "lab")
    assert "Nothing on lab is worth a move" in muster.good(*where, "--plan")
    made = ("--image", "demo-web", "--flavor", "tiny", "--min", "3", "--max", "3")
    muster.good(
        "cluster", "create", "leaning", "--cloud", "lab", *made, "--port", "24990", "--wait"
    )
    nodes = [each["id"] for each in muster.asked("node", "list", "--cluster", "leaning")]
    push = ("--param", "host=z-h1", "--param", "force=true", "--wait")
    for each in nodes:
        muster.good("node", "op", each, "evacuate", *push)
    said = muster.asked(*where, "--plan")
    assert {each["target"] for each in said["transfers"]} == {"z-h2", "z-h3"}
    shown = muster.good(*where, "--plan")
    assert "z-h1 has 3 of leaning, z-h" in shown
    assert "0 is best" in shown
    assert muster(*where, typed="n\n").code == 1
    assert muster.good(*where, "--yes").startswith("Moved 2: leaning-")
    assert "Nothing is worth a move" in muster.good(*where)
    assert "there is no cloud 'nowhere'" in muster.refused("rebalance", "--cloud", "nowhere")
    muster.good("cluster", "delete", "leaning", "--yes", "--wait")
    muster.good("cloud", "remove", "lab")
