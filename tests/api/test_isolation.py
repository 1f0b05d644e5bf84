"""Projects do not see each other: every route, tried by a stranger, a reader and nobody."""

from typing import Any
from uuid import UUID

import pytest
from litestar.handlers import HTTPRouteHandler

import builders
from muster.api.app import CLUSTERING, HANDLERS
from muster.model.who import Right
from office import Office

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ ann"

# Routes that name one thing, as ann's; a stranger is told that there is no such thing.
NAMED: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/v1/clusters/{name}", None),
    ("GET", "/v1/clusters/{id}", None),
    ("GET", "/v1/clusters/{name}/{id}", None),
    ("PATCH", "/v1/clusters/{name}/{id}", {"desired_size": 3}),
    ("DELETE", "/v1/clusters/{name}/{id}", None),
    ("POST", "/v1/clusters/{name}/{id}/pause", None),
    ("POST", "/v1/clusters/{name}/{id}/resume", None),
    ("POST", "/v1/clusters/{name}/{id}/rollback", None),
    ("POST", "/v1/clusters/{name}/{id}/samples", {"value": 1}),
    ("GET", "/v1/clusters/{name}/{id}/decisions", None),
    ("GET", "/v1/clusters/{name}/{id}/why", None),
    ("GET", "/v1/clusters/{name}/{id}/traffic", None),
    ("POST", "/v1/clusters/{name}/{id}/simulate", {"load": [[0, 1], [60, 2]]}),
    ("GET", "/v1/instances/{node}", None),
    ("GET", "/v1/instances/{node}/log", None),
    ("POST", "/v1/instances/{node}/snapshot", {"name": "x"}),
    ("POST", "/v1/instances/{node}/exec", {"command": ["true"]}),
    ("POST", "/v1/instances/{node}/replace", None),
    ("POST", "/v1/instances/{node}/protect", None),
    ("POST", "/v1/instances/{node}/unprotect", None),
    ("DELETE", "/v1/instances/{node}", None),
    ("GET", "/v1/actions/{action}", None),
    ("PATCH", "/v1/actions/{action}", {"action": {"status": "CANCELLED"}}),
    ("GET", "/v1/events/{event}", None),
    ("GET", "/v1/events/stream?cluster={id}", None),
    ("GET", "/v1/flavors/{flavor}", None),
    ("DELETE", "/v1/flavors/{flavor}", None),
    ("GET", "/v1/keypairs/mine", None),
    ("DELETE", "/v1/keypairs/mine", None),
    ("DELETE", "/v1/tokens/{token}", None),
    ("GET", "/v1/images/{image}", None),
    ("DELETE", "/v1/images/{image}", None),
    ("GET", "/v1/volumes/{volume}", None),
    ("POST", "/v1/volumes/{volume}/attach", {"instance": "x"}),
    ("POST", "/v1/volumes/{volume}/detach", None),
    ("POST", "/v1/volumes/{volume}/move", {"host": "z1-h1"}),
    ("POST", "/v1/volumes/{volume}/resize", {"size_gib": 9}),
    ("DELETE", "/v1/volumes/{volume}", None),
)
# Routes that list, or make; a stranger finds nothing of ann's in them.
LISTS = (
    "/v1/clusters",
    "/v1/instances",
    "/v1/actions",
    "/v1/events",
    "/v1/keypairs",
    "/v1/tokens",
    "/v1/images",
    "/v1/flavors",
    "/v1/volumes",
    "/v1/strays",
)
SHARED = frozenset(
    f"/v1/{noun}{one}" for noun in ("clusters", "actions", "events") for one in ("", "/{}")
)
OTHERS = frozenset(
    {
        "/v1/networks",
        "/v1/networks/{}",
        "/v1/clouds",
        "/v1/clouds/{}",
        "/v1/clouds/{}/operations",  # for whoever operates
        "/v1/clouds/{}/operations/{}",
        "/v1/clouds/{}/rebalance",
        "/v1/hosts",
        "/v1/whoami",
        "/metrics",
        "/v1/events/ws",
        "/v1/enrolments",  # for whoever operates: see test_enrolments.py
        "/v1/enrolments/{}",
        "/v1/enrolments/password",
        "/v2/{}/vclusters",  # these say whose project: see test_vclusters.py
        "/v2/{}/vclusters/{}",
    }
)


def shape(where: str) -> str:
    """Return a path with every name of a thing as {}."""
    parts = where.partition("?")[0].split("/")
    return "/".join("{}" if each.startswith("{") or each == "mine" else each for each in parts)


def test_every_route_is_tried_here() -> None:
    tried = {shape(where) for _, where, _ in NAMED} | set(LISTS) | OTHERS
    served = {shape(each) for handler in HANDLERS for each in handler.paths} | SHARED
    assert served == tried
    assert {shape(each) for handler in CLUSTERING for each in handler.paths} >= SHARED


async def things_of_ann(office: Office) -> dict[str, str]:
    """Make one of everything for ann, and return what each is called."""
    made = await office.made()
    id = UUID(made["stack_id"])
    node = builders.a_node(
        1, cluster_id=id, profile_id=UUID(made["revision"]), name="web-001", project="demo"
    )
    await office.put(node)
    size = {"name": "ann-size", "vcpus": 1, "memory_mib": 64}
    flavor = await office.call("POST", "/v1/flavors", size)
    assert (
        await office.call("POST", "/v1/keypairs", {"name": "mine", "public_key": KEY})
    ).status_code == 201
    token = await office.call("POST", "/v1/tokens", {"note": "ann's"})
    action = (await office.call("GET", "/v1/actions")).json()["actions"][0]
    event = (await office.call("GET", "/v1/events")).json()["events"][0]
    image = "a3c5b0d0-0000-4000-8000-000000000001"
    cloud = office.desk.clouds["simulated"]
    await cloud.images.import_image(UUID(image), "ann-image", "demo", office.scratch)
    data = {"name": "ann-data", "size_gib": 5}
    volume = await office.call("POST", "/v1/volumes", data)
    return {
        "name": "web",
        "id": made["stack_id"],
        "node": str(node.id),
        "flavor": flavor.json()["flavor"]["id"],
        "token": token.json()["token"]["id"],
        "action": action["id"],
        "event": event["id"],
        "image": image,
        "volume": volume.json()["volume"]["id"],
    }


async def test_a_stranger_is_told_that_there_is_no_such_thing(office: Office) -> None:
    names = await things_of_ann(office)
    for method, where, body in NAMED:
        answer = await office.call(method, where.format(**names), body, "bob")
        assert answer.status_code == 404, (method, where, answer.text)
        assert "ann" not in answer.text.replace("cannot", "")


async def test_a_stranger_finds_nothing_in_lists(office: Office) -> None:
    names = await things_of_ann(office)
    for where in LISTS:
        told = (await office.call("GET", where, None, "bob")).text
        for name, value in names.items():
            assert name == "name" or value not in told, (where, name)
    by_id = await office.call("GET", f"/v1/events?cluster_id={names['id']}", None, "bob")
    assert by_id.json() == {"events": []}


async def test_an_admin_sees_every_project(office: Office) -> None:
    names = await things_of_ann(office)
    for where in ("/v1/clusters", "/v1/clusters?global_project=true"):
        listed = (await office.call("GET", where, None, "root")).json()["clusters"]
        assert [each["id"] for each in listed] == [names["id"]]
    where = f"/v1/clusters/web/{names['id']}"
    assert (await office.call("PATCH", where, {"desired_size": 3}, "root")).status_code == 202
    actions = (await office.call("GET", "/v1/actions?action=CLUSTER_RESIZE")).json()["actions"]
    assert (actions[0]["project"], actions[0]["user"]) == ("demo", "root")


async def test_a_reader_reads_and_changes_nothing(office: Office) -> None:
    names = await things_of_ann(office)
    for method, where, body in NAMED:
        if where.startswith("/v1/events/stream") or "token" in where:
            continue
        if where.endswith("/simulate"):
            continue  # changes nothing
        answer = await office.call(method, where.format(**names), body, "rita")
        wanted = {200, 502} if method == "GET" else {403}  # 502: its server is made up
        assert answer.status_code in wanted, (method, where, answer.text)


async def test_nobody_is_answered_without_a_name(office: Office) -> None:
    names = await things_of_ann(office)
    for method, where, body in NAMED:
        answer = await office.call(method, where.format(**names), body, "")
        assert answer.status_code == 401, (method, where)
        assert answer.headers["www-authenticate"] == "Name"
    for where in LISTS:
        assert (await office.call("GET", where, None, "")).status_code == 401


async def test_only_who_operates_the_service_reads_metrics(office: Office) -> None:
    assert (await office.call("GET", "/metrics")).status_code == 403
    answer = await office.call("GET", "/metrics", None, "root")
    assert answer.status_code == 200
    assert "muster_http_answers_total" in answer.text


@pytest.mark.parametrize(
    "where", ["/", "/v1", "/v1/", "/versions", "/healthz", "/openapi.json", "/docs"]
)
async def test_what_the_service_says_of_itself_is_open(office: Office, where: str) -> None:
    answer = await office.call("GET", where, None, "")
    assert answer.status_code in (200, 300), answer.text
    assert answer.headers["x-openstack-request-id"].startswith("req-")


CHANGES_NOTHING = frozenset(("simulate",))
OPERATORS = frozenset(
    (
        *("add_cloud", "remove_cloud", "cancel_operation", "create_network", "delete_network"),
        *("create_string", "set_password", "delete_string", "delete_password"),
    )
)


def test_every_route_that_changes_something_can_be_planned() -> None:
    for handler in HANDLERS:
        if not isinstance(handler, HTTPRouteHandler) or handler.http_methods & {"GET", "HEAD"}:
            continue
        if handler.handler_name in CHANGES_NOTHING:
            assert handler.opt["right"] is Right.READ
            continue
        assert "plan" in handler.opt["query"], handler.handler_name
        operated = handler.handler_name in OPERATORS
        assert handler.opt.get("right") in ((Right.OPERATE,) if operated else (None, Right.READ))


async def test_version_links_lead_back_to_version_1(office: Office) -> None:
    said = (await office.call("GET", "/v1", None, "")).json()["version"]
    assert said["links"][0]["href"] == "http://127.0.0.1:8778/v1"
    assert (await office.call("GET", "/", None, "")).json() == {"versions": [said]}


async def test_an_unknown_path_is_a_fault_in_json(office: Office) -> None:
    for method in ("GET", "PUT"):
        answer = await office.call(method, "/v1/nothing/at/all/here/now")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == 404
    assert (await office.call("PUT", "/v1/clusters")).status_code == 404
