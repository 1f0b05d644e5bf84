"""Every field of the contract wrong in type, range and reference; and right in both spellings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.api.autoscaling_v1.bodies import CLUSTER
from muster.api.reading import camel
from muster.model.cloud import Ability
from office import WEB, Office, opened, path

LONG = "x" * 300
WRONG: tuple[tuple[str, Any, str], ...] = (
    ("name", 7, "must be a string, not a number"),
    ("name", "", "must have 1 to 63 characters"),
    ("name", "a b", "must be letters, digits and '-'"),
    ("name", "-a", "must be letters, digits and '-'"),
    ("name", "a-", "must be letters, digits and '-'"),
    ("name", "a.b", "must be letters, digits and '-'"),
    ("name", "ünf", "must be letters, digits and '-'"),
    ("name", "a" * 64, "must have 1 to 63 characters"),
    ("image", 7, "must be a string"),
    ("image", "", "must have 1 to 255 characters"),
    ("image", "no-such", "cloud simulated has no image 'no-such'"),
    ("image", LONG, "must have 1 to 255 characters"),
    ("flavor", [], "must be a string, not a list"),
    ("flavor", "no-such", "there is no flavor 'no-such'"),
    ("min_size", "2", "must be an integer, not a string"),
    ("min_size", 2.5, "must be an integer, not 2.5"),
    ("min_size", True, "must be an integer, not a boolean"),
    ("min_size", None, "must be an integer, not null"),
    ("min_size", -1, "must be between 0 and"),
    ("min_size", 7, "min_size (7) must be at most max_size (6)"),
    ("max_size", {}, "must be an integer, not an object"),
    ("max_size", -1, "must be between 0 and"),
    ("max_size", 1001, "must be at most 1000, the limit per cluster"),
    ("desired_size", "2", "must be an integer"),
    ("desired_size", 1, "must be between 2 and 6, not 1"),
    ("desired_size", 7, "must be between 2 and 6, not 7"),
    ("backend_network", 1, "must be a string"),
    ("backend_network", "no-such", "has no network 'no-such'; it has private, private-2"),
    ("keypair", 1, "must be a string"),
    ("keypair", "no-such", "there is no keypair 'no-such' in this project"),
    ("port", "80", "must be an integer, not a string"),
    ("port", 0, "must be between 1 and 65535, not 0"),
    ("port", 65536, "must be between 1 and 65535, not 65536"),
    ("dns_name", 1, "must be a string"),
    ("dns_name", "web", "must be a domain name"),
    ("dns_name", "web..org", "must be a domain name"),
    ("dns_name", "-web.example.org", "must be a domain name"),
    ("dns_name", "10.0.0.1", "must be a domain name"),
    ("dns_name", "a" * 64 + ".org", "must be a domain name"),
    ("scale_out_threshold", "0.7", "must be a number, not a string"),
    ("scale_out_threshold", 0, "must be more than 0 and at most 1, not 0"),
    ("scale_out_threshold", 1.1, "must be more than 0 and at most 1, not 1.1"),
    ("scale_in_threshold", True, "must be a number, not a boolean"),
    ("scale_in_threshold", -0.1, "must be from 0 to 1, not -0.1"),
    ("create_bastion", "yes", 'must be true or false, not "yes"'),
    ("create_bastion", 1, "must be true or false, not 1"),
    ("create_bastion", True, "cloud simulated cannot do this: "),
    ("cloud", 1, "must be a string"),
    ("cloud", "no-such", "there is no cloud 'no-such'; there is simulated"),
    ("protocol", "udp", 'must be one of http, https, tcp, not "udp"'),
    ("protocol", 1, "must be one of http, https, tcp, not 1"),
    ("health_path", 1, "must be a string"),
    ("health_path", "health", "must be a path such as /health"),
    ("health_path", "/he alth", "must be a path such as /health"),
    ("tls", "pem", "must be an object, not a string"),
    ("tls", {"certificate": "x"}, "must be PEM"),
    ("tls", {"key": "x"}, "is not known here"),
    ("metric", "memory", "must be one of cpu, requests, custom"),
    ("metric", "requests", "is needed with metric requests"),
    ("query", 7, "must be a string"),
    ("query", "avg(depth)", "is only for metric prometheus"),
    ("target", "x", "must be a number"),
    ("target", 0, "must be more than 0"),
    ("target", 2, "must be at most 1 for metric cpu"),
    ("steps", 1, "must be a list"),
    ("steps", [{"above": 1}], "is required"),
    ("steps", [{"above": 2, "change": 1}, {"above": 1, "change": 2}], "ascending order"),
    ("schedules", {}, "must be a list, not an object"),
    ("schedules", [{"desired_size": 3}], "is required"),
    ("schedules", [{"cron": "0 8 * * *"}], "must set min_size, max_size or desired_size"),
    ("schedules", [{"cron": "nonsense", "min_size": 3}], "needs five fields"),
    ("schedules", [{"cron": "99 8 * * *", "min_size": 3}], "names no time"),
    (
        "schedules",
        [{"cron": "0 8 * * *", "min_size": 3, "time_zone": "Mars/Base"}],
        "no time zone is called 'Mars/Base'",
    ),
    ("scaling_mode", "off", "must be one of on, out-only, shadow"),
    ("predictive", "yes", "must be one of on, shadow"),
    ("predictive", True, "must be one of on, shadow"),
    ("predictive", "on", "needs a target, thresholds or steps to size by"),
    ("cooldown", -1, "must be from 0 to 86400"),
    ("cooldown", "5", "must be a number"),
    ("warm_up", -1, "must be from 0 to 86400"),
    ("scale_out_window", -1, "must be from 0 to 86400"),
    ("scale_in_window", [], "must be a number, not a list"),
    ("update_strategy", "rolling", "must be an object"),
    ("update_strategy", {"kind": "bluegreen"}, "must be one of rolling, opportunistic"),
    ("update_strategy", {"max_surge": "x%"}, "must be a count such as 2 or a share"),
    ("update_strategy", {"max_surge": "101%"}, "must be a count such as 2 or a share"),
    ("update_strategy", {"max_unavailable": -1}, "must be a count such as 2 or a share"),
    ("update_strategy", {"min_ready_seconds": "1"}, "must be a number"),
    ("update_strategy", {"canary": 1.5}, "must be a count such as 2 or a share"),
    ("update_strategy", {"auto_rollback": 0}, "must be true or false"),
    ("update_strategy", {"surge": 1}, "is not known here; did you mean"),
    ("health", {"failures": 0}, "must be between 1 and 100"),
    ("health", {"storm_share": 2}, "must be from 0 to 1"),
    ("drain_seconds", -1, "must be from 0 to 86400"),
    ("warm_pool", -1, "must be between 0 and"),
    ("zones", "z1", "must be a list, not a string"),
    ("zones", [1], "must be a string"),
    ("user_data", 1, "must be a string"),
    ("user_data", "x" * 70000, "must have 0 to 65535 characters"),
    ("user_data", "a\0b", "must not contain control characters"),
    ("metadata", [], "must be an object, not a list"),
    ("metadata", {"a": 1}, "must be a string, not a number"),
    ("metadata", {"": "x"}, "must have keys of 1 to 255 characters"),
)


def root(field: str) -> str:
    return field.split(".")[0].split("[")[0]


async def test_every_field_of_the_contract_is_tried_with_something_wrong() -> None:
    assert {name for name, _, _ in WRONG} == set(CLUSTER)


@pytest.mark.parametrize(("field", "value", "words"), WRONG)
async def test_a_wrong_field_is_named_with_what_would_be_right(
    office: Office, field: str, value: Any, words: str
) -> None:
    said = {key: known for key, known in WEB.items() if key != field} | {field: value}
    answer = await office.call("POST", "/v1/clusters", said)
    assert answer.status_code == 400, answer.text
    faults = answer.json()["error"]["errors"]
    told = [each for each in faults if words in each["message"]]
    assert told, faults
    expected = {"scale_out_threshold", "scale_in_threshold", "target", "min_size", field}
    assert {root(each["field"]) for each in told} <= expected
    assert (await office.call("GET", "/v1/clusters")).json()["clusters"] == []


@pytest.mark.parametrize(("field", "value", "words"), WRONG)
async def test_a_wrong_field_is_named_as_the_caller_spelled_it(
    office: Office, field: str, value: Any, words: str
) -> None:
    said = {camel(key): known for key, known in WEB.items() if key != field}
    answer = await office.call("POST", "/v1/clusters", said | {camel(field): value})
    spelled = {root(each["field"]) for each in answer.json()["error"]["errors"]}
    needed = {"target", "scale_in_threshold", "scale_out_threshold", "keypair"}  # said by nobody
    assert spelled <= {camel(field), "minSize", *needed}


async def test_everything_wrong_is_told_at_once(office: Office) -> None:
    body = {
        "name": "a b",
        "image": "none",
        "flavor": "none",
        "minSize": 3,
        "max_size": 2,
        "port": 0,
        "scaleOutThreshold": 0.2,
        "scale_in_threshold": 0.7,
        "updateStrategy": {"maxSurge": "much"},
        "colour": "red",
    }
    answer = await office.call("POST", "/v1/clusters", body)
    fields = {each["field"] for each in answer.json()["error"]["errors"]}
    assert fields == {
        "name",
        "image",
        "flavor",
        "minSize",
        "port",
        "scale_in_threshold",
        "updateStrategy.maxSurge",
        "colour",
    }


async def test_what_is_missing_is_told_at_once(office: Office) -> None:
    answer = await office.speak("", "POST", "/v1/clusters", {})
    fields = {each["field"] for each in answer.json()["error"]["errors"]}
    assert fields == {"name", "image", "flavor", "min_size", "max_size"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scale_out_threshold": 0.7}, "scale_in_threshold"),
        ({"scale_in_threshold": 0.2}, "scale_out_threshold"),
        ({"scale_out_threshold": 0.5, "scale_in_threshold": 0.5}, "scale_in_threshold"),
        ({"image": "ubuntu-24.04", "port": None}, "port"),
        ({"tls": {"certificate": "CERTIFICATE-----", "private_key": "PRIVATE KEY-----"}}, "tls"),
        ({"protocol": "tcp", "health_path": "/x"}, "health_path"),
        ({"minSize": 1}, "minSize"),
    ],
)
async def test_fields_that_do_not_go_together_are_refused(
    office: Office, body: dict[str, Any], field: str
) -> None:
    answer = await office.call("POST", "/v1/clusters", {**WEB, **body})
    assert answer.status_code == 400
    assert field in {each["field"] for each in answer.json()["error"]["errors"]}


async def test_a_bastion_needs_a_keypair(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        cloud = office.desk.clouds["simulated"]
        able = replace(cloud, about=replace(cloud.about, cannot={}))
        office.desk.clouds["simulated"] = able  # type: ignore[index]
        body = {**WEB, "create_bastion": True}
        answer = await office.call("POST", "/v1/clusters", body)
        assert answer.json()["error"]["errors"] == [
            {"field": "keypair", "message": "is required when a bastion is asked for"}
        ]


@pytest.mark.parametrize(
    ("ability", "body", "field"),
    [
        (Ability.ZONES, {"zones": ["z1"]}, "zones"),
        (Ability.USER_DATA, {"user_data": "#!"}, "user_data"),
        (Ability.DNS, {"dns_name": "web.example.org"}, "dns_name"),
        (Ability.TCP, {"protocol": "tcp"}, "protocol"),
        (Ability.HTTPS, {"protocol": "https"}, "protocol"),
        (Ability.CPU_USAGE, {"scale_out_threshold": 0.7, "scale_in_threshold": 0.1}, "scale_out"),
    ],
)
async def test_what_a_cloud_cannot_do_is_refused_with_its_reason(
    tmp_path: Path, ability: Ability, body: dict[str, Any], field: str
) -> None:
    async with opened(tmp_path) as office:
        cloud = office.desk.clouds["simulated"]
        poor = replace(cloud, about=replace(cloud.about, cannot={ability: "it is too small"}))
        office.desk.clouds["simulated"] = poor  # type: ignore[index]
        answer = await office.call("POST", "/v1/clusters", {**WEB, **body})
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["field"].startswith(field)
        assert "it is too small" in error["message"]


async def test_both_spellings_make_the_same_cluster(office: Office) -> None:
    whole: dict[str, Any] = {
        **WEB,
        "desired_size": 3,
        "backend_network": "private-2",
        "dns_name": "web.example.org",
        "scale_out_threshold": 0.7,
        "scale_in_threshold": 0.2,
        "health_path": "/up",
        "metric": "requests",
        "target": 20,
        "scaling_mode": "out-only",
        "predictive": "shadow",
        "warm_up": 5,
        "scale_out_window": 10,
        "steps": [{"above": 30, "change": 2}],
        "cooldown": 30,
        "scale_in_window": 60,
        "update_strategy": {"max_surge": "50%", "max_unavailable": 1, "canary": 1},
        "health": {"failures": 5},
        "drain_seconds": 10,
        "warm_pool": 1,
        "zones": ["zone-1"],
        "user_data": "#!/bin/sh\n",
        "metadata": {"team": "a"},
        "schedules": [{"cron": "0 8 * * 1-5", "min_size": 4, "time_zone": "Europe/Berlin"}],
    }
    snake = await office.made(**whole)
    other = {camel(key): value for key, value in whole.items()}
    other |= {"name": "web2", "dnsName": "web2.example.org"}
    answer = await office.call("POST", "/v1/clusters", other)
    assert answer.status_code == 202, answer.text
    same = answer.json()
    for field in set(whole) - {"name", "dns_name", "health", "metadata"}:
        assert snake[field] == same[field], field
        if field != "update_strategy":
            assert snake[field] == whole[field], field
    assert snake["update_strategy"] | whole["update_strategy"] == snake["update_strategy"]
    rule = snake["scaling"]["rules"]["schedules"][0]
    assert (rule["cron"], rule["low"]) == ("0 8 * * 1-5", 4)


async def test_defaults_are_the_contracts(office: Office) -> None:
    made = await office.made(min_size=0)
    assert made["desired_size"] == 1
    assert made["protocol"] == "http"
    assert made["health_path"] == "/health"  # the image says so
    assert made["backend_network"] == "private"
    assert made["scaling"] is None
    assert made["stack_status"] == "CREATE_IN_PROGRESS"
    assert made["create_bastion"] is False


async def test_the_port_of_the_image_is_the_default(office: Office) -> None:
    body = {key: value for key, value in WEB.items() if key != "port"}
    answer = await office.call("POST", "/v1/clusters", body)
    assert answer.json()["port"] == 8080


async def test_creation_is_accepted_with_an_absolute_location(office: Office) -> None:
    answer = await office.call("POST", "/v1/clusters", dict(WEB))
    made = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"http://127.0.0.1:8778{path(made)}"
    assert answer.headers["x-openstack-request-id"].startswith("req-")


KEY = "Request body missing 'cluster' key."


@pytest.mark.parametrize(
    ("version", "body", "words"),
    [
        ("", {"cluster": {"name": "web"}}, "'profile_id' is a required property"),
        ("", {"bogus": {}}, KEY),
        ("", {"name": "web"}, "image: is required; flavor: is required"),
        ("", {"name": "web", "profile_id": "p"}, KEY),
        ("1.14", {"name": "web"}, KEY),
        ("1.14", {"name": "web", "image": "i"}, "flavor: is required"),
    ],
)
async def test_each_form_of_a_new_cluster_is_answered_in_its_own_words(
    office: Office, version: str, body: dict[str, Any], words: str
) -> None:
    answer = await office.speak(version, "POST", "/v1/clusters", body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
async def test_what_is_not_a_json_object_is_refused(office: Office, body: bytes) -> None:
    client = office.clients["all"]
    headers = {"x-name": "ann", "content-type": "application/json"}
    answer = await client.post("/v1/clusters", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid"


async def test_a_name_is_taken_once_per_project(office: Office) -> None:
    await office.made()
    again = await office.call("POST", "/v1/clusters", dict(WEB))
    assert again.status_code == 409
    assert again.json()["error"]["field"] == "name"
    assert (await office.call("POST", "/v1/clusters", dict(WEB), "bob")).status_code == 202


async def test_a_dns_name_is_published_for_one_cluster_only(office: Office) -> None:
    await office.made(dns_name="web.example.org")
    body = {**WEB, "dnsName": "web.example.org"}
    answer = await office.call("POST", "/v1/clusters", body, "bob")
    assert answer.status_code == 409
    assert answer.json()["error"]["field"] == "dnsName"


async def test_a_project_has_so_many_clusters_and_no_more(tmp_path: Path) -> None:
    async with opened(tmp_path, max_clusters=1) as office:
        await office.made()
        answer = await office.call("POST", "/v1/clusters", {**WEB, "name": "web2"})
        assert answer.status_code == 403
        assert answer.json()["error"]["type"] == "quota_exceeded"
