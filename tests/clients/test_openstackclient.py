"""Every command of `openstack cluster ...` against a served Muster, unchanged."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.released import Clients, Ran
from house import until

pytestmark = [pytest.mark.slow, pytest.mark.system]

SERVER = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {"flavor": "1", "image": "cirros", "networks": [{"network": "private"}]},
}
DELETION = {
    "type": "senlin.policy.deletion",
    "version": "1.1",
    "properties": {"criteria": "OLDEST_FIRST"},
}
Show = Callable[[str], Any]


@pytest.fixture
def say(cli: Clients) -> Callable[[str], Ran]:
    """Return what runs `openstack cluster ...` and fails where that does."""

    def said(line: str) -> Ran:
        ran = cli.openstack("cluster", *shlex.split(line))
        assert not ran.code, ran.err
        return ran

    return said


@pytest.fixture
def show(say: Callable[[str], Ran]) -> Show:
    """Return the same for commands that print something, which is returned."""
    return lambda line: say(f"{line} -f json").json


@pytest.fixture
def spec(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def written(said: dict[str, Any]) -> Path:
        path = tmp_path / "spec.yaml"
        path.write_text(json.dumps(said))
        return path

    return written


@pytest.fixture
def profile(show: Show, spec: Callable[[dict[str, Any]], Path], request: Any) -> str:
    made = show(f"profile create --spec-file {spec(SERVER)} small-{request.node.name}")
    return str(made["id"])


@pytest.fixture
def cluster(show: Show, profile: str, request: Any) -> str:
    name = request.node.name
    made = show(f"create --profile {profile} --desired-capacity 2 --metadata k=v {name}")
    until(lambda: show(f"show {made['id']}")["status"] == "ACTIVE", 20, f"{name} is active")
    return str(made["id"])


@pytest.fixture
def node(show: Show, profile: str, request: Any) -> str:
    made = show(f"node create --profile {profile} --role spare n-{request.node.name}")
    until(lambda: show(f"node show {made['id']}")["status"] == "ACTIVE", 20, "the node is active")
    return str(made["id"])


def sized(show: Show, cluster: str, size: int) -> None:
    def looks() -> bool:
        seen = show(f"show {cluster}")
        return bool(seen["status"] == "ACTIVE" and seen["desired_capacity"] == size)

    until(looks, 20, f"{cluster} has {size}")
    assert len(show(f"members list --full-id {cluster}")) == size


def idle(show: Show, cluster: str) -> None:
    """Wait until nothing is under way: what comes next would be refused."""

    def ended() -> bool:
        found = show(f"action list --full-id --filters target={cluster}")
        return all(each["status"] in ("SUCCEEDED", "FAILED") for each in found)

    until(ended, 20, f"nothing is done to {cluster}")


def test_every_command_is_driven_here(sdk: Clients) -> None:
    text = Path(__file__).read_text()
    driven = set(re.findall(r'"([a-z]+(?: [a-z]+)*)', text))
    said = {each.removeprefix("cluster ") for each in sdk.commands()}
    missing = {each for each in said if not any(d.startswith(each) for d in driven)}
    assert not missing


def test_the_service_tells_about_itself(show: Show) -> None:
    assert show("build info")["api"]
    assert show("service list")[0]["state"] == "up"


def test_types_are_listed_and_shown(show: Show, say: Callable[[str], Ran]) -> None:
    assert "os.nova.server" in {each["name"] for each in show("profile type list")}
    assert "senlin.policy.scaling" in {each["name"] for each in show("policy type list")}
    assert "flavor" in say("profile type show os.nova.server-1.0").out
    assert "reboot" in say("profile type ops os.nova.server-1.0").out
    assert "adjustment" in say("policy type show senlin.policy.scaling-1.0").out


def test_a_profile_lives_and_goes(
    show: Show, say: Callable[[str], Ran], spec: Callable[[dict[str, Any]], Path]
) -> None:
    assert show(f"profile validate --spec-file {spec(SERVER)}")["type"] == "os.nova.server-1.0"
    made = show(f"profile create --spec-file {spec(SERVER)} --metadata a=b lives")
    assert show(f"profile update --name lived {made['id']}")["name"] == "lived"
    assert show("profile show lived")["id"] == made["id"]
    assert made["id"] in {each["id"] for each in show("profile list --full-id")}
    say("profile delete --force lived")
    assert "lived" not in {each["name"] for each in show("profile list")}


def test_a_policy_lives_and_goes(
    show: Show, say: Callable[[str], Ran], spec: Callable[[dict[str, Any]], Path]
) -> None:
    kind = "senlin.policy.deletion-1.1"
    assert show(f"policy validate --spec-file {spec(DELETION)}")["type"] == kind
    made = show(f"policy create --spec-file {spec(DELETION)} lives")
    show(f"policy update --name lived {made['id']}")
    assert show("policy show lived")["id"] == made["id"]
    assert made["id"] in {each["id"] for each in show("policy list --full-id")}
    say("policy delete --force lived")
    assert "lived" not in {each["name"] for each in show("policy list")}


def test_a_cluster_lives_and_goes(show: Show, say: Callable[[str], Ran], cluster: str) -> None:
    show(f"update --name lived --timeout 60 {cluster}")
    idle(show, cluster)
    assert show("show lived")["timeout"] == 60
    assert cluster in {each["id"] for each in show("list --full-id --sort name:desc")}
    say("delete --force lived")
    until(lambda: "lived" not in {e["name"] for e in show("list")}, 20, "it is gone")


def test_a_cluster_changes_its_size(show: Show, say: Callable[[str], Ran], cluster: str) -> None:
    say(f"expand --count 2 {cluster}")
    sized(show, cluster, 4)
    idle(show, cluster)
    say(f"shrink --count 1 {cluster}")
    sized(show, cluster, 3)
    idle(show, cluster)
    say(f"resize --capacity 1 --max-size 5 --wait {cluster}")
    sized(show, cluster, 1)


def test_a_cluster_is_checked_recovered_and_operated(
    show: Show, say: Callable[[str], Ran], cluster: str
) -> None:
    say(f"check {cluster}")
    idle(show, cluster)
    say(f"recover --check true {cluster}")
    idle(show, cluster)
    say(f"op --operation reboot {cluster}")
    idle(show, cluster)
    assert len(show(f"collect --path name {cluster}")) == 2


def test_a_script_is_run_on_every_node(
    say: Callable[[str], Ran], cluster: str, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("uptime")
    said = say(f"run --user ann --script {script} {cluster}").out
    assert said.count("status: SUCCEEDED (0)") == 2
    assert re.search(r"ssh -4 -p22 +ann@[0-9.]+ uptime", said), said


def test_policies_are_attached_changed_and_detached(
    show: Show, say: Callable[[str], Ran], spec: Callable[[dict[str, Any]], Path], cluster: str
) -> None:
    policy = show(f"policy create --spec-file {spec(DELETION)} at-work")["id"]
    say(f"policy attach --policy {policy} {cluster}")
    idle(show, cluster)
    say(f"policy binding update --policy {policy} --enabled false {cluster}")
    idle(show, cluster)
    assert show(f"policy binding list {cluster}")[0]["is_enabled"] is False
    assert show(f"policy binding show --policy {policy} {cluster}")["policy_name"] == "at-work"
    say(f"policy detach --policy {policy} {cluster}")
    idle(show, cluster)
    assert show(f"policy binding list {cluster}") == []


def test_nodes_join_leave_and_are_replaced(
    show: Show, say: Callable[[str], Ran], cluster: str, node: str
) -> None:
    say(f"members add --nodes {node} {cluster}")
    sized(show, cluster, 3)
    idle(show, cluster)
    say(f"members del --nodes {node} {cluster}")
    sized(show, cluster, 2)
    idle(show, cluster)
    old = show(f"members list --full-id {cluster}")[0]["id"]
    say(f"members replace --nodes {old}={node} {cluster}")
    idle(show, cluster)
    assert node in {each["id"] for each in show(f"members list --full-id {cluster}")}


def test_a_node_lives_and_goes(
    show: Show, say: Callable[[str], Ran], cli: Clients, node: str
) -> None:
    show(f"node update --name renamed --tainted true {node}")
    idle(show, node)
    assert show("node show --details renamed")["tainted"] is True
    say(f"node check {node}")
    idle(show, node)
    say(f"node recover --check true {node}")
    idle(show, node)
    # The released command is told an action, prints it, and stumbles over having nothing to list.
    op = cli.openstack("cluster", *f"node op --operation reboot --params type=SOFT {node}".split())
    assert "Request accepted by action" in op.out
    idle(show, node)
    assert node in {each["id"] for each in show("node list --full-id")}
    say(f"node delete --force {node}")
    until(lambda: node not in {e["id"] for e in show("node list --full-id")}, 20, "it is gone")


def test_a_server_is_looked_at_before_it_is_adopted(show: Show, node: str) -> None:
    server = show(f"node show {node}")["physical_id"]
    assert show(f"node adopt --preview --identity {server} --type os.nova.server-1.0")


def test_a_receiver_lives_and_goes(show: Show, say: Callable[[str], Ran], cluster: str) -> None:
    made = show(f"receiver create --cluster {cluster} --action CLUSTER_SCALE_OUT door")
    assert "alarm_url" in str(made["channel"])
    show(f"receiver update --params count=2 {made['id']}")
    assert show("receiver show door")["id"] == made["id"]
    assert made["id"] in {each["id"] for each in show("receiver list --full-id")}
    say("receiver delete --force door")
    assert "door" not in {each["name"] for each in show("receiver list")}


def test_what_was_done_is_told(show: Show, cluster: str, cli: Clients) -> None:
    [made] = [
        each
        for each in show(f"action list --full-id --filters target={cluster}")
        if each["action"] == "CLUSTER_CREATE"
    ]
    assert show(f"action show {made['id']}")["status"] == "SUCCEEDED"
    event = show(f"event list --full-id --filters cluster_id={cluster}")[0]
    assert show(f"event show {event['id']}")["cluster_id"] == cluster
    late = ["action update", "--status", "CANCELLED", made["id"]]
    assert cli.openstack("cluster", *" ".join(late).split()).code
