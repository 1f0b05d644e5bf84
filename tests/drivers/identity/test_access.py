"""How Muster signs in: settings and clouds.yaml, read or refused by name."""

from pathlib import Path

import pytest
import yaml

from muster.base.errors import Invalid
from muster.drivers.identity.access import Account, by_cloud, by_password, rooted

AUTH = {
    "auth_url": "https://keystone.test:5000",
    "username": "muster",
    "password": "ours",
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_id": "default",
}


def written(folder: Path, entry: object, name: str = "clouds.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump({"clouds": {"lab": entry}}))
    return str(path)


@pytest.mark.parametrize(
    "url", ["https://k:5000", "https://k:5000/", "https://k:5000/v3", "https://k:5000/v3/"]
)
def test_an_address_is_good_with_the_version_and_without(url):
    assert rooted(url) == "https://k:5000/v3"


def test_a_path_before_the_version_is_kept():
    assert rooted("http://k/identity") == "http://k/identity/v3"


@pytest.mark.parametrize("url", ["", "keystone", "ftp://k", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(Invalid, match="keystone_url"):
        rooted(url)


@pytest.mark.parametrize("field", ["username", "password", "project"])
def test_what_is_missing_is_named_as_a_setting(field):
    said = {"username": "u", "password": "p", "project": "s", field: ""}
    with pytest.raises(Invalid, match=f"MUSTER_KEYSTONE_{field.upper()}"):
        by_password("https://k", Account(**said))


def test_an_entry_with_a_password_is_read(tmp_path):
    access = by_cloud("lab", written(tmp_path, {"auth": AUTH, "cacert": "/ca.pem"}))
    assert (access.url, access.ca, access.verify) == (
        "https://keystone.test:5000/v3",
        "/ca.pem",
        True,
    )
    said = access.auth["auth"]
    user = said["identity"]["password"]["user"]
    assert user == {"name": "muster", "password": "ours", "domain": {"name": "Default"}}
    assert said["scope"] == {"project": {"name": "service", "domain": {"id": "default"}}}


def test_ids_stand_without_domains(tmp_path):
    auth = {"auth_url": "http://k", "user_id": "u", "password": "p", "project_id": "s"}
    said = by_cloud("lab", written(tmp_path, {"auth": auth})).auth["auth"]
    assert said["identity"]["password"]["user"] == {"id": "u", "password": "p"}
    assert said["scope"] == {"project": {"id": "s"}}


def test_an_application_credential_is_read(tmp_path):
    auth = {
        "auth_url": "http://k",
        "application_credential_id": "i",
        "application_credential_secret": "s",
    }
    entry = {"auth_type": "v3applicationcredential", "auth": auth, "verify": False}
    access = by_cloud("lab", written(tmp_path, entry))
    identity = access.auth["auth"]["identity"]
    assert identity["application_credential"] == {"id": "i", "secret": "s"}
    assert "scope" not in access.auth["auth"]
    assert not access.verify


def test_secrets_may_stand_in_a_file_of_their_own(tmp_path):
    bare = {k: v for k, v in AUTH.items() if k != "password"}
    file = written(tmp_path, {"auth": bare})
    written(tmp_path, {"auth": {"password": "elsewhere"}}, "secure.yaml")
    said = by_cloud("lab", file).auth["auth"]
    assert said["identity"]["password"]["user"]["password"] == "elsewhere"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "auth_url"),
        ({"auth": {}}, "auth_url"),
        ({"auth": "x"}, "auth_url"),
        ({"auth": {**AUTH, "auth_url": 1}}, "auth_url"),
        ({"auth": {**AUTH, "password": None}}, "password"),
        ({"auth": {**AUTH, "username": ""}}, "username"),
        ({"auth": {**AUTH, "project_name": ""}}, "project_name"),
        ({"auth": AUTH, "auth_type": "v3oidcpassword"}, "v3oidcpassword"),
        ({"auth": AUTH, "auth_type": "v3applicationcredential"}, "application_credential_id"),
        ("x", "no cloud 'lab'"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(tmp_path, entry, words):
    with pytest.raises(Invalid, match=words) as told:
        by_cloud("lab", written(tmp_path, entry))
    assert "clouds.yaml" in told.value.text


def test_a_cloud_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(Invalid, match="there is lab"):
        by_cloud("prod", written(tmp_path, {"auth": AUTH}))


@pytest.mark.parametrize("content", ["clouds: [", "- a", "just words", ""])
def test_a_file_that_is_no_clouds_yaml_is_named(tmp_path, content):
    path = tmp_path / "clouds.yaml"
    path.write_text(content)
    with pytest.raises(Invalid, match=r"clouds\.yaml"):
        by_cloud("lab", str(path))


def test_no_file_at_all_is_said(tmp_path):
    with pytest.raises(Invalid, match="there is none at"):
        by_cloud("lab", str(tmp_path / "nothing.yaml"))
