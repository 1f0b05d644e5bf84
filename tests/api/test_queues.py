"""Queues over HTTP: put in, looked at, taken, done with; and message receivers."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from api.test_receivers import a_cluster, actions, receiver, words
from muster.base.errors import QuotaExceeded
from muster.drivers.hooks import Post
from muster.model.receiver import Message
from muster.model.who import Who
from muster.service import queues, receivers
from muster.service.queues import Look
from muster.service.receivers import ReceiverAsk
from office import PEOPLE, Office

URL = "/v1/queues/hooks"


async def put(office: Office, *bodies: dict[str, Any], to: str = URL, who: str = "ann") -> Any:
    said = {"messages": [{"body": body} for body in bodies]}
    return await office.call("POST", f"{to}/messages", said, who)


async def seen(office: Office, asked: str = "", who: str = "ann") -> list[dict[str, Any]]:
    answer = await office.call("GET", f"{URL}/messages{asked}", who=who)
    assert answer.status_code == 200, answer.text
    return [each["body"] for each in answer.json()["messages"]]


async def claimed(office: Office, ttl: int = 60, asked: str = "") -> list[dict[str, Any]]:
    answer = await office.call("POST", f"{URL}/claims{asked}", {"ttl": ttl})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


async def test_messages_come_out_in_the_order_in_which_they_went_in(office):
    made = await put(office, {"n": 1}, {"n": 2})
    assert made.status_code == 201
    await put(office, {"n": 3})
    assert await seen(office) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert await seen(office, "?limit=1") == [{"n": 1}]


async def test_what_one_has_taken_nobody_else_sees_until_he_lets_it_go(office):
    await put(office, {"n": 1}, {"n": 2})
    (taken,) = await claimed(office, asked="?limit=1")
    assert taken["body"] == {"n": 1}
    assert await seen(office) == [{"n": 2}]
    assert [each["body"] for each in await claimed(office)] == [{"n": 2}]
    assert await claimed(office) == []
    office.clock.advance(61)
    assert await seen(office) == [{"n": 1}, {"n": 2}]


async def test_what_is_done_with_never_comes_back(office):
    await put(office, {"n": 1})
    (taken,) = await claimed(office)
    for _ in range(2):  # gone already is no error
        assert (await office.call("DELETE", taken["href"])).status_code == 204
    office.clock.advance(61)
    assert await seen(office) == []


async def test_two_who_take_at_once_never_get_the_same(office):
    await put(office, *({"n": n} for n in range(20)))
    found = await asyncio.gather(*(claimed(office, asked="?limit=3") for _ in range(10)))
    numbers = [each["body"]["n"] for taken in found for each in taken]
    assert sorted(numbers) == list(range(20))


async def test_who_waits_is_given_what_comes_meanwhile(office):
    ann, look = PEOPLE["ann"], Look(queue="hooks", wait_s=20)
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(queues.claim(office.desk, ann, look, 60))
        await asyncio.sleep(0)
        await queues.put(office.desk, ann, "hooks", [{"n": 1}, {"n": 2}])
    assert [each.body for each in taking.result()] == [{"n": 1}, {"n": 2}]


async def test_who_waits_in_vain_is_told_so_in_time(office):
    assert await queues.waiting(office.desk, PEOPLE["ann"], Look(queue="hooks", wait_s=0.1)) == []


async def test_a_queue_takes_no_more_than_it_can_hold(office):
    ann = PEOPLE["ann"]
    for _ in range(queues.MOST // 100):
        await queues.put(office.desk, ann, "full", [{}] * 100)
    with pytest.raises(QuotaExceeded):
        await queues.put(office.desk, ann, "full", [{}])


async def test_projects_do_not_see_each_others_messages(office):
    made = await put(office, {"n": 1})
    href = made.json()["messages"][0]["href"]
    assert await seen(office, who="bob") == []
    assert await seen(office, who="root") == []
    assert (await office.call("DELETE", href, who="bob")).status_code == 204
    assert await seen(office) == [{"n": 1}]
    await put(office, {"n": "bob's"}, who="bob")
    assert await seen(office) == [{"n": 1}]


async def test_a_reader_looks_and_takes_nothing(office):
    await put(office, {"n": 1})
    assert await seen(office, who="rita") == [{"n": 1}]
    answer = await office.call("POST", f"{URL}/claims", {"ttl": 60}, "rita")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{URL}/messages", None),
        ("POST", f"{URL}/messages", {}),
        ("POST", f"{URL}/messages", {"messages": []}),
        ("POST", f"{URL}/messages", {"messages": [1]}),
        ("POST", f"{URL}/messages", {"messages": [{"body": "x"}]}),
        ("POST", f"{URL}/messages", {"messages": [{"body": {}}] * 101}),
        ("POST", f"{URL}/claims", {}),
        ("POST", f"{URL}/claims", {"ttl": 0}),
        ("POST", f"{URL}/claims", {"ttl": "x"}),
        ("POST", f"{URL}/claims?limit=0", {"ttl": 1}),
        ("GET", f"{URL}/messages?wait=31", None),
        ("GET", f"{URL}/messages?wait=-1", None),
        ("GET", f"{URL}/messages?bogus=1", None),
        ("GET", "/v1/queues/a%20b/messages", None),
        ("GET", f"/v1/queues/{'a' * 65}/messages", None),
    ],
)
async def test_what_makes_no_sense_is_refused(office, method, path, body):
    answer = await office.call(method, path, body)
    assert answer.status_code == 400, answer.text
    assert words(answer)


async def test_a_message_that_never_was_is_not_there(office):
    assert (await office.call("DELETE", f"{URL}/messages/nope")).status_code == 404
    assert (await office.call("DELETE", f"{URL}/messages/{uuid4()}")).status_code == 204


async def a_mailbox(office: Office) -> str:
    """Make a message receiver and return where its queue is."""
    made = await receiver(office, type="message")
    assert made["channel"] == {"queue_name": f"senlin-receiver-{made['id']}"}
    assert made["cluster_id"] is None
    return f"/v1/queues/{made['channel']['queue_name']}"


async def test_a_message_for_a_receiver_sets_its_action_off(office):
    id = await a_cluster(office)
    box = await a_mailbox(office)
    said = {"cluster": "web", "action": "CLUSTER_SCALE_OUT", "params": {"count": "2"}}
    answer = await put(office, said, to=box)
    (became,) = answer.json()["messages"]
    (action,) = [each for each in await actions(office) if each["id"] == became["action"]]
    assert action["name"].startswith("receiver_")
    assert (action["user"], action["inputs"]) == ("ann", {"count": "2"})
    assert (await office.stored(id)).desired == 4
    left = await office.call("GET", f"{box}/messages")
    assert left.json()["messages"] == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"cluster": "web"},
        {"cluster": "nope", "action": "CLUSTER_SCALE_OUT"},
        {"cluster": "web", "action": "CLUSTER_CREATE"},
        {"cluster": "web", "action": "NODE_DELETE"},
        {"cluster": "web", "action": "CLUSTER_SCALE_OUT", "params": 3},
        {"cluster": 5, "action": "CLUSTER_SCALE_OUT"},
        {"cluster": "bobs", "action": "CLUSTER_SCALE_OUT"},
    ],
)
async def test_a_message_that_cannot_be_meant_is_dropped_and_the_rest_go_on(office, said):
    id = await a_cluster(office)
    await a_cluster(office, "bob", name="bobs", port=9090)
    box = await a_mailbox(office)
    good = {"cluster": id, "action": "CLUSTER_SCALE_OUT"}
    bad, well = (await put(office, said, good, to=box)).json()["messages"]
    assert bad["refused"]
    assert "action" not in bad
    assert well["action"]


async def test_a_message_acts_upon_clusters_of_the_receivers_owner_only(office):
    id = await a_cluster(office)
    colleague = Who(user="cid", project="demo")
    ask = ReceiverAsk(name="his", type="message")
    made = await receivers.create(office.desk, colleague, ask)
    said = {"cluster": "web", "action": "CLUSTER_SCALE_OUT"}
    queue = str(made.channel["queue_name"])
    for who in (colleague, PEOPLE["ann"]):
        (became,) = await queues.put(office.desk, who, queue, [said])
        assert became.action is None
        assert "owner" in became.refused
    assert (await office.stored(id)).desired == 2


async def test_notify_carries_out_what_waits_and_is_the_owners(office):
    id = await a_cluster(office)
    made = await receiver(office, type="message")
    queue = made["channel"]["queue_name"]
    said = {"cluster": "web", "action": "CLUSTER_SCALE_OUT"}
    await office.desk.store.write(lambda tx: tx.messages.put(_waiting(office, queue, said)))
    where = f"/v1/receivers/{made['id']}/notify"
    assert (await office.call("POST", where, who="bob")).status_code == 404
    assert (await office.call("POST", where)).status_code == 204
    assert (await office.stored(id)).desired == 3
    assert (await office.call("POST", where)).status_code == 204
    assert (await office.stored(id)).desired == 3


def _waiting(office: Office, queue: str, body: dict[str, Any]) -> Any:
    now = office.clock.now()
    return Message(id=uuid4(), project="demo", queue=queue, body=body, created_at=now)


async def test_a_webhook_is_not_notified(office):
    await a_cluster(office)
    await receiver(office, type="webhook", cluster_id="web", action="CLUSTER_CHECK")
    answer = await office.call("POST", "/v1/receivers/door/notify")
    assert answer.status_code == 400
    assert words(answer) == "Notifying non-message receiver is not allowed."


async def test_a_deleted_receivers_messages_are_gone(office):
    made = await receiver(office, type="message")
    queue = made["channel"]["queue_name"]
    await office.desk.store.write(lambda tx: tx.messages.put(_waiting(office, queue, {"n": 1})))
    await office.call("DELETE", "/v1/receivers/door")
    left = await office.call("GET", f"/v1/queues/{queue}/messages")
    assert left.json()["messages"] == []


SMALL = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {"flavor": "tiny", "image": "demo-web", "networks": [{"network": "private"}]},
}
ASKING = {
    "type": "senlin.policy.deletion",
    "version": "1.1",
    "properties": {"hooks": {"type": "zaqar", "timeout": 300, "params": {"queue": "hooks"}}},
}


async def a_cluster_that_asks(office: Office) -> str:
    """Make a cluster of two whose nodes go only when somebody agrees; return its id."""

    async def made(noun: str, plural: str, **said: Any) -> dict[str, Any]:
        answer = await office.call("POST", f"/v1/{plural}", {noun: said})
        assert answer.status_code in (201, 202), answer.text
        found: dict[str, Any] = answer.json()[noun]
        return found

    hooks = Post(office.desk.store, office.clock)
    office.engine.ask_by(hooks)
    profile = await made("profile", "profiles", name="small", spec=SMALL)
    policy = await made("policy", "policies", name="asks", spec=ASKING)
    sizes = {"desired_capacity": 2, "min_size": 0}
    cluster = await made("cluster", "clusters", name="herd", profile_id=profile["id"], **sizes)
    await office.go_on(3)
    await act(office, {"policy_attach": {"policy_id": policy["id"]}})
    await office.go_on(2)
    return str(cluster["id"])


async def act(office: Office, said: dict[str, Any]) -> str:
    answer = await office.call("POST", "/v1/clusters/herd/actions", said)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["action"])


async def members(office: Office) -> int:
    shown = await office.call("GET", "/v1/clusters/herd")
    return len(shown.json()["cluster"]["nodes"])


async def test_a_node_goes_when_whoever_was_asked_has_agreed(office):
    await a_cluster_that_asks(office)
    shrinking = await act(office, {"scale_in": {"count": 1}})
    await office.go_on(3)
    (question,) = await claimed(office)
    assert question["body"]["lifecycle_transition_type"] == "termination"
    assert await members(office) == 2
    await act(
        office,
        {
            "complete_lifecycle": {
                "lifecycle_action_token": question["body"]["lifecycle_action_token"]
            }
        },
    )
    await office.call("DELETE", question["href"])
    await office.go_on(5)
    assert await members(office) == 1
    seen = await office.call("GET", f"/v1/actions/{shrinking}")
    assert seen.json()["action"]["status"] == "SUCCEEDED"


async def test_a_node_goes_at_last_when_nobody_answers(office):
    await a_cluster_that_asks(office)
    await act(office, {"scale_in": {"count": 1}})
    await office.go_on(3)
    assert await members(office) == 2
    office.clock.advance(300)
    await office.go_on(5)
    assert await members(office) == 1
