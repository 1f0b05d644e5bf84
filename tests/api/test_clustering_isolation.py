"""Projects do not see each other in the clustering API: every route, tried by those who may not."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from caller import Caller
from muster.api.app import CLUSTERING
from muster.base.clock import ManualClock
from muster.model.observed import Foreign
from office import Office, a_cloud, opened

CHECK: dict[str, Any] = {"check": {}}
SERVER = {"type": "os.nova.server", "version": "1.0", "properties": {"flavor": "tiny"}}
BATCH = {"type": "senlin.policy.batch", "version": "1.0", "properties": {}}

# Routes that name one thing, as ann's; a stranger is told that there is no such thing.
NAMED: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/clusters/{cluster}", None),
    ("PATCH", "/clusters/{cluster}", {"cluster": {"name": "x"}}),
    ("DELETE", "/clusters/{cluster}", None),
    ("POST", "/clusters/{cluster}/actions", CHECK),
    ("POST", "/clusters/{cluster}/ops", {"stop": {}}),
    ("GET", "/clusters/{cluster}/policies", None),
    ("GET", "/clusters/{cluster}/policies/{policy}", None),
    ("GET", "/clusters/{cluster}/attrs/name", None),
    ("PUT", "/clusters/{cluster}/metadata/{key}", {"meta": {"k": "v"}}),
    ("GET", "/clusters/{cluster}/metadata/{key}", None),
    ("DELETE", "/clusters/{cluster}/metadata/{key}", None),
    ("POST", "/clusters/{cluster}/metadata", {"metadata": {"a": "b"}}),
    ("PUT", "/clusters/{cluster}/metadata", {"metadata": {"a": "b"}}),
    ("GET", "/clusters/{cluster}/metadata", None),
    ("GET", "/nodes/{node}", None),
    ("PATCH", "/nodes/{node}", {"node": {"name": "x"}}),
    ("DELETE", "/nodes/{node}", None),
    ("POST", "/nodes/{node}/actions", CHECK),
    ("POST", "/nodes/{node}/ops", {"stop": {}}),
    ("GET", "/actions/{action}", None),
    ("PATCH", "/actions/{action}", {"action": {"status": "CANCELLED"}}),
    ("GET", "/events/{event}", None),
    ("GET", "/receivers/{receiver}", None),
    ("PATCH", "/receivers/{receiver}", {"receiver": {"name": "x"}}),
    ("DELETE", "/receivers/{receiver}", None),
    ("POST", "/receivers/{receiver}/notify", None),
    ("GET", "/profiles/{profile}", None),
    ("PATCH", "/profiles/{profile}", {"profile": {"name": "x"}}),
    ("DELETE", "/profiles/{profile}", None),
    ("GET", "/policies/{policy}", None),
    ("PATCH", "/policies/{policy}", {"policy": {"name": "x"}}),
    ("DELETE", "/policies/{policy}", None),
)
LISTS = ("clusters", "nodes", "actions", "events", "receivers", "profiles", "policies")
# What a body of a stranger names, as ann's, is not there for him either.
BODIES: tuple[tuple[str, Any], ...] = (
    ("/clusters", {"cluster": {"name": "x", "profile_id": "{profile}"}}),
    ("/nodes", {"node": {"name": "x", "profile_id": "{profile}"}}),
    (
        "/receivers",
        {
            "receiver": {
                "name": "x",
                "type": "webhook",
                "cluster_id": "{cluster}",
                "action": "CLUSTER_CHECK",
            }
        },
    ),
)
# The same for everybody, or tried where queues are tested: a queue is as its project sees it.
OTHERS = frozenset(
    {
        "/clusters/{}/attrs",
        "/build-info",
        "/services",
        "/profile-types",
        "/profile-types/{}",
        "/profile-types/{}/ops",
        "/policy-types",
        "/policy-types/{}",
        "/profiles/validate",
        "/policies/validate",
        "/nodes/adopt",
        "/nodes/adopt-preview",
        "/queues/{}/messages",
        "/queues/{}/messages/{}",
        "/queues/{}/claims",
    }
)


def shape(where: str) -> str:
    """Return a path below /v1 with every name of a thing as {}."""
    below = re.sub(r"/attrs/.*", "/attrs/{}", where.removeprefix("/v1"))
    return re.sub(r"{[^}]*}", "{}", below)


def test_every_route_is_tried_here() -> None:
    tried = {shape(where) for _, where, _ in NAMED} | {f"/{noun}" for noun in LISTS} | OTHERS
    assert {shape(path) for handler in CLUSTERING for path in handler.paths} == tried


async def things_of_ann(office: Office) -> dict[str, str]:
    """Make one of everything for ann, and return what each is called."""
    ann = Caller(office)
    profile = await ann.profile("anns-profile")
    policy = await ann.policy("batch-1.0", "anns-policy")
    cluster = await ann.cluster(profile, desired_capacity=1, metadata={"k": "v"})
    await ann.attach(cluster, policy)
    said = {"type": "webhook", "cluster_id": cluster["id"], "action": "CLUSTER_CHECK"}
    body = {"receiver": {"name": "anns-receiver", **said}}
    receiver = (await ann.ask("POST", "/receivers", body)).json()["receiver"]
    node = await ann.node(profile, name="anns-node")
    return {
        "cluster": cluster["id"],
        "node": node["id"],
        "action": (await ann.get("/actions"))["actions"][0]["id"],
        "event": (await ann.get("/events"))["events"][0]["id"],
        "receiver": receiver["id"],
        "profile": str(profile.id),
        "policy": str(policy.id),
        "key": "k",
    }


def told(said: Any, names: dict[str, str]) -> Any:
    """Return a body with the names of things in it."""
    if isinstance(said, dict):
        return {key: told(value, names) for key, value in said.items()}
    return said.format(**names) if isinstance(said, str) else said


async def test_a_stranger_is_told_that_there_is_no_such_thing(office: Office) -> None:
    names = await things_of_ann(office)
    bob = Caller(office, who="bob")
    for method, where, body in NAMED:
        for called in (names, {noun: id[:8] for noun, id in names.items()}):
            path = where.format(**called)
            status, kind, text = await bob.refusal(method, path, body)
            assert (status, kind) == (404, "ResourceNotFound"), (method, path, text)
            assert "ann" not in text
    for path, body in BODIES:
        status, kind, text = await bob.refusal("POST", path, told(body, names))
        assert (status, kind) == (400, "BadRequest"), (path, text)
        assert text.endswith("could not be found.")


async def test_a_name_of_anothers_is_free(office: Office) -> None:
    await things_of_ann(office)
    bob = Caller(office, who="bob")
    for noun in ("profiles/anns-profile", "policies/anns-policy", "clusters/c1", "nodes/anns-node"):
        assert (await bob.refusal("GET", f"/{noun}"))[0] == 404
    for noun, spec in (("profile", SERVER), ("policy", BATCH)):
        path = "/profiles" if noun == "profile" else "/policies"
        body = {noun: {"name": f"anns-{noun}", "spec": spec}}
        answer = await bob.ask("POST", path, body)
        assert answer.status_code == 201
        shown = (await bob.get(f"{path}/anns-{noun}"))[noun]
        assert (shown["project"], shown["user"]) == ("other", "bob")


async def test_a_stranger_finds_nothing_in_lists(office: Office) -> None:
    names = await things_of_ann(office)
    bob = Caller(office, who="bob")
    for noun in LISTS:
        assert await bob.get(f"/{noun}") == {noun: []}
    for noun in ("actions", "events"):
        assert await bob.get(f"/{noun}?cluster_id={names['cluster']}") == {noun: []}
    assert (await bob.refusal("GET", f"/nodes?cluster_id={names['cluster']}"))[0] == 400


async def test_a_marker_of_anothers_tells_nothing(office: Office) -> None:
    names = await things_of_ann(office)
    bob = Caller(office, who="bob")
    profile = await bob.profile("bobs")
    for noun, mine in (("profiles", str(profile.id)),):
        listed = await bob.get(f"/{noun}?marker={names['profile']}&sort=name")
        assert [each["id"] for each in listed[noun]] == [mine]


async def test_an_admin_sees_every_project_with_and_without_asking(office: Office) -> None:
    names = await things_of_ann(office)
    root = Caller(office, who="root")
    for noun in LISTS:
        for query in ("", "?global_project=True"):
            found = (await root.get(f"/{noun}{query}"))[noun]
            assert {each["project"] for each in found} == {"demo"}, noun
    for method, where, _ in NAMED:
        if method == "GET":
            answer = await root.ask("GET", where.format(**names))
            assert answer.status_code == 200, (where, answer.text)


async def test_a_reader_reads_and_changes_nothing(office: Office) -> None:
    names = await things_of_ann(office)
    rita = Caller(office, who="rita")
    for method, where, body in NAMED:
        answer = await rita.ask(method, where.format(**names), body)
        wanted = 200 if method == "GET" else 403
        assert answer.status_code == wanted, (method, where, answer.text)
    for path, body in BODIES:
        assert (await rita.refusal("POST", path, told(body, names)))[0] == 403
    for noun in LISTS:
        assert (await rita.get(f"/{noun}"))[noun]


async def test_nobody_is_answered_without_a_name(office: Office) -> None:
    names = await things_of_ann(office)
    nobody = Caller(office, who="")
    for method, where, body in NAMED:
        answer = await nobody.ask(method, where.format(**names), body)
        assert answer.status_code == 401, (method, where)
        assert set(answer.json()) == {"error"}
        assert answer.headers["www-authenticate"] == "Name"
    for noun in LISTS:
        assert (await nobody.ask("GET", f"/{noun}")).status_code == 401


class Shared:
    """Servers of an account that all projects share, some given to one of them."""

    given: ClassVar[dict[str, str]] = {"given": "demo", "database": "", "theirs": "other"}

    async def find_server(self, ref: str) -> Foreign:
        return Foreign(ref=ref, name=ref, image="x", flavor="tiny", project=self.given[ref])


@pytest.mark.parametrize("path", ["/nodes/adopt", "/nodes/adopt-preview"])
@pytest.mark.parametrize(
    ("who", "server", "status"),
    [
        ("ann", "given", 200),
        ("ann", "database", 403),
        ("ann", "theirs", 403),
        ("root", "database", 200),
    ],
)
async def test_a_server_of_others_is_taken_by_those_it_is_given_to(
    tmp_path: Path, path: str, who: str, server: str, status: int
) -> None:
    simulated = await a_cloud(tmp_path, ManualClock())
    shared = {"simulated": replace(simulated, finder=Shared())}
    async with opened(tmp_path, clouds=shared) as office:
        body = {"identity": server, "type": "os.nova.server-1.0"}
        answer = await Caller(office, who).ask("POST", path, body)
        assert answer.status_code == status, answer.text
        nodes = (await Caller(office, "root").get("/nodes?global_project=true"))["nodes"]
        assert len(nodes) == (status == 200 and path == "/nodes/adopt")
