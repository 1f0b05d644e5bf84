"""Images, snapshots, flavors, keys, networks, clouds, tokens, instances, events and actions."""

import os
import subprocess
import sys
import tarfile
from itertools import cycle
from select import select

import pytest

from house import MUSTER, until

pytestmark = pytest.mark.system

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me"
MADE = ("--image", "demo-web", "--flavor", "tiny", "--min", "2", "--max", "4", "--wait")


@pytest.fixture(scope="module")
def shop(muster):
    """A cluster whose instances are looked at; returns the first one's name."""
    muster.good("cluster", "create", "shop", *MADE, "--port", "22001")
    return muster.asked("cluster", "show", "shop")["instances"][0]["name"]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "mine"
    made.mkdir()
    (made / "muster-image.toml").write_text(
        f'name = "mine"\nversion = "7"\ncommand = ["{sys.executable}", "-c", "pass"]\nport = 9000\n'
    )
    return made


@pytest.mark.parametrize("cloud", ["simulated", "local"])
def test_a_folder_becomes_an_image_and_goes_again(muster, folder, cloud):
    said = muster.good("image", "import", str(folder), "--name", f"of-{cloud}", "--cloud", cloud)
    assert f"Image of-{cloud} is there: " in said
    listed = muster.good("image", "list", "--cloud", cloud)
    assert any(line.split()[:2] == [f"of-{cloud}", "7"] for line in listed.splitlines()[3:-1])
    muster.good("image", "delete", f"of-{cloud}")
    assert f"of-{cloud}" not in muster.good("image", "list")


def test_a_tarball_becomes_an_image(muster, folder, tmp_path):
    with tarfile.open(tmp_path / "mine.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname=".")
    made = muster.asked("image", "import", str(tmp_path / "mine.tar.gz"))
    assert (made["name"], made["version"]) == ("mine", "7")
    muster.good("image", "delete", made["id"])


def test_a_cloud_that_fetches_no_images_says_so(muster):
    there = ("--from", "https://images.example.org", "--cloud", "local")
    assert "local fetches no images" in muster.refused("image", "pull", "debian/12", *there)
    with_no_file = muster.refused(
        "image", "pull", "debian/12", *there, "--certificate", "/no", code=2
    )
    assert "--certificate" in with_no_file


def test_there_is_nothing_that_fills_no_place(muster, shop):
    assert muster.asked("instance", "strays") == []
    assert "No strays." in muster.good("instance", "strays")


def test_a_snapshot_of_an_instance_becomes_an_image(muster, shop):
    said = muster.good("snapshot", "create", shop, "--name", "frozen")
    assert "Image frozen: " in said
    until(
        lambda: "frozen" in [row["name"] for row in muster.asked("image", "list")],
        10,
        "the snapshot is listed",
    )
    assert [row["name"] for row in muster.asked("snapshot", "list")] == ["frozen"]
    muster.good("cluster", "create", "thawed", *MADE, "--port", "22002", "--image", "frozen")


def test_flavors_are_added_listed_and_removed(muster):
    muster.good("flavor", "create", "big", "--vcpus", "4", "--memory", "4096", "--disk", "20")
    row = next(line for line in muster.good("flavor", "list").splitlines() if " big " in line)
    assert row.split()[1:4] == ["4.0", "4096", "20"]
    muster.good("flavor", "delete", "big")
    assert "big" not in [row["name"] for row in muster.asked("flavor", "list")]


def test_keys_are_stored_and_forgotten(muster, tmp_path):
    assert "muster keypair create" in muster.good("keypair", "list")
    (tmp_path / "id.pub").write_text(KEY + "\n")
    said = muster.good("keypair", "create", "mine", "--public-key", str(tmp_path / "id.pub"))
    assert "SHA256:" in said
    assert "mine" in muster.good("keypair", "list")
    muster.good("keypair", "delete", "mine")
    assert muster.asked("keypair", "list") == []


def test_networks_and_clouds_are_listed(muster):
    assert "private-2" in muster.good("network", "list", "--cloud", "simulated")
    assert {row["cloud"] for row in muster.asked("network", "list")} == {
        "local",
        "simulated",
        "slow",
    }
    line = next(r for r in muster.good("cloud", "list").splitlines() if r.startswith(" local"))
    assert "bastion" in line


def test_a_token_is_shown_once_and_good_until_revoked(muster):
    secret = muster.good("token", "create", "--note", "robot", "--hours", "2").strip()
    [row] = muster.asked("token", "list")
    assert row["note"] == "robot"
    assert row["expires_at"]
    assert "robot" in muster.good("token", "list")
    assert secret not in str(row)
    muster.good("--token", secret, "cluster", "list")
    muster.good("token", "delete", row["id"])
    assert "--token" in muster.refused("--token", secret, "cluster", "list")


def test_instances_are_listed_and_shown(muster, shop):
    listed = muster.good("instance", "list", "--cluster", "shop")
    assert listed.count("ACTIVE") == 2
    assert shop in muster.good("instance", "show", shop)
    assert muster.asked("instance", "show", shop)["name"] == shop


def test_what_an_instance_printed_can_be_read(muster, shop):
    assert muster("instance", "log", shop, "--lines", "5").code == 0
    assert "log" in muster.asked("instance", "log", shop)
    assert "lines" in muster.refused("instance", "log", shop, "--lines", "-1")


def test_an_instance_is_protected_and_let_go_again(muster, shop):
    muster.good("instance", "protect", shop)
    assert muster.asked("instance", "show", shop)["protected"] is True
    muster.good("instance", "unprotect", shop)
    assert muster.asked("instance", "show", shop)["protected"] is False


def test_an_instance_is_replaced(muster):
    muster.good("cluster", "create", "worn", *MADE, "--port", "22003")
    [old, *_] = muster.asked("instance", "list", "--cluster", "worn")
    muster.good("instance", "replace", old["name"])

    def renewed() -> bool:
        here = muster.asked("instance", "list", "--cluster", "worn")
        return len(here) == 2 and old["ref"] not in [each["ref"] for each in here]

    until(renewed, 20, "another instance is in its place")


def test_events_tell_what_happened(muster, shop):
    told = muster.good("event", "list", "--cluster", "shop")
    assert told.index("cluster.created") < told.index("cluster.settled")
    assert len(muster.asked("event", "list", "--cluster", "shop", "--limit", "2")) == 2


def test_a_cluster_is_watched_where_there_is_no_screen(muster, shop):
    watching = subprocess.Popen(
        [*MUSTER, "cluster", "watch", "shop"],
        env={**muster.house.environ, "MUSTER_URL": muster.house.url},
        stdout=subprocess.PIPE,
    )
    sizes, told = cycle("32"), [b""]

    def heard() -> bool:
        muster.good("cluster", "resize", "shop", next(sizes))
        if select([watching.stdout], [], [], 0.1)[0]:
            told[0] += os.read(watching.stdout.fileno(), 65536)
        return b"cluster.resized" in told[0]

    try:
        until(heard, 20, "an event is printed")
        assert told[0].startswith(b"shop  ")
    finally:
        watching.terminate()
        watching.wait(10)


@pytest.mark.parametrize(
    "words", [("event", "watch", "--after", "0"), ("cluster", "watch", "shop", "--json")]
)
def test_events_are_watched_as_they_happen(muster, shop, words):
    watching = subprocess.Popen(
        [*MUSTER, *words],
        env={**muster.house.environ, "MUSTER_URL": muster.house.url, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
    )
    sizes = cycle("32")

    def heard() -> bool:
        muster.good("cluster", "resize", "shop", next(sizes))
        return bool(select([watching.stdout], [], [], 0.1)[0])

    try:
        until(heard, 20, "an event is printed")
    finally:
        watching.terminate()
        watching.wait(10)


def test_actions_are_listed_and_shown(muster, shop):
    listed = muster.good("action", "list", "--cluster", "shop")
    assert "CLUSTER_CREATE" in listed
    [first, *_] = muster.asked("action", "list", "--cluster", "shop", "--limit", "500")
    assert first["action"] == "CLUSTER_CREATE"
    assert "CLUSTER_CREATE" in muster.good("action", "show", first["id"])


def test_what_is_under_way_is_cancelled(muster):
    muster.good("cluster", "create", "slowly", *MADE[:-1], "--cloud", "slow", "--port", "22004")

    def wish(verb: str) -> str:
        actions = muster.asked("action", "list", "--cluster", "slowly")
        return next(str(each["id"]) for each in actions if each["action"] == verb)

    muster.good("action", "cancel", wish("CLUSTER_CREATE"))
    muster.good("cluster", "resize", "slowly", "4")
    resize = wish("CLUSTER_RESIZE")
    muster.good("action", "cancel", resize)
    until(
        lambda: muster.asked("action", "show", resize)["status"] == "CANCELLED",
        20,
        "the action is cancelled",
    )
