"""Profiles, policies, plain clusters, nodes and receivers, typed at the command line."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from cli.terminal import Terminal
from house import until

pytestmark = pytest.mark.system

SERVER = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {"flavor": "tiny", "image": "demo-web", "networks": [{"network": "private"}]},
}
BY_TWO = {
    "type": "senlin.policy.scaling",
    "version": "1.0",
    "properties": {"event": "CLUSTER_SCALE_OUT", "adjustment": {"number": 2}},
}


def file(folder: Path, spec: Any, name: str = "spec.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(spec) if name.endswith("yaml") else json.dumps(spec))
    return str(path)


@pytest.fixture(scope="module")
def profile(muster: Terminal, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("specs")
    muster.good("profile", "create", "small", "--spec", file(folder, SERVER))
    return "small"


def plain(muster: Terminal, name: str, profile: str, size: int = 1, *more: str) -> dict[str, Any]:
    words = ("cluster", "create", name, "--profile", profile, "--size", str(size), "--wait", *more)
    made: dict[str, Any] = muster.asked(*words)["cluster"]
    return made


def nodes(muster: Terminal, cluster: str) -> list[str]:
    found = muster.asked("node", "list", "--cluster", cluster)
    return sorted(row["name"] for row in found)


def size(muster: Terminal, cluster: str) -> int:
    return len(nodes(muster, cluster))


def test_a_profile_is_made_shown_changed_and_deleted(muster, tmp_path):
    spec = file(tmp_path, SERVER, "spec.json")
    said = muster.good("profile", "create", "mine", "--spec", spec, "--metadata", "tier=web")
    assert said.startswith("Profile mine is there: ")
    seen = muster.asked("profile", "show", "mine")
    assert (seen["spec"], seen["metadata"]) == (SERVER, {"tier": "web"})
    muster.good("profile", "update", "mine", "--name", "ours")
    assert "ours" in muster.good("profile", "list")
    assert "ours" in muster.good("profile", "list", "--type", "os.nova.server-1.0")
    assert "No profiles" in muster.good("profile", "list", "--type", "os.heat.stack-1.0")
    assert "tier" in muster.good("profile", "show", "ours")
    assert muster.good("profile", "delete", "ours") == "Profile ours is gone.\n"
    assert "could not be found" in muster.refused("profile", "show", "ours")


def test_types_are_listed_and_shown(muster):
    assert "os.nova.server-1.0" in muster.good("profile", "types")
    assert "flavor" in muster.good("profile", "types", "os.nova.server-1.0")
    assert "senlin.policy.scaling-1.0" in muster.good("policy", "types")
    assert "event" in muster.good("policy", "types", "senlin.policy.scaling-1.0")
    assert "could not be found" in muster.refused("policy", "types", "nope-1.0")


def test_a_specification_is_checked_without_making_anything(muster, tmp_path):
    assert "would be" in muster.good("profile", "validate", "--spec", file(tmp_path, SERVER))
    bogus = {**SERVER, "properties": {**SERVER["properties"], "bogus": 1}}
    told = muster.refused("profile", "validate", "--spec", file(tmp_path, bogus))
    assert "Unrecognizable spec item 'bogus'" in told
    assert "bogus" in muster.refused("profile", "create", "bad", "--spec", file(tmp_path, bogus))
    assert "would be" in muster.good("policy", "validate", "--spec", file(tmp_path, BY_TWO))


@pytest.mark.parametrize("noun", ["profile", "policy"])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"- a", b"a: [", b"just words", b""])
def test_a_file_that_is_no_specification_is_refused(muster, tmp_path, noun, content):
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    assert "--spec" in muster.refused(noun, "create", "bad", "--spec", str(path), code=2)


def test_a_plain_cluster_is_made_scaled_and_gone(muster, profile):
    made = plain(muster, "herd", profile, 2, "--max", "5", "--config", "node.name.format=cow-$3I")
    assert (made["desired_capacity"], made["max_size"]) == (2, 5)
    assert nodes(muster, "herd") == ["cow-001", "cow-002"]
    muster.good("cluster", "scale-out", "herd", "--by", "2", "--wait")
    assert size(muster, "herd") == 4
    said = muster.good("cluster", "scale-in", "herd", "--wait")
    assert said.endswith("herd is scaled.\n")
    assert size(muster, "herd") == 3
    muster.good("cluster", "check", "herd", "--wait")
    muster.good("cluster", "delete", "herd", "--yes", "--wait")
    assert "could not be found" in muster.refused("cluster", "show", "herd")


def test_what_fails_ends_the_command_with_its_reason(muster, profile):
    plain(muster, "bound", profile, 1, "--max", "2")
    told = muster.refused("cluster", "scale-out", "bound", "--by", "5", "--wait")
    assert "CLUSTER_SCALE_OUT failed" in told
    assert "max_size" in told
    assert size(muster, "bound") == 1


def test_without_waiting_the_action_is_told(muster, profile):
    plain(muster, "hasty", profile)
    said = muster.good("cluster", "scale-out", "hasty")
    action = said.split()[-1]
    assert muster.asked("action", "show", action)["action"] == "CLUSTER_SCALE_OUT"


def test_a_policy_is_attached_takes_effect_and_is_detached(muster, profile, tmp_path):
    plain(muster, "ruled", profile)
    muster.good("policy", "create", "by-two", "--spec", file(tmp_path, BY_TWO))
    assert "No policies" in muster.good("cluster", "policy", "list", "ruled")
    muster.good("cluster", "policy", "attach", "ruled", "by-two", "--wait")
    muster.good("cluster", "scale-out", "ruled", "--wait")
    assert size(muster, "ruled") == 3
    muster.good("cluster", "policy", "disable", "ruled", "by-two", "--wait")
    (bound,) = muster.asked("cluster", "policy", "list", "ruled")
    assert (bound["policy_name"], bound["enabled"]) == ("by-two", False)
    muster.good("cluster", "scale-out", "ruled", "--wait")
    assert size(muster, "ruled") == 4
    assert "still attached" in muster.refused("policy", "delete", "by-two")
    muster.good("cluster", "policy", "enable", "ruled", "by-two", "--wait")
    muster.good("cluster", "policy", "detach", "ruled", "by-two", "--wait")
    muster.good("policy", "update", "by-two", "--name", "by-two-b")
    assert muster.asked("policy", "show", "by-two-b")["type"] == "senlin.policy.scaling-1.0"
    assert "by-two-b" in muster.good("policy", "list")
    assert muster.good("policy", "delete", "by-two-b") == "Policy by-two-b is gone.\n"


def test_a_node_lives_alone_joins_leaves_and_dies(muster, profile):
    plain(muster, "flock", profile)
    made = muster.asked("node", "create", "stray", "--profile", profile, "--wait")["node"]
    assert made["cluster_id"] == ""
    assert muster.asked("node", "show", "stray")["status"] == "ACTIVE"
    muster.good("cluster", "nodes", "add", "flock", "stray", "--wait")
    assert "stray" in nodes(muster, "flock")
    muster.good("cluster", "nodes", "remove", "flock", "stray", "--wait")
    assert "stray" not in nodes(muster, "flock")
    muster.good("node", "update", "stray", "--name", "tame", "--tainted", "--wait")
    assert muster.asked("node", "show", "tame")["tainted"] is True
    muster.good("node", "delete", "tame", "--yes", "--wait")
    assert "could not be found" in muster.refused("node", "show", "tame")


def test_a_node_takes_the_place_of_another(muster, profile):
    plain(muster, "swapped", profile)
    (old,) = nodes(muster, "swapped")
    muster.good("node", "create", "fresh", "--profile", profile, "--wait")
    muster.good("cluster", "nodes", "replace", "swapped", f"{old}=fresh", "--wait")
    assert nodes(muster, "swapped") == ["fresh"]


def test_a_server_that_is_there_is_adopted(muster):
    assert "os.nova.server" in muster.good("node", "adopt", "found", "--preview")
    said = muster.good("node", "adopt", "found", "--name", "foundling", "--role", "spare")
    assert said.startswith("Node foundling is there: ")
    assert muster.asked("node", "show", "foundling")["physical_id"] == "found"
    assert "nope-1.0" in muster.refused("node", "adopt", "found", "--type", "nope-1.0")


def test_a_node_is_not_deleted_without_being_asked(muster, profile):
    muster.good("node", "create", "dear", "--profile", profile, "--wait")
    assert muster("node", "delete", "dear", typed="n\n").code == 1
    assert muster.asked("node", "show", "dear")["name"] == "dear"


def test_a_node_is_checked_operated_on_and_recovered(muster, profile):
    muster.good("node", "create", "worked", "--profile", profile, "--wait")
    assert muster.good("node", "check", "worked", "--wait").endswith("worked is checked.\n")
    muster.good("node", "op", "worked", "reboot", "--param", "type=HARD", "--wait")
    muster.good("node", "recover", "worked", "--operation", "rebuild", "--wait")
    assert "details" in muster.asked("node", "show", "worked", "--details")
    told = muster.refused("node", "op", "worked", "reboot", "--param", "type=ODD")
    assert "SOFT, HARD" in told
    assert "not supported" in muster.refused("node", "op", "worked", "fly")


def test_a_cluster_is_operated_on_recovered_and_asked(muster, profile):
    plain(muster, "worked-on", profile, 2)
    muster.good("cluster", "op", "worked-on", "reboot", "--wait")
    muster.good("cluster", "recover", "worked-on", "--operation", "REBOOT", "--wait")
    found = muster.asked("cluster", "collect", "worked-on", "status")
    assert [row["value"] for row in found] == ["ACTIVE", "ACTIVE"]
    muster.good("cluster", "set", "worked-on", "--metadata", "k=v", "--wait")


def test_a_webhook_is_made_used_and_revoked(muster, profile):
    plain(muster, "hooked", profile)
    made = ("receiver", "create", "door", "--cluster", "hooked", "--action", "CLUSTER_SCALE_OUT")
    url = muster.good(*made, "--param", "count=2").strip()
    assert url.endswith("/trigger?V=2&count=2")
    assert httpx2.post(url).status_code == 202
    until(lambda: size(muster, "hooked") == 3, 20, "the webhook has scaled")
    muster.good("receiver", "update", "door", "--param", "count=1")
    assert muster.asked("receiver", "show", "door")["params"] == {"count": 1}
    assert "door" in muster.good("receiver", "list")
    muster.good("receiver", "delete", "door")
    assert httpx2.post(url).status_code == 404


def test_a_message_receiver_tells_its_queue(muster):
    said = muster.good("receiver", "create", "box", "--type", "message")
    assert said.startswith("queue senlin-receiver-")
    assert muster.good("receiver", "notify", "box") == "Carried out.\n"
    muster.good("receiver", "delete", "box")


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (("cluster", "create", "x", "--profile", "nope"), "nope", 1),
        (("cluster", "create", "x", "--profile", "small", "--image", "demo-web"), "image", 2),
        (("cluster", "create", "x", "--profile", "small", "--plan"), "--plan", 2),
        (("cluster", "create", "x", "--config", "a=b", "--min", "1"), "--profile", 2),
        (("cluster", "create", "--profile", "small"), "name", 1),
        (
            ("cluster", "create", "x", "--profile", "small", "--min", "3", "--max", "2"),
            "max_size",
            1,
        ),
        (("cluster", "set", "x"), "what to change", 2),
        (("cluster", "set", "nope", "--name", "y"), "nope", 1),
        (("cluster", "scale-out", "nope"), "nope", 1),
        (("cluster", "policy", "attach", "nope", "x"), "nope", 1),
        (("cluster", "nodes", "replace", "x", "a"), "NAME=VALUE", 2),
        (("cluster", "nodes", "add", "x"), "NODES", 2),
        (("cluster", "recover", "x", "--operation", "pray"), "pray", 2),
        (("cluster", "lifecycle", "nope", "x"), "nope", 1),
        (("node", "create", "x"), "--profile", 2),
        (("node", "create", "a b", "--profile", "small"), "illegal characters", 1),
        (("node", "update", "x"), "what to change", 2),
        (("node", "delete", "nope", "--yes"), "nope", 1),
        (("node", "create", "x", "--profile", "small", "--metadata", "k"), "NAME=VALUE", 2),
        (("profile", "create", "x"), "--spec", 2),
        (("profile", "update", "small"), "what to change", 2),
        (("policy", "delete", "nope"), "nope", 1),
        (("receiver", "create", "x"), "Cluster identity is required", 1),
        (("receiver", "update", "x"), "what to change", 2),
        (("receiver", "notify", "nope"), "nope", 1),
    ],
)
def test_what_is_wrong_is_named(muster, profile, words, told, code):
    assert told in muster.refused(*words, code=code)
