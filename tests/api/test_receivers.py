"""Receivers and webhooks over HTTP: what opens, for whom, how often, and what is refused."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from caller import Caller
from muster.base.clock import ManualClock
from muster.base.errors import MusterError, TooOften
from muster.model.action import ActionStatus
from muster.service import receivers
from muster.service.turnstile import Turnstile
from office import Office, a_cloud, opened

HERE = "http://127.0.0.1:8778"
OUT = {"type": "webhook", "action": "CLUSTER_SCALE_OUT"}


async def receiver(office: Office, who: str = "ann", **said: Any) -> dict[str, Any]:
    """Make a receiver and return it as shown."""
    body = {"receiver": {"name": "door", **said}}
    answer = await office.call("POST", "/v1/receivers", body, who)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["receiver"]
    return made


async def webhook(office: Office, cluster: str = "web", **said: Any) -> dict[str, Any]:
    return await receiver(office, **{**OUT, "cluster_id": cluster, **said})


async def a_cluster(office: Office, who: str = "ann", **but: Any) -> str:
    """Make a cluster that is settled, and return its id."""
    made = await office.made(who, **but)
    await office.go_on(5)
    return str(made["stack_id"])


async def knock(office: Office, url: str, body: Any = None, version: str = "") -> Any:
    """Call a webhook as somebody without an account does."""
    headers = {"openstack-api-version": f"clustering {version}"} if version else {}
    client = office.clients["all"]
    return await client.post(url.removeprefix(HERE), json=body, headers=headers)


def words(answer: Any) -> str:
    return str(answer.json()["error"]["message"])


async def actions(office: Office, **where: str) -> list[dict[str, Any]]:
    asked = "&".join(f"{key}={value}" for key, value in where.items())
    found: list[dict[str, Any]] = (await office.call("GET", f"/v1/actions?{asked}")).json()[
        "actions"
    ]
    return found


async def test_a_webhook_is_shown_with_its_address(office):
    id = await a_cluster(office)
    made = await webhook(office, params={"count": 2, "a": "b c"})
    assert made["channel"] == {
        "alarm_url": f"{HERE}/v1/webhooks/{made['id']}/trigger?V=2&a=b+c&count=2"
    }
    assert (made["cluster_id"], made["action"], made["user"]) == (id, "CLUSTER_SCALE_OUT", "ann")
    assert made["project"] == "demo"
    shown = await office.call("GET", "/v1/receivers/door")
    assert shown.json()["receiver"] == made
    listed = await office.call("GET", "/v1/receivers")
    assert listed.json()["receivers"] == [made]


async def test_the_address_is_the_public_one_where_that_is_set(tmp_path):
    async with opened(tmp_path, public_url="https://muster.example.org/c/") as office:
        await a_cluster(office)
        made = await webhook(office)
        root = "https://muster.example.org/c/v1/webhooks/"
        assert made["channel"]["alarm_url"] == f"{root}{made['id']}/trigger?V=2"


async def test_whoever_knows_the_address_sets_the_action_off(office):
    id = await a_cluster(office)
    made = await webhook(office, params={"count": 2})
    answer = await knock(office, made["channel"]["alarm_url"])
    assert answer.status_code == 202, answer.text
    action = answer.json()["action"]
    assert answer.headers["location"] == f"{HERE}/v1/actions/{action}"
    (seen,) = await actions(office, name=f"webhook_{made['id'][:8]}")
    assert (seen["id"], seen["action"]) == (action, "CLUSTER_SCALE_OUT")
    assert (seen["cause"], seen["user"], seen["project"]) == ("RPC Request", "ann", "demo")
    assert seen["inputs"] == {"count": 2}
    assert (await office.stored(id)).desired == 4


@pytest.mark.parametrize(
    ("v", "version", "body", "count"),
    [
        ("1", "", {"params": {"count": 2}}, 2),
        ("1", "1.9", {"params": {"count": "2"}}, "2"),
        ("1", "", None, 1),
        ("1", "", {"params": None}, 1),
        ("1", "1.10", {"count": 2}, 2),
        ("2", "", {"count": 2}, 2),
        ("2", "1.14", {"count": 2}, 2),
        ("2", "", None, 1),
        ("7", "", {"count": 2}, 2),
    ],
)
async def test_what_the_body_says_comes_before_the_params(office, v, version, body, count):
    await a_cluster(office)
    made = await webhook(office, params={"count": 1, "kept": "x"})
    url = f"/v1/webhooks/{made['id']}/trigger?V={v}&count=9&any=thing"
    answer = await knock(office, url, body, version)
    assert answer.status_code == 202, answer.text
    (seen,) = await actions(office, name=f"webhook_{made['id'][:8]}")
    assert seen["inputs"] == {"count": count, "kept": "x"}


async def test_a_wrapped_body_takes_nothing_beside_the_params(office):
    await a_cluster(office)
    made = await webhook(office)
    url = f"/v1/webhooks/{made['id']}/trigger?V=1"
    answer = await knock(office, url, {"count": 2})
    assert answer.status_code == 400
    assert "Additional properties are not allowed" in words(answer)


async def test_the_version_of_the_address_must_be_said(office):
    await a_cluster(office)
    made = await webhook(office)
    answer = await knock(office, f"/v1/webhooks/{made['id']}/trigger")
    assert answer.status_code == 400
    assert words(answer) == "V query parameter is required in webhook trigger URL"


@pytest.mark.parametrize("said", ["nosuch", "door", str(UUID(int=7)), "..", "%00", "a" * 300])
async def test_nothing_but_the_whole_id_opens(office, said):
    await a_cluster(office)
    made = await webhook(office)
    for word in (said, made["id"][:8]):
        answer = await knock(office, f"/v1/webhooks/{word}/trigger?V=2")
        assert answer.status_code == 404, word
    assert await actions(office, name=f"webhook_{made['id'][:8]}") == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_only_a_post_sets_off(office, method):
    await a_cluster(office)
    made = await webhook(office)
    url = f"/v1/webhooks/{made['id']}/trigger?V=2"
    answer = await office.clients["all"].request(method, url)
    assert answer.status_code == 404


async def test_a_body_that_is_no_json_is_refused(office):
    await a_cluster(office)
    made = await webhook(office)
    url, headers = made["channel"]["alarm_url"], {"content-type": "application/json"}
    answer = await office.clients["all"].post(url, content=b"{x", headers=headers)
    assert answer.status_code == 400
    assert await actions(office, name=f"webhook_{made['id'][:8]}") == []


@pytest.mark.parametrize(
    "params", [{"count": "lots"}, {"count": -1}, {"count": {}}, {"count": "nan"}, {"count": 1e400}]
)
async def test_inputs_without_sense_change_nothing(office, params):
    id = await a_cluster(office)
    made = await webhook(office, params=params if params["count"] != float("inf") else {})
    answer = await knock(office, made["channel"]["alarm_url"])
    if answer.status_code == 202:
        (seen,) = await actions(office, name=f"webhook_{made['id'][:8]}")
        assert seen["status"] in (ActionStatus.FAILED, ActionStatus.READY)
        changed = seen["status"] == ActionStatus.READY
        assert ((await office.stored(id)).desired != 2) == changed
        assert not changed or params["count"] == float("inf")
    else:
        assert answer.status_code == 400


async def test_a_second_call_meets_the_first(office):
    await a_cluster(office)
    made = await webhook(office)
    assert (await knock(office, made["channel"]["alarm_url"])).status_code == 202
    again = await knock(office, made["channel"]["alarm_url"])
    assert again.status_code == 409
    assert again.json()["error"]["type"] in ("ActionConflict", "ResourceIsLocked")
    assert "retry-after" in again.headers


async def test_too_many_calls_are_told_when_to_come_again(tmp_path):
    async with opened(tmp_path, turnstile=Turnstile(3)) as office:
        await a_cluster(office)
        url = (await webhook(office))["channel"]["alarm_url"]
        other = (await webhook(office, name="other"))["channel"]["alarm_url"]
        for _ in range(3):
            assert (await knock(office, url)).status_code in (202, 409)
        late = await knock(office, url)
        assert late.status_code == 429
        assert late.headers["retry-after"] == "20"
        assert (await knock(office, other)).status_code == 409
        office.clock.advance(20)
        assert (await knock(office, url)).status_code == 409


async def test_several_processes_let_no_more_through_than_one(tmp_path):
    """Each has its own desk, and all have one store."""
    async with opened(tmp_path, turnstile=Turnstile(3)) as office:
        await a_cluster(office)
        id = (await webhook(office))["id"]
        desks = [replace(office.desk) for _ in range(3)]
        told = []
        for desk in (*desks, *desks):
            try:
                await receivers.set_off(desk, id, {})
                told.append("let through")
            except MusterError as error:
                told.append(error.code)
        assert told[0] == "let through"
        assert [each == TooOften.code for each in told] == [False] * 3 + [True] * 3


async def test_a_webhook_that_attaches_asks_the_balancer_first(tmp_path):
    cloud = await a_cloud(tmp_path, ManualClock(), taken_ports=[8099])
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        ann = Caller(office)
        cluster = await ann.cluster(await ann.profile())
        vip = {"subnet": "s", "protocol_port": 8099}
        policy = await ann.policy("loadbalance-1.1", pool={"subnet": "s"}, vip=vip)
        said = {"policy_id": str(policy.id)}
        made = await webhook(office, "c1", action="CLUSTER_ATTACH_POLICY", params=said)
        answer = await knock(office, made["channel"]["alarm_url"])
        assert answer.status_code == 202
        action = await ann.action(answer.json()["action"])
        assert (action["status"], action["status_reason"]) == ("FAILED", "port 8099 is taken")
        assert (await ann.again(cluster))["policies"] == []


async def test_a_deleted_receiver_opens_nothing(office):
    await a_cluster(office)
    made = await webhook(office)
    assert (await office.call("DELETE", "/v1/receivers/door")).status_code == 204
    assert (await knock(office, made["channel"]["alarm_url"])).status_code == 404
    assert (await office.call("DELETE", "/v1/receivers/door")).status_code == 404


async def test_the_address_follows_the_params_and_the_birthday_stays(office):
    await a_cluster(office)
    made = await webhook(office, params={"count": 1})
    office.clock.advance(60)
    change = {"name": "gate", "action": "CLUSTER_SCALE_IN", "params": {"count": 2}}
    answer = await office.call("PATCH", "/v1/receivers/door", {"receiver": change})
    assert answer.status_code == 200, answer.text
    after = answer.json()["receiver"]
    assert after["channel"]["alarm_url"].endswith(f"{made['id']}/trigger?V=2&count=2")
    assert (after["name"], after["action"]) == ("gate", "CLUSTER_SCALE_IN")
    assert after["created_at"] == made["created_at"]
    assert after["updated_at"] > made["created_at"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"x": 1}, "Malformed request data, missing 'receiver' key in request body."),
        ({"receiver": {}}, "No property needs an update."),
        ({"receiver": {"name": "door"}}, "No property needs an update."),
        ({"receiver": {"type": "message"}}, "Additional properties are not allowed"),
        ({"receiver": {"action": "FLY"}}, "Value 'FLY' is not acceptable for field 'action'."),
        ({"receiver": {"name": "a b"}}, "illegal characters"),
    ],
)
async def test_a_change_that_is_none_or_cannot_be_is_refused(office, body, text):
    await a_cluster(office)
    before = await webhook(office)
    answer = await office.call("PATCH", "/v1/receivers/door", body)
    assert answer.status_code == 400
    assert text in words(answer)
    assert (await office.call("GET", "/v1/receivers/door")).json()["receiver"] == before


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            {"action": "CLUSTER_SCALE_OUT"},
            "Cluster identity is required for creating webhook receiver.",
        ),
        ({"cluster_id": "web"}, "Action name is required for creating webhook receiver."),
        ({"type": "bogus"}, "Value 'bogus' is not acceptable for field 'type'."),
        (
            {"cluster_id": "web", "action": "BOGUS"},
            "Value 'BOGUS' is not acceptable for field 'action'.",
        ),
        ({"cluster_id": "web", "action": "NODE_CREATE"}, "Value 'NODE_CREATE' is not"),
        ({"cluster_id": "web", "action": "CLUSTER_CREATE"}, "Value 'CLUSTER_CREATE' is not"),
        (
            {"cluster_id": "no", "action": "CLUSTER_CHECK"},
            "The referenced cluster 'no' could not be",
        ),
        ({"name": ""}, "name"),
        ({"name": None}, "Field `name' cannot be None"),
        ({"params": "x"}, "not a valid JSON"),
        ({"params": []}, "is not of type"),
        ({"secret": 1}, "Additional properties are not allowed ('secret' was unexpected)"),
    ],
)
async def test_a_receiver_that_cannot_be_is_refused_by_name(office, said, text):
    await a_cluster(office)
    body = {"receiver": {"name": "door", "type": "webhook", **said}}
    answer = await office.call("POST", "/v1/receivers", body)
    assert answer.status_code == 400
    assert text in words(answer)
    assert (await office.call("GET", "/v1/receivers")).json()["receivers"] == []


async def test_another_users_cluster_takes_no_door_of_mine(office):
    await a_cluster(office)
    body = {"receiver": {"name": "door", **OUT, "cluster_id": "web"}}
    assert (await office.call("POST", "/v1/receivers", body, "rita")).status_code == 403
    unseen = await office.call("POST", "/v1/receivers", body, "bob")
    assert unseen.status_code == 400
    assert "could not be found" in words(unseen)
    assert (await office.call("POST", "/v1/receivers", body, "root")).status_code == 201


async def test_projects_do_not_see_each_others_receivers(office):
    await a_cluster(office)
    made = await webhook(office)
    for word in ("door", made["id"], made["id"][:8]):
        for method, body in (
            ("GET", None),
            ("PATCH", {"receiver": {"name": "x"}}),
            ("DELETE", None),
        ):
            answer = await office.call(method, f"/v1/receivers/{word}", body, "bob")
            assert answer.status_code == 404, (method, word)
    assert (await office.call("GET", "/v1/receivers", who="bob")).json()["receivers"] == []
    assert (await office.call("DELETE", "/v1/receivers/door", who="rita")).status_code == 403
    assert len((await office.call("GET", "/v1/receivers", who="root")).json()["receivers"]) == 1


async def test_lists_are_filtered_and_sorted(office):
    id = await a_cluster(office)
    await webhook(office, name="b", action="CLUSTER_SCALE_IN")
    await webhook(office, name="a")
    await receiver(office, name="c", type="message")

    async def names(asked: str) -> list[str]:
        found = (await office.call("GET", f"/v1/receivers?{asked}")).json()["receivers"]
        return [each["name"] for each in found]

    assert await names("") == ["a", "b", "c"]
    assert await names("sort=name:desc") == ["c", "b", "a"]
    assert await names("type=message") == ["c"]
    assert await names("action=CLUSTER_SCALE_IN") == ["b"]
    assert await names(f"cluster_id={id}&user=ann") == ["a", "b"]
    bad = await office.call("GET", "/v1/receivers?bogus=1")
    assert (bad.status_code, words(bad)) == (400, "Invalid parameter bogus")
    assert words(await office.call("GET", "/v1/receivers/nosuch")) == (
        "The receiver 'nosuch' could not be found."
    )


async def test_a_webhook_whose_cluster_is_gone_says_so(office):
    id = await a_cluster(office)
    made = await webhook(office)
    await office.desk.store.write(lambda tx: tx.clusters.drop(UUID(id)))
    answer = await knock(office, made["channel"]["alarm_url"])
    assert answer.status_code == 400
    assert "could not be found" in words(answer)
