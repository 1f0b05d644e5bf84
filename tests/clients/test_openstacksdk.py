"""Every method of openstacksdk's clustering proxy against a served Muster, unchanged."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.released import Clients, Refused, clients, clouds
from house import House, until

pytestmark = [pytest.mark.slow, pytest.mark.system]

SERVER = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {"flavor": "1", "image": "cirros", "networks": [{"network": "private"}]},
}
OUT = {
    "type": "senlin.policy.scaling",
    "version": "1.0",
    "properties": {"event": "CLUSTER_SCALE_OUT", "adjustment": {"number": 2}},
}
SLOW = {"simulated_wait_time": 60}
Thing = dict[str, Any]
NOT_THE_SERVICES = {"api_version"}


@pytest.fixture(scope="module")
def profile(sdk: Clients) -> Thing:
    made: Thing = sdk.create_profile(name="small", spec=SERVER, metadata={"k": "v"})
    return made


@pytest.fixture
def cluster(sdk: Clients, profile: Thing) -> Thing:
    made: Thing = sdk.create_cluster(name="web", profile_id=profile["id"], desired_capacity=2)
    return ready(sdk, made["id"])


@pytest.fixture
def node(sdk: Clients, profile: Thing) -> Thing:
    made: Thing = sdk.create_node(name="alone", profile_id=profile["id"], role="spare")
    found: Thing = sdk.wait_for_status("node", made["id"], "ACTIVE", ["ERROR"], 0.05, 20)
    return found


def ready(sdk: Clients, id: str) -> Thing:
    found: Thing = sdk.wait_for_status("cluster", id, "ACTIVE", ["ERROR", "WARNING"], 0.05, 20)
    return found


def done(sdk: Clients, answer: Thing) -> Thing:
    """Return the action that an answer names, once it has succeeded."""
    found: Thing = sdk.wait_for_status(
        "action", answer["action"], "SUCCEEDED", ["FAILED", "CANCELLED"], 0.05, 20
    )
    return found


def gone(find: Callable[[str], Any], id: str) -> None:
    until(lambda: find(id) is None, 20, f"{id} is gone")


def test_every_method_is_driven_here(sdk: Clients) -> None:
    driven = set(re.findall(r"sdk\.(\w+)", Path(__file__).read_text()))
    missing = set(sdk.methods()) - driven - NOT_THE_SERVICES
    assert not missing


def test_the_service_tells_about_itself(sdk: Clients) -> None:
    assert sdk.get_build_info()["api"]
    assert [each["state"] for each in sdk.services()] == ["up"]


def test_types_are_listed_and_shown(sdk: Clients) -> None:
    assert {each["name"] for each in sdk.profile_types()} >= {"os.nova.server", "os.heat.stack"}
    assert "senlin.policy.scaling" in {each["name"] for each in sdk.policy_types()}
    assert sdk.get_profile_type("os.nova.server-1.0")["schema"]["flavor"]["required"]
    assert sdk.get_policy_type("senlin.policy.scaling-1.0")["schema"]
    assert "reboot" in sdk.list_profile_type_operations("os.nova.server-1.0")["operations"]


def test_a_profile_lives_and_goes(sdk: Clients) -> None:
    made = sdk.create_profile(name="lives", spec=SERVER)
    assert sdk.get_profile(made["id"])["spec"] == SERVER
    assert sdk.find_profile("lives")["id"] == made["id"]
    assert sdk.update_profile(made["id"], name="lived")["name"] == "lived"
    assert made["id"] in {each["id"] for each in sdk.profiles(type="os.nova.server-1.0", limit=1)}
    assert sdk.validate_profile(spec=SERVER)["spec"] == SERVER
    sdk.delete_profile(made["id"])
    assert sdk.find_profile("lived") is None


def test_a_policy_lives_and_goes(sdk: Clients) -> None:
    made = sdk.create_policy(name="lives", spec=OUT)
    assert sdk.get_policy(made["id"])["spec"] == OUT
    assert sdk.find_policy("lives")["id"] == made["id"]
    assert sdk.update_policy(made["id"], name="lived")["name"] == "lived"
    assert made["id"] in {each["id"] for each in sdk.policies()}
    assert sdk.validate_policy(spec=OUT)["spec"] == OUT
    sdk.delete_policy(made["id"])
    assert sdk.find_policy("lived") is None


def test_a_cluster_lives_and_goes(sdk: Clients, profile: Thing) -> None:
    made = sdk.create_cluster(name="lives", profile_id=profile["id"], max_size=5, min_size=1)
    assert made["status"] == "INIT"
    assert ready(sdk, made["id"])["desired_capacity"] == 1
    assert sdk.find_cluster("lives")["id"] == made["id"]
    assert sdk.get_cluster(made["id"])["profile_name"] == "small"
    sdk.update_cluster(made["id"], name="lived", metadata={"a": "b"})
    assert ready(sdk, made["id"])["metadata"] == {"a": "b"}
    assert made["id"] in {each["id"] for each in sdk.clusters(name="lived", sort="name:desc")}
    assert sdk.delete_cluster(made["id"])["id"] != made["id"]
    gone(sdk.find_cluster, made["id"])


def test_a_cluster_is_deleted_by_force_and_waited_for(sdk: Clients, cluster: Thing) -> None:
    sdk.delete_cluster(cluster["id"], force_delete=True)
    sdk.wait_for_delete("cluster", cluster["id"], 0.05, 20)


def test_metadata_of_a_cluster_changes_key_by_key(sdk: Clients, cluster: Thing) -> None:
    id = cluster["id"]
    sdk.set_cluster_metadata(id, tier="web", stage="test")
    assert sdk.get_cluster_metadata(id)["metadata"] == {"tier": "web", "stage": "test"}
    sdk.delete_cluster_metadata(id, ["stage"])
    assert sdk.fetch_cluster_metadata(id)["metadata"] == {"tier": "web"}


def test_a_cluster_changes_its_size(sdk: Clients, cluster: Thing) -> None:
    id = cluster["id"]
    done(sdk, sdk.scale_out_cluster(id))
    assert ready(sdk, id)["desired_capacity"] == 3
    done(sdk, sdk.scale_in_cluster(id, 2))
    assert ready(sdk, id)["desired_capacity"] == 1
    said = {"adjustment_type": "EXACT_CAPACITY", "number": 3, "max_size": 4}
    done(sdk, sdk.resize_cluster("web" if only(sdk, "web") else id, **said))
    assert ready(sdk, id)["max_size"] == 4
    assert len(list(sdk.nodes(cluster_id=id))) == 3


def only(sdk: Clients, name: str) -> bool:
    return len(list(sdk.clusters(name=name))) == 1


def test_a_cluster_is_checked_recovered_and_operated(sdk: Clients, cluster: Thing) -> None:
    id = cluster["id"]
    done(sdk, sdk.check_cluster(id))
    done(sdk, sdk.recover_cluster(id, check=True))
    done(sdk, sdk.perform_operation_on_cluster(id, "reboot", params={"type": "SOFT"}))
    assert ready(sdk, id)["status"] == "ACTIVE"
    names = {each["attr_value"] for each in sdk.collect_cluster_attrs(id, "name")}
    assert names == {each["name"] for each in sdk.nodes(cluster_id=id)}


def test_policies_are_attached_changed_and_detached(sdk: Clients, cluster: Thing) -> None:
    id, policy = cluster["id"], sdk.create_policy(name="two-more", spec=OUT)
    done(sdk, sdk.attach_policy_to_cluster(id, policy["id"], enabled=False))
    assert [each["is_enabled"] for each in sdk.cluster_policies(id)] == [False]
    done(sdk, sdk.update_cluster_policy(id, policy["id"], enabled=True))
    assert sdk.get_cluster_policy(policy["id"], id)["is_enabled"]
    done(sdk, sdk.scale_out_cluster(id))
    assert ready(sdk, id)["desired_capacity"] == 4
    done(sdk, sdk.detach_policy_from_cluster(id, policy["id"]))
    assert not list(sdk.cluster_policies(id))


def test_nodes_join_leave_and_are_replaced(sdk: Clients, cluster: Thing, node: Thing) -> None:
    id = cluster["id"]
    done(sdk, sdk.add_nodes_to_cluster(id, [node["id"]]))
    assert sdk.get_node(node["id"])["cluster_id"] == id
    done(sdk, sdk.remove_nodes_from_cluster(id, [node["id"]]))
    assert sdk.get_node(node["id"])["cluster_id"] == ""
    old = next(iter(sdk.nodes(cluster_id=id)))["id"]
    done(sdk, sdk.replace_nodes_in_cluster(id, {old: node["id"]}))
    assert node["id"] in {each["id"] for each in sdk.nodes(cluster_id=id)}


def test_a_node_lives_and_goes(sdk: Clients, node: Thing) -> None:
    id = node["id"]
    assert sdk.find_node(id)["role"] == "spare"
    assert sdk.get_node(id, details=True)["details"]
    sdk.update_node(id, name="renamed", tainted=True)
    until(lambda: sdk.get_node(id)["tainted"], 10, "the node is tainted")
    done(sdk, sdk.check_node(id))
    done(sdk, sdk.recover_node(id, check=True))
    done(sdk, sdk.perform_operation_on_node(id, "reboot", type="SOFT"))
    sdk.wait_for_status("node", id, "ACTIVE", ["ERROR"], 0.05, 20)
    sdk.delete_node(id)
    gone(sdk.find_node, id)


def test_a_server_that_others_made_is_adopted(sdk: Clients) -> None:
    said = {"identity": "somebody-elses", "type": "os.nova.server-1.0"}
    preview = sdk.adopt_node(True, **said)
    assert preview["node_profile"]["node_preview"]["properties"]
    made = sdk.adopt_node(name="adopted", **said)
    assert (made["physical_id"], made["status"]) == ("somebody-elses", "ACTIVE")
    done(sdk, sdk.check_node(made["id"]))
    assert sdk.get_node(made["id"])["status"] == "ACTIVE"


def test_a_receiver_lives_and_goes(sdk: Clients, cluster: Thing) -> None:
    said = {"cluster_id": cluster["id"], "action": "CLUSTER_SCALE_OUT"}
    made = sdk.create_receiver(name="door", type="webhook", **said)
    assert "/v1/webhooks/" in made["channel"]["alarm_url"]
    assert sdk.get_receiver(made["id"])["name"] == "door"
    assert sdk.find_receiver(made["id"])["id"] == made["id"]
    assert sdk.update_receiver(made["id"], params={"count": 2})["params"] == {"count": 2}
    assert made["id"] in {each["id"] for each in sdk.receivers()}
    sdk.delete_receiver(made["id"])
    assert sdk.find_receiver(made["id"]) is None


def test_what_was_done_is_told(sdk: Clients, cluster: Thing) -> None:
    [made] = sdk.actions(target=cluster["id"], action="CLUSTER_CREATE")
    assert sdk.get_action(made["id"])["status"] == "SUCCEEDED"
    events = list(sdk.events(cluster_id=cluster["id"], sort="timestamp"))
    assert sdk.get_event(events[0]["id"])["obj_id"] == cluster["id"]


def test_what_has_ended_is_not_cancelled(sdk: Clients, cluster: Thing) -> None:
    [made] = sdk.actions(target=cluster["id"], action="CLUSTER_CREATE")
    with pytest.raises(Refused, match="ConflictException"):
        sdk.update_action(made["id"], status="CANCELLED")


def test_what_has_not_ended_is(sdk: Clients) -> None:
    slow = {**SERVER, "properties": {**SERVER["properties"], "metadata": SLOW}}
    profile = sdk.create_profile(name="slow", spec=slow)
    made = sdk.create_cluster(name="slow", profile_id=profile["id"], desired_capacity=1)
    until(lambda: sdk.get_cluster(made["id"])["status"] == "CREATING", 20, "it is being made")
    [wish] = sdk.actions(target=made["id"], action="CLUSTER_CREATE")
    sdk.update_action(wish["id"], status="CANCELLED")
    sdk.wait_for_status("action", wish["id"], "CANCELLED", ["SUCCEEDED", "FAILED"], 0.05, 20)


@pytest.mark.parametrize("cloud", ["root", "oldest"])
def test_every_way_to_name_the_endpoint_works(
    served: House, tmp_path: Path, cloud: str, profile: Thing
) -> None:
    with clients(tmp_path, clouds(served.url), cloud) as asking:
        assert asking.get_profile(profile["id"])["name"] == "small"
        assert "os.nova.server-1.0" in {each["name"] for each in asking.profile_types()}
