"""`muster vcluster`, from the command line."""

import json
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from cli.terminal import Terminal
from house import until
from vclusters import ONE_VOLUME, REDUNDANT, body, repeated, rule, server, volume

pytestmark = pytest.mark.system


def test_a_vcluster_goes_through_its_whole_life(muster: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "redundant.json"
    file.write_text(repeated(REDUNDANT))
    planned = muster.good("vcluster", "plan", str(file))
    assert "PLANNED" in planned
    assert "db-2-vol" in planned
    assert "redundant-data" not in muster.good("vcluster", "list")
    made = muster.good("vcluster", "create", str(file), "--wait")
    assert "ACTIVE" in made
    assert "✓ anti-affinity g3: db-1, db-2" in made
    assert "redundant-data" in muster.good("vcluster", "list")
    seen = muster.asked("vcluster", "show", "redundant-data")
    assert {each["status"] for each in seen["instances"]} == {"ACTIVE"}
    assert "goes" in muster.good("vcluster", "delete", "redundant-data")


def test_what_is_impossible_is_told_with_what_would_do(muster: Terminal, tmp_path: Path) -> None:
    many = [server(f"s{number}") for number in range(4)]
    file = tmp_path / "apart.yaml"
    rules = [rule("anti-affinity", *(each["name"] for each in many), scope="zone")]
    file.write_text(json.dumps(body(many, rules, name="apart")))
    refused = muster("vcluster", "plan", str(file))
    assert refused.code == 1
    assert "s0" in refused.err
    assert "possible instead:" in refused.err


def test_a_request_in_yaml_names_what_is_wrong(muster: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "vcluster:\n  name: x\n  instances:\n    - {name: v, type: volume, spec: {size: 0}}\n"
    )
    refused = muster("vcluster", "create", str(file))
    assert refused.code == 1
    assert "vcluster.instances[0].spec.size" in refused.err


def test_on_this_machine_the_volume_is_attached_and_goes_with_it(
    muster: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "one.json"
    wanted = {**ONE_VOLUME["vcluster"], "name": "here", "cloud": "local"}
    wanted["instances"] = [server("db"), volume("db-vol", 1)]
    file.write_text(json.dumps({"vcluster": wanted}))
    muster.good("vcluster", "create", str(file), "--wait")
    seen = muster.asked("volume", "show", "here-db-vol")
    assert (seen["status"], seen["cloud"]) == ("in-use", "local")
    assert seen["path"]
    muster.good("vcluster", "delete", "here")
    until(lambda: not muster.asked("volume", "list", "--cloud", "local"), 30, "its volume is gone")
    assert "here" not in muster.good("vcluster", "list")


def test_one_is_changed_explained_and_drawn(muster: Terminal, tmp_path: Path) -> None:
    file, more, drawn = (tmp_path / name for name in ("one.json", "more.json", "out.svg"))
    said = body([server("a"), volume("a-vol", 1, attach_to="a")], name="drawn")
    file.write_text(json.dumps(said))
    assert "■ a ─ ▤ a-vol" in muster.good("vcluster", "explain", str(file))
    muster.good("vcluster", "create", str(file), "--wait", "--plot", str(drawn))
    assert drawn_in(drawn) >= {"a", "a-vol"}
    change = {"instances": [server("b")], "groupings": [rule("anti-affinity", "a", "b")]}
    more.write_text(json.dumps({"vcluster": change}))
    ahead = ("--plan", "--plot", str(drawn))
    assert "PLANNED" in muster.good("vcluster", "update", "drawn", str(more), *ahead)
    assert drawn_in(drawn) >= {"a", "a-vol", "b"}
    assert "UPDATING" in muster.good("vcluster", "update", "drawn", str(more), "--allow-moves")
    until(lambda: muster.asked("vcluster", "show", "drawn")["status"] == "ACTIVE", 30, "it is done")
    assert "■ b" in muster.good("vcluster", "show", "drawn", "--plot", str(drawn))
    assert drawn_in(drawn) >= {"a", "a-vol", "b"}
    muster.good("vcluster", "delete", "drawn")


def drawn_in(file: Path) -> set[str]:
    """Return the words in a picture."""
    every = fromstring(file.read_text()).iter()
    return {each.text for each in every if each.tag.endswith("text") and each.text}


def test_an_explanation_of_the_impossible_is_no_failure(muster: Terminal, tmp_path: Path) -> None:
    many = [server(f"s{number}") for number in range(4)]
    rules = [rule("anti-affinity", *(each["name"] for each in many), scope="zone")]
    file = tmp_path / "apart.json"
    file.write_text(json.dumps(body(many, rules, name="apart")))
    said = muster.good("vcluster", "explain", str(file))
    assert said.startswith("It cannot be: ")
    assert "possible instead: " in said
