"""Every setting, by the environment and by the file alike."""

from dataclasses import fields
from pathlib import Path

import pytest

from muster.base.errors import Invalid
from muster.settings import Settings, load

OTHER = {
    "listen": "127.0.0.1:9999",
    "database_url": "sqlite:////elsewhere/muster.db",
    "secrets_file": "/etc/muster/secrets.key",
    "default_cloud": "simulated",
    "identity": "basic",
    "users_file": "/etc/muster/users.toml",
    "tls_certificate": "/etc/muster/tls.pem",
    "tls_key": "/etc/muster/tls.key",
    "log_level": "debug",
    "log_format": "json",
    "max_cluster_size": 7,
    "max_clusters": 8,
    "passes_at_once": 9,
    "lease_s": 1.5,
    "stray_grace_s": 2.5,
    "sweep_every_s": 3.5,
    "keep_events_days": 4,
    "keystone_url": "other-keystone_url",
    "keystone_username": "other-keystone_username",
    "keystone_password": "other-keystone_password",
    "keystone_project": "other-keystone_project",
    "keystone_user_domain": "other-keystone_user_domain",
    "keystone_project_domain": "other-keystone_project_domain",
    "keystone_ca": "other-keystone_ca",
    "keystone_remember_s": 301.5,
    "os_cloud": "other-os_cloud",
    "os_clouds_file": "other-os_clouds_file",
    "rules_file": "other-rules_file",
    "public_url": "other-public_url",
    "door": "127.0.0.1:8999",
    "webhooks_per_minute": 61.5,
    "health_check_interval_min": 65,
    "delete_with_dependency": True,
    "name_unique": True,
    "clouds": {"lab": {"kind": "simulated", "create_s": 1.5}},
}


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)


def test_every_setting_is_tried():
    assert {*OTHER, "home"} == {each.name for each in fields(Settings)}


@pytest.mark.parametrize("name", OTHER)
def test_a_setting_is_the_same_by_environment_and_by_file(tmp_path, name):
    (tmp_path / "muster.toml").write_text(f"{name} = {toml(OTHER[name])}\n")
    by_file = load({"MUSTER_HOME": str(tmp_path)})
    said = toml(OTHER[name]) if name == "clouds" else str(OTHER[name])
    by_environment = load({"MUSTER_HOME": "/nowhere", f"MUSTER_{name.upper()}": said})
    assert getattr(by_file, name) == getattr(by_environment, name) == OTHER[name]


@pytest.mark.parametrize("name", OTHER)
def test_the_environment_wins(tmp_path, name):
    plain = getattr(load({"MUSTER_HOME": "/nowhere"}), name)
    (tmp_path / "muster.toml").write_text(f"{name} = {toml(OTHER[name])}\n")
    said = toml(plain) if name == "clouds" else str(plain)
    if said:
        here = load({"MUSTER_HOME": str(tmp_path), f"MUSTER_{name.upper()}": said})
        assert getattr(here, name) == plain


def test_the_home_is_moved_by_environment_or_by_the_file_named(tmp_path):
    (tmp_path / "elsewhere.toml").write_text(f"home = '{tmp_path}/far'\n")
    assert load({"MUSTER_CONFIG": str(tmp_path / "elsewhere.toml")}).home == tmp_path / "far"
    assert load({"MUSTER_HOME": str(tmp_path / "near")}).home == tmp_path / "near"
    assert load({"MUSTER_HOME": "~/x"}).home == Path("~/x").expanduser()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"MUSTER_LISTEN": "8778"}, "listen"),
        ({"MUSTER_LISTEN": "127.0.0.1:99999"}, "listen"),
        ({"MUSTER_LOG_LEVEL": "loud"}, "log_level"),
        ({"MUSTER_LOG_FORMAT": "xml"}, "log_format"),
        ({"MUSTER_MAX_CLUSTERS": "many"}, "max_clusters"),
        ({"MUSTER_LEASE_S": "nan"}, "lease_s"),
        ({"MUSTER_LEASE_S": "0"}, "lease_s"),
        ({"MUSTER_LEASE_S": "-1"}, "lease_s"),
        ({"MUSTER_PASSES_AT_ONCE": "0"}, "passes_at_once"),
        ({"MUSTER_SWEEP_EVERY_S": "-1"}, "sweep_every_s"),
        ({"MUSTER_STRAY_GRACE_S": "inf"}, "stray_grace_s"),
        ({"MUSTER_MAX_CLUSTER_SIZE": "-5"}, "max_cluster_size"),
        ({"MUSTER_KEEP_EVENTS_DAYS": "-1"}, "keep_events_days"),
        ({"MUSTER_CLOUDS": "simulated"}, "MUSTER_CLOUDS"),
        ({"MUSTER_CONFIG": "/no/such.toml"}, "/no/such.toml"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(said, field):
    with pytest.raises(Invalid) as caught:
        load({"MUSTER_HOME": "/nowhere", **said})
    assert caught.value.details["field"] == field


def test_a_setting_that_is_no_number_is_told_as_it_was_written():
    with pytest.raises(Invalid, match=r"must be a number \(int\), not 'many'"):
        load({"MUSTER_HOME": "/nowhere", "MUSTER_MAX_CLUSTERS": "many"})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lisen = 'x'", "no setting is called 'lisen'"),
        ("listen = 7", "listen"),
        ("lease_s = true", "lease_s"),
        ("max_clusters = 1.5", "max_clusters"),
        ("clouds = 'simulated'", "clouds"),
        ("listen = ", "muster.toml"),
    ],
)
def test_a_wrong_line_of_the_file_is_refused(tmp_path, line, words):
    (tmp_path / "muster.toml").write_text(line)
    with pytest.raises(Invalid, match=words):
        load({"MUSTER_HOME": str(tmp_path)})


@pytest.mark.system
@pytest.mark.parametrize(
    ("clouds", "words"),
    [
        ("{lab = {kind = 'nimbus'}}", "clouds.lab.kind must be one of"),
        ("{lab = {}}", "clouds.lab.kind must be one of"),
        ("{simulated = {creates = 1}}", "'creates'"),
        ("{simulated = {create_s = 'x'}}", "create_s"),
        ("{simulated = 5}", "clouds"),
    ],
)
def test_a_wrong_cloud_keeps_the_server_from_starting(ran, clouds, words):
    said = ran("serve", MUSTER_CLOUDS=clouds, MUSTER_LISTEN="127.0.0.1:0")
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert words in said.stderr


@pytest.mark.system
def test_clouds_of_the_environment_are_there(it):
    it.environ["MUSTER_CLOUDS"] = "{lab = {kind = 'simulated', zones = ['here']}}"
    it.start()
    with it.session() as session:
        rows = session.call("GET", "/v1/clouds")["clouds"]
    assert {row["name"] for row in rows} == {"local", "simulated", "lab"}
