"""`muster vcluster`, from the command line."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pexpect
import pytest

from cli.terminal import Terminal
from house import MUSTER, until
from vclusters import REDUNDANT, body, one_key, repeated, rule, server, volume

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


@pytest.mark.parametrize("form", [json.dumps, repeated, one_key])
def test_on_this_machine_the_volume_is_where_the_server_finds_it_and_goes_with_it(
    muster: Terminal, tmp_path: Path, form: Callable[[Any], str]
) -> None:
    file = tmp_path / "one.json"
    things = [server("db"), volume("db-vol", 1)]
    near = [rule("affinity", "db", "db-vol")]
    file.write_text(form(body(things, near, name="here", cloud="local")))
    muster.good("vcluster", "create", str(file), "--wait")
    seen = muster.asked("volume", "show", "here-db-vol")
    assert (seen["status"], seen["cloud"], seen["size_gib"]) == ("in-use", "local", 1)
    (Path(seen["path"]) / "note").write_text("kept\n")
    [folder] = (muster.house.home / "clouds" / "local").rglob(f"volumes/{seen['id']}/data")
    assert (folder / "note").read_text() == "kept\n"
    muster.good("vcluster", "delete", "here")
    until(lambda: not muster.asked("volume", "list", "--cloud", "local"), 30, "its volume is gone")
    assert not folder.exists()
    assert "here" not in muster.good("vcluster", "list")


@pytest.mark.parametrize("form", [json.dumps, repeated, one_key])
def test_this_machine_is_one_host_and_says_so_of_redundant_data(
    muster: Terminal, tmp_path: Path, form: Callable[[Any], str]
) -> None:
    file = tmp_path / "redundant.json"
    file.write_text(form(on_this_machine("apart")))
    assert "on two hosts" in muster.refused("vcluster", "create", str(file))
    assert not muster.asked("volume", "list", "--cloud", "local")
    file.write_text(form(on_this_machine("soft-apart", soft="soft-")))
    made = muster.good("vcluster", "create", str(file), "--wait")
    assert "✗ soft-anti-affinity far: db-1, db-2" in made
    assert len(muster.asked("volume", "list", "--cloud", "local")) == 2
    muster.good("vcluster", "delete", "soft-apart")
    until(lambda: not muster.asked("volume", "list", "--cloud", "local"), 30, "it is gone")


def on_this_machine(name: str, soft: str = "") -> dict[str, Any]:
    """Return two data servers with a volume each, which are to be apart."""
    both = ("db-1", "db-2")
    things = [each for n in both for each in (server(n), volume(f"{n}-vol", 1))]
    rules = [rule("affinity", n, f"{n}-vol", name=n) for n in both]
    rules.append(rule(f"{soft}anti-affinity", *both, name="far"))
    return body(things, rules, name=name, cloud="local")


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


def test_who_sits_at_a_terminal_sees_that_places_are_looked_for(muster: Terminal, tmp_path: Path):
    file = tmp_path / "pair.json"
    file.write_text(repeated(REDUNDANT))
    child = pexpect.spawn(
        MUSTER[0],
        [*MUSTER[1:], "vcluster", "plan", str(file)],
        env={**os.environ, "MUSTER_URL": muster.house.url, "TERM": "vt100"},
        timeout=60,
        encoding="utf-8",
    )
    try:
        child.expect_exact("Looking for places")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
    assert "Looking for places" not in muster.good("vcluster", "plan", str(file))
