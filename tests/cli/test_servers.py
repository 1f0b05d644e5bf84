"""`muster server` and `muster template`: machines that are expected, and documents with places."""

import json
import tarfile
from uuid import uuid4

import pytest

pytestmark = pytest.mark.system


def test_a_server_is_expected_changed_renamed_and_forgotten(muster):
    board = str(uuid4())
    said = ("--system-uuid", board, "--property", "rack=7", "--description", "in the cellar")
    assert "m1 is expected" in muster.good("server", "pre-register", "m1", *said)
    assert "already" in muster.refused("server", "pre-register", "m1")
    row = next(r for r in muster.good("server", "list").splitlines() if r.strip().startswith("m1"))
    assert row.split()[1] == "unregistered"
    muster.good("server", "edit", "m1", "--channel", "daily")
    known = muster.asked("server", "show", "m1")
    assert (known["channel"], known["description"]) == ("daily", "in the cellar")
    assert (known["properties"], known["system_uuid"]) == ({"rack": "7"}, board)
    assert muster.asked("server", "show", "m1", "--part", "properties") == {"rack": "7"}
    assert json.loads(muster.good("server", "show", "m1", "--part", "resources")) == {}
    assert "in the cellar" in muster.good("server", "show", "m1")
    assert "cannot be asked" in muster.refused("server", "resync", "m1")
    assert "cannot be asked" in muster.refused("server", "os", "m1", "1.0/system/kernel")
    muster.good("server", "rename", "m1", "m2")
    both = muster.asked("server", "list", "--filter", 'name == "m2" and channel == "daily"')
    assert [each["name"] for each in both] == ["m2"]
    assert muster.asked("server", "list", "--status", "ready") == []
    assert "m2 is forgotten" in muster.good("server", "remove", "m2")
    assert "no server 'm2'" in muster.refused("server", "show", "m2")
    assert "muster server token add" in muster.good("server", "list")


def test_what_is_no_expression_is_told(muster):
    assert "filter" in muster.refused("server", "list", "--filter", "name ==")


def test_a_token_is_made_shown_and_taken_back(muster):
    assert "muster server token add" in muster.good("server", "token", "list")
    token = muster.good("server", "token", "add", "--uses", "3", "--lifetime", "2d").strip()
    [row] = muster.asked("server", "token", "list")
    assert (row["uuid"], row["uses_remaining"]) == (token, 3)
    assert muster.house.url in muster.good("server", "token", "show", token)
    assert "Nobody registers" in muster.good("server", "token", "remove", token)
    assert "no token" in muster.refused("server", "token", "show", token)


def test_a_template_is_kept_filled_and_forgotten(muster, tmp_path):
    services, application = tmp_path / "services.yaml", tmp_path / "application.yaml"
    variables, values = tmp_path / "variables.yaml", tmp_path / "values.yaml"
    services.write_text("lvm:\n  enabled: @LVM@\n")
    application.write_text('config:\n  user.rack: "@RACK@"\n')
    variables.write_text("LVM: {default: true}\nRACK: {description: where it is}\n")
    values.write_text("RACK: 7\n")
    files = ("-c", str(services), "-a", str(application))
    assert "@LVM@" in muster.refused("template", "add", "disks", *files)
    muster.good("template", "add", "disks", *files, "--variables", str(variables))
    assert "RACK" in muster.refused("template", "preview", "disks")
    told = muster.good("template", "preview", "disks", "--values", str(values))
    assert ('user.rack: "7"' in told, "enabled: true" in told) == (True, True)
    told = muster.asked("template", "preview", "disks", "--set", "RACK=8", "--set", "LVM=false")
    assert told["service_config"] == "lvm:\n  enabled: false\n"
    muster.good("template", "edit", "disks", "--description", "shared")
    assert muster.asked("template", "show", "disks")["description"] == "shared"
    muster.good("template", "rename", "disks", "shared-disks")
    assert "shared-disks" in muster.good("template", "list")
    assert "is forgotten" in muster.good("template", "remove", "shared-disks")
    assert "muster template add" in muster.good("template", "list")


def test_a_secret_is_typed_unseen_and_not_printed(muster, tmp_path):
    application, variables = tmp_path / "application.yaml", tmp_path / "variables.yaml"
    application.write_text("config: {user.word: @PW@, user.rack: '@RACK@'}\n")
    variables.write_text("PW: {type: secret}\nRACK: {type: int}\n")
    files = ("-a", str(application), "--variables", str(variables))
    muster.good("template", "add", "locked", *files)
    words = ("template", "preview", "locked", "--set", "RACK=7")
    assert "PW: is required" in muster.refused(*words)
    told = muster(*words, "--ask-secrets", typed="sesame\n")
    assert (told.code, "sesame" in told.out + told.err) == (0, False)
    assert "user.word: (secret PW), user.rack: '7'" in told.out
    values = tmp_path / "values.yaml"
    values.write_text("RACK: 7\n")
    named = ("--cluster-template", "locked", "--cluster-template-variables", str(values))
    told = muster(
        *("server-cluster", "create", "c1", "-s", "x1", *named, "--ask-secrets"), typed="sesame\n"
    )
    assert (told.code, "no such server" in told.err, "sesame" in told.err) == (1, True, False)
    assert "PW: is required" in muster.refused("server-cluster", "create", "c1", "-s", "x1", *named)
    muster.good("template", "remove", "locked")


def test_everything_that_speaks_against_a_cluster_is_told(muster, tmp_path):
    services, seed = tmp_path / "s.yaml", tmp_path / "a.yaml"
    services.write_text("lvm: {enabled: true}\nsmb: {}\n")
    seed.write_text("config: {user.rack: '7'}\n")
    muster.good("server", "pre-register", "x1")
    files = ("-c", str(services), "-a", str(seed))
    told = muster("server-cluster", "preview", "c1", "-s", "x1, x2", *files)
    assert told.code == 1
    for word in ("unknown", "unregistered", "services_config.smb", "x1: lvm"):
        assert word in told.out
    known = muster("--json", "server-cluster", "preview", "c1", "-s", "x1", "-t", "incus-lts-7.0")
    assert {each["what"] for each in known.json["findings"]} >= {"not_ready", "no_incus"}
    values = tmp_path / "v.yaml"
    values.write_text("RACK: 7\n")
    template = ("--cluster-template", "none", "--cluster-template-variables", str(values))
    told = muster("server-cluster", "preview", "c1", "-s", "x1", *template)
    assert (told.code, "no cluster template 'none'" in told.err) == (1, True)
    muster.good("server", "remove", "x1")


def test_clusters_of_servers_are_asked_for_by_name(muster, tmp_path):
    assert "muster server-cluster create" in muster.good("server-cluster", "list")
    assert "no such server" in muster.refused(
        "server-cluster", "create", "c1", "-s", "x1", "--no-cloud"
    )
    pem = tmp_path / "it.pem"
    pem.write_text("none")
    pair = ("--certificate", str(pem), "--key", str(pem))
    assert "no certificate" in muster.refused("server-cluster", "certificate", "c1", *pair)
    assert "no server" in muster.refused("server-cluster", "tell", "x1", "reboot")
    lost = ("-s", "x1", "--lost")
    for told in (
        muster.refused("server-cluster", "show", "c1"),
        muster.refused("server-cluster", "edit", "c1", "--description", "ours", "--no-cloud"),
        muster.refused("server-cluster", "rename", "c1", "c2"),
        muster.refused("server-cluster", "delete", "c1"),
        muster.refused("server-cluster", "add", "c1", "-s", "x1"),
        muster.refused("server-cluster", "remove", "c1", *lost),
        muster.refused("server-cluster", "update", "c1", "--reboot"),
        muster.refused("server-cluster", "reboot", "c1", "--force"),
        muster.refused("server-cluster", "pause", "c1"),
        muster.refused("server-cluster", "resume", "c1", "--wait"),
        muster.refused("server-cluster", "rollback", "c1"),
        muster.refused("server-cluster", "cancel", "c1"),
    ):
        assert "no cluster 'c1'" in told


def test_a_seed_is_kept_fetched_and_forgotten(muster, tmp_path):
    file = tmp_path / "seed.yaml"
    file.write_text("network:\n  wireguard: [{name: wg0, private_key: hush}]\n")
    token = muster.good("server", "token", "add").split()[-1]
    assert "is kept" in muster.good("server", "token", "seed", "add", token, "rack 7", str(file))
    [row] = muster.asked("server", "token", "seed", "list", token)
    assert (row["name"], "hush" in str(row)) == ("rack 7", False)
    assert "sha256" in muster.good("server", "token", "seed", "show", token, "rack 7")
    made = tmp_path / "seed.tar"
    muster.good("server", "token", "seed", "get", token, "rack 7", str(made))
    with tarfile.open(made) as tar:
        assert "provider.json" in tar.getnames()
    again = muster.refused("server", "token", "seed", "get", token, "rack 7", "--type", "script")
    assert "handed out" in again
    muster.good("server", "token", "seed", "remove", token, "rack 7")
    assert "seed add" in muster.good("server", "token", "seed", "list", token)


def test_a_channel_is_described_and_forgotten_once_nobody_is_of_it(muster):
    muster.good("server", "channel", "add", "slow", "--description", "after a week")
    muster.good("server", "channel", "edit", "slow", "--description", "after two")
    muster.good("server", "pre-register", "m7", "--channel", "slow")
    assert "server m7" in muster.good("server", "channel", "list")
    assert "is used by server m7" in muster.refused("server", "channel", "remove", "slow")
    muster.good("server", "remove", "m7")
    assert "is forgotten" in muster.good("server", "channel", "remove", "slow")
