"""Whatever is asked of clusters and nodes, in whatever order: what never happens."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from caller import Caller
from muster.ports.store import Query
from office import opened
from patience import examples

ALL = Query()
Request = tuple[str, str, Any]


@dataclass(frozen=True)
class Moment:
    """What there is when something is asked, and a number that picks from it."""

    path: str
    member: str | None
    alone: str | None
    pick: int
    name: str

    def act(self, **said: Any) -> Request:
        return "POST", f"{self.path}/actions", said

    def node(self, **inside: str) -> Request:
        return "POST", "/nodes", {"node": {"name": self.name, "profile_id": "p1", **inside}}

    def leave(self, *, destroy: bool) -> Request | None:
        said = {"nodes": [self.member], "destroy_after_deletion": destroy}
        return self.act(del_nodes=said) if self.member else None

    def replace(self) -> Request | None:
        if not (self.member and self.alone):
            return None
        return self.act(replace_nodes={"nodes": {self.member: self.alone}})

    def change(self, **said: str) -> Request:
        return "PATCH", self.path, {"cluster": said}

    def resize(self) -> Request:
        said = {"adjustment_type": "EXACT_CAPACITY", "number": self.pick % 5, "strict": False}
        return self.act(resize=said)

    def on_node(self, method: str, end: str, said: Any = None) -> Request | None:
        one = self.member if self.pick % 2 else self.alone
        return (method, f"/nodes/{one}{end}", said) if one else None


ASKS: Mapping[str, Callable[[Moment], Request | None]] = {
    "scale_out": lambda m: m.act(scale_out={"count": 1 + m.pick % 3}),
    "scale_in": lambda m: m.act(scale_in={"count": 1 + m.pick % 3}),
    "resize": lambda m: m.resize(),
    "check": lambda m: m.act(check={}),
    "recover": lambda m: m.act(recover={}),
    "node": lambda m: m.node(),
    "grow": lambda m: m.node(cluster_id=m.path.rpartition("/")[2]),
    "rename": lambda m: m.change(name=m.name),
    "profile": lambda m: m.change(profile_id="p2" if m.pick % 2 else "p1"),
    "join": lambda m: m.act(add_nodes={"nodes": [m.alone]}) if m.alone else None,
    "leave": lambda m: m.leave(destroy=False),
    "destroy": lambda m: m.leave(destroy=True),
    "replace": lambda m: m.replace(),
    "drop": lambda m: m.on_node("DELETE", "?force=true"),
    "mend": lambda m: m.on_node("POST", "/actions", {"recover": {}}),
    "reboot": lambda m: m.on_node("POST", "/ops", {"reboot": {}}),
    "renew": lambda m: m.on_node("PATCH", "", {"node": {"profile_id": "p2"}}),
}
step = st.tuples(st.sampled_from(sorted(ASKS)), st.integers(0, 7), st.booleans())


@settings(max_examples=examples(25), deadline=None, print_blob=True)
@given(steps=st.lists(step, min_size=1, max_size=12))
def test_no_order_of_requests_breaks_a_cluster(steps: list[tuple[str, int, bool]]) -> None:
    """No 5xx, no index twice, no server lost or made twice, no action that never ends."""
    asyncio.run(_played(steps))


async def _played(steps: list[tuple[str, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with opened(Path(home)) as office:
            ann = Caller(office)
            cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
            await ann.profile("p2", shape="new")
            indexes: set[tuple[str, int]] = set()
            for number, (word, pick, settle) in enumerate(steps):
                request = ASKS[word](await _moment(ann, cluster, pick, f"n{number}"))
                if request is None:
                    continue
                answer = await ann.ask(*request)
                assert answer.status_code in (202, 400, 409), (request, answer.text)
                if settle:
                    await office.go_on()
                indexes |= await _checked_indexes(ann, indexes)
            await office.go_on(20)
            await _nothing_is_left_over(ann, cluster)


async def _moment(ann: Caller, cluster: dict[str, Any], pick: int, name: str) -> Moment:
    nodes = (await ann.get("/nodes?sort=index"))["nodes"]
    members = [each["id"] for each in nodes if each["cluster_id"]]
    alone = [each["id"] for each in nodes if not each["cluster_id"]]
    return Moment(
        path=f"/clusters/{cluster['id']}",
        member=members[pick % len(members)] if members else None,
        alone=alone[pick % len(alone)] if alone else None,
        pick=pick,
        name=name,
    )


async def _checked_indexes(ann: Caller, before: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Return who has which index; no two have one, and none is given to another later."""
    nodes = (await ann.get("/nodes"))["nodes"]
    now = {(each["id"], each["index"]) for each in nodes if each["cluster_id"]}
    given = Counter(index for _, index in now | before)
    taken = {index: id for id, index in before}
    assert all(index > 0 for _, index in now)
    assert all(taken.get(index, id) == id for id, index in now), (before, now)
    assert max(given.values(), default=1) == 1
    return now


async def _nothing_is_left_over(ann: Caller, cluster: dict[str, Any]) -> None:
    store, desk = ann.office.desk.store, ann.office.desk
    again = await ann.again(cluster)
    assert len(again["nodes"]) == again["desired_capacity"]
    actions = await store.read(lambda tx: tx.actions.find(ALL))
    assert [(a.name, a.status, a.reason) for a in actions if not a.ended] == []
    nodes = await store.read(lambda tx: tx.nodes.find(ALL))
    servers = await desk.cloud("simulated").compute.list_servers()
    assert {each.server_id for each in servers} == {each.server_id for each in nodes}
    solos = await store.read(lambda tx: tx.solos.find(ALL))
    assert {each.id for each in solos} == {each.id for each in nodes if each.cluster_id is None}
