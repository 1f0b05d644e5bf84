"""One instance by one line: its key, its host, and what is said of it."""

import stat
from pathlib import Path

import pytest

from cli.terminal import Terminal

pytestmark = pytest.mark.slow


@pytest.fixture
def at_home(muster: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_key_is_made_once_and_the_line_says_where_it_is(muster, at_home):
    first = muster.asked("launch", "demo-web", "--name", "one", "--timeout", "60")
    file = at_home / ".ssh/id_muster"
    key = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first["ssh"] == f"ssh -i {file} root@{first['address']}"
    second = muster.good("launch", "demo-web", "-n", "two", "-f", "small")
    assert "Launching two ..." in second
    assert f"Access it with `ssh -i {file} root@" in second
    assert file.read_bytes() == key
    names = {each["name"] for each in muster.asked("node", "list")}
    assert {"one", "two"} <= names


def test_a_host_is_named_as_nova_does(muster, at_home):
    said = muster.refused("launch", "demo-web", "--availability-zone", "nova:nowhere")
    assert "nowhere" in said


def test_it_gets_the_network_and_the_volume_that_are_named(muster, at_home):
    muster.good("volume", "create", "four-data", "--size", "1")
    on = ("--network", "default", "--volume", "four-data", "--timeout", "60")
    made = muster.asked("launch", "demo-web", "--name", "four", *on)
    assert muster.asked("volume", "show", "four-data")["instance_name"] == made["name"]
    shown = muster.asked("instance", "show", "four")
    assert (shown["status"], shown["cluster_id"], shown["seen"]) == ("ACTIVE", None, "running")
    assert "muster node recover four" in muster.refused("instance", "replace", "four")
    said = muster.refused("launch", "demo-web", "--name", "five", "--volume", "four-data", code=2)
    assert "take it off there first (muster volume detach four-data)" in said
    muster.good("volume", "detach", "four-data")
    muster.good("volume", "delete", "four-data")
    assert "five" not in {each["name"] for each in muster.asked("node", "list")}


def test_a_volume_that_is_not_there_is_refused_by_name_before_anything_is_made(muster, at_home):
    said = muster.refused("launch", "demo-web", "--name", "never", "--volume", "nope")
    assert "nope" in said
    assert "never" not in {each["name"] for each in muster.asked("node", "list")}


def test_another_keypair_is_the_callers_own(muster, at_home):
    public = at_home / "key.pub"
    public.write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5rQ1bGkXlbZ0q9dCJz5X0tQ1v0h1S8m4o9w2Xk3Yz7 me\n"
    )
    muster.good("keypair", "create", "mine", "--public-key", str(public))
    made = muster.asked("launch", "demo-web", "--name", "three", "--key", "mine")
    assert "/path/to/the/key/of/mine" in made["ssh"]
    assert not (at_home / ".ssh/id_muster").exists()
