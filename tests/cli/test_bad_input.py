"""What is wrong is refused by the name of its field, with exit code 1, and nothing is made."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.test_contract import WRONG
from cli.terminal import Terminal
from office import WEB

pytestmark = pytest.mark.system

HEAD = ("cluster", "create", "wrong", "--image", "demo-web", "--flavor", "tiny")
SIZES = ("--min", "2", "--max", "6", "--port", "8080")


def names(muster: Terminal) -> list[str]:
    return [row["name"] for row in muster.asked("cluster", "list")]


def images(muster: Terminal) -> list[str]:
    return [row["name"] for row in muster.asked("image", "list")]


def test_a_cluster_of_nothing_is_refused_with_an_example(muster):
    assert "muster cluster create web --image" in muster.refused("cluster", "create", code=2)


@pytest.mark.parametrize(("field", "value", "words"), WRONG)
def test_a_wrong_field_of_a_file_is_named(muster, tmp_path, field: str, value: Any, words: str):
    file = tmp_path / "cluster.json"
    body = {**WEB, "name": "wrong", field: value}
    file.write_text(json.dumps(body))
    told = muster.refused("cluster", "create", "--file", str(file))
    near = {"scale_out_threshold", "scale_in_threshold", "target", "min_size", field}
    assert any(each in told for each in near), told
    # The office of the API's own tests has one cloud; this server has three.
    assert words.removesuffix("; there is simulated") in told
    assert "wrong" not in names(muster)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (("--min", "7"), "min_size"),
        (("--max", "1001"), "max_size"),
        (("--size", "9"), "desired_size"),
        (("--port", "0"), "port"),
        (("--image", "nope"), "image"),
        (("--flavor", "nope"), "flavor"),
        (("--cloud", "nope"), "cloud"),
        (("--network", "nope"), "backend_network"),
        (("--keypair", "nope"), "keypair"),
        (("--dns-name", "no domain"), "dns_name"),
        (("--bastion",), "create_bastion"),
        (("--health-path", "health"), "health_path"),
        (("--scale-out-threshold", "0.3", "--scale-in-threshold", "0.5"), "scale_in_threshold"),
        (("--scale-out-threshold", "70", "--scale-in-threshold", "0.2"), "scale_out_threshold"),
        (("--metric", "requests"), "target"),
        (("--target", "-1"), "target"),
        (("--cooldown", "-1"), "cooldown"),
        (("--scale-in-window", "-1"), "scale_in_window"),
        (("--warm-pool", "-1"), "warm_pool"),
        (("--max-surge", "lots"), "update_strategy.max_surge"),
        (("--max-unavailable", "-1"), "update_strategy.max_unavailable"),
        (("--min-ready-seconds", "-1"), "update_strategy.min_ready_seconds"),
        (("--canary", "101%"), "update_strategy.canary"),
    ],
)
def test_a_wrong_option_is_named(muster, more, field):
    assert field in muster.refused(*HEAD, *SIZES, *more)
    assert "wrong" not in names(muster)


@pytest.mark.parametrize(
    "more",
    [
        ("--min", "two"),
        ("--protocol", "udp"),
        ("--mode", "off"),
        ("--strategy", "x"),
        ("--colour",),
    ],
)
def test_an_option_that_makes_no_sense_is_named_without_asking_the_server(muster, more):
    assert more[0] in muster.refused(*HEAD, *SIZES, *more, code=2)
    assert "wrong" not in names(muster)


def test_every_fault_is_told_at_once(muster):
    told = muster.refused(*HEAD, "--min", "7", "--max", "6", "--port", "0", "--image", "nope")
    assert all(field in told for field in ("min_size", "port", "image"))


def test_what_is_missing_is_told_at_once(muster):
    told = muster.refused("cluster", "create", "wrong")
    assert all(field in told for field in ("image", "flavor", "min_size", "max_size"))


def test_a_name_that_is_taken_is_refused(muster):
    made = ("cluster", "create", "taken", "--image", "demo-web", "--flavor", "tiny")
    sizes = ("--min", "1", "--max", "2", "--port")
    muster.good(*made, *sizes, "21001", "--wait")
    assert "named 'taken' already" in muster.refused(*made, *sizes, "21002")
    assert names(muster).count("taken") == 1


def test_a_port_that_is_taken_is_refused(muster):
    made = ("cluster", "create", "blocked", "--image", "demo-web", "--flavor", "tiny")
    said = muster(*made, "--min", "1", "--max", "2", "--port", "4444", "--wait", "--timeout", "20")
    assert said.code == 1
    assert "port 4444 is taken" in said.err
    assert "blocked" not in names(muster)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"- a list", b"a: [", b"just words", b"port: .inf", b"name: 2026-01-01"],
)
def test_a_file_that_is_no_description_is_refused(muster, tmp_path, content):
    file = tmp_path / "cluster.yaml"
    file.write_bytes(content)
    assert "--file" in muster.refused("cluster", "create", "wrong", "--file", str(file), code=2)


def test_a_file_that_is_not_there_is_named(muster):
    told = muster.refused("cluster", "create", "wrong", "--file", "/no/such.yaml", code=2)
    assert "/no/such.yaml" in told


def test_user_data_that_is_no_text_is_refused(muster, tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"\xff\xfe")
    told = muster.refused(*HEAD, *SIZES, "--user-data", str(file), code=2)
    assert "--user-data" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("flavor", "create", "", "--vcpus", "1", "--memory", "64"), "name"),
        (("flavor", "create", "none", "--vcpus", "0", "--memory", "64"), "vcpus"),
        (("flavor", "create", "none", "--vcpus", "1", "--memory", "-1"), "memory_mib"),
        (("flavor", "create", "none", "--vcpus", "nan", "--memory", "64"), "vcpus"),
        (("flavor", "create", "tiny", "--vcpus", "1", "--memory", "64"), "tiny"),
        (("flavor", "delete", "nope"), "nope"),
        (("keypair", "delete", "nope"), "nope"),
        (("token", "create", "--hours", "-1"), "expires_in_seconds"),
        (("token", "create", "--hours", "inf"), "hours"),
        (("token", "delete", "nope"), "nope"),
        (("network", "list", "--cloud", "nope"), "nope"),
        (("network", "create", "x", "--type", "ovn", "--cloud", "simulated"), "makes no networks"),
        (("network", "delete", "x", "--cloud", "simulated"), "makes no networks"),
        (("image", "list", "--cloud", "nope"), "nope"),
        (("image", "delete", "nope"), "nope"),
        (("snapshot", "create", "nope", "--name", "x"), "nope"),
        (("instance", "show", "nope"), "nope"),
        (("instance", "log", "nope"), "nope"),
        (("instance", "replace", "nope"), "nope"),
        (("instance", "protect", "nope"), "nope"),
        (("action", "show", "nope"), "nope"),
        (("action", "cancel", "nope"), "nope"),
        (("event", "list", "--limit", "-1"), "limit"),
        (("action", "list", "--limit", "-1"), "limit"),
        (("cluster", "resize", "nope", "2"), "nope"),
        (("cluster", "watch", "nope"), "nope"),
    ],
)
def test_other_commands_name_what_is_wrong_too(muster, words, told):
    said = muster(*words)
    assert said.code in (1, 2), said
    assert told in said.err


def test_a_key_that_is_none_is_refused(muster, tmp_path):
    file = tmp_path / "id.pub"
    file.write_text("not a key")
    told = muster.refused("keypair", "create", "wrong", "--public-key", str(file))
    assert "public_key" in told
    assert muster.asked("keypair", "list") == []


@pytest.mark.parametrize("cloud", ["simulated", "local"])
def test_an_image_without_a_manifest_is_refused(muster, tmp_path, cloud):
    told = muster.refused("image", "import", str(tmp_path), "--name", "wrong", "--cloud", cloud)
    assert "muster-image.toml" in told
    assert "wrong" not in images(muster)


def test_an_image_that_is_no_archive_is_refused(muster, tmp_path):
    file: Path = tmp_path / "image.tar.gz"
    file.write_bytes(b"no archive at all")
    for cloud in ("simulated", "local"):
        muster.refused("image", "import", str(file), "--name", "wrong", "--cloud", cloud)
    assert "wrong" not in images(muster)
