"""`muster volume` and `muster instance exec`, from the command line."""

from itertools import count
from pathlib import Path

import pytest

from cli.terminal import Terminal

pytestmark = pytest.mark.system

_ports = count(22000)


def a_cluster(muster: Terminal, name: str, *more: str) -> str:
    """Make a cluster of one and return its instance's name."""
    said = ("--image", "demo-web", "--flavor", "tiny", "--min", "1", "--max", "2")
    muster.good("cluster", "create", name, *said, "--port", str(next(_ports)), "--wait", *more)
    [row] = muster.asked("instance", "list", "--cluster", name)
    return str(row["name"])


def test_a_volume_goes_through_its_whole_life(muster):
    instance = a_cluster(muster, "kept")
    assert "Volume data is there" in muster.good("volume", "create", "data", "--size", "4")
    assert f"{instance} has data at /mnt/data" in muster.good("volume", "attach", "data", instance)
    listed = muster.good("volume", "list")
    row = next(line for line in listed.splitlines() if line.strip().startswith("data"))
    assert row.split()[1:6] == ["4", "GiB", "in-use", instance, "/mnt/data"]
    refused = muster("volume", "delete", "data")
    assert refused.code == 1
    assert f"attached to {instance}" in refused.err
    assert "Nobody has data" in muster.good("volume", "detach", "data")
    assert "data has 6 GiB" in muster.good("volume", "resize", "data", "--size", "6")
    host = muster.asked("volume", "show", "data")["host"]
    assert f"data is on {host}" in muster.good("volume", "move", "data", host)
    assert "is gone" in muster.good("volume", "delete", "data")
    assert "Make one" in muster.good("volume", "list")


def test_a_command_in_an_instance_ends_as_it_ended(muster):
    instance = a_cluster(muster, "shell", "--cloud", "local")
    ended = muster("instance", "exec", instance, "--", "sh", "-c", "echo out; echo no >&2; exit 3")
    assert (ended.code, ended.out, ended.err) == (3, "out\n", "no\n")
    late = muster("instance", "exec", "--timeout", "0.2", instance, "--", "sleep", "60")
    assert late.code == 124
    assert "took too long" in late.err
    said = muster("--json", "instance", "exec", instance, "--", "true")
    assert (said.code, said.json["exit_code"]) == (0, 0)
    told = muster.good("event", "list", "--cluster", "shell")
    assert f"ran sh in {instance}; it ended with 3" in told
    assert "echo out" not in told


def test_what_a_local_instance_writes_into_a_volume_outlives_it(muster, tmp_path: Path):
    instance = a_cluster(muster, "writer", "--cloud", "local")
    muster.good("volume", "create", "notes", "--size", "1", "--cloud", "local")
    path = muster.asked("volume", "attach", "notes", instance)["path"]
    muster.good("instance", "exec", instance, "--", "sh", "-c", 'echo kept > "$0"/note', path)
    muster.good("volume", "detach", "notes")
    muster.good("cluster", "delete", "writer", "--yes", "--wait")
    other = a_cluster(muster, "reader", "--cloud", "local")
    again = muster.asked("volume", "attach", "notes", other)["path"]
    assert muster.good("instance", "exec", other, "--", "cat", f"{again}/note") == "kept\n"
    muster.good("volume", "detach", "notes")
    muster.good("volume", "delete", "notes")


def test_where_nothing_runs_a_command_is_refused_by_name(muster):
    instance = a_cluster(muster, "mute")
    refused = muster("instance", "exec", instance, "--", "true")
    assert refused.code == 1
    assert "cloud simulated cannot run commands" in refused.err
