"""One request about one cluster or node, inside the transaction that decides it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from muster.base.errors import Bug
from muster.decide.joins import solo
from muster.decide.policies import attached
from muster.model.action import Action
from muster.model.catalog import Network
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.policy_type import Attached
from muster.model.pool import digest
from muster.model.profile import Profile
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.identity import CLUSTER, NODE, find
from muster.service.wish import Tended, Wish, grown, record, record_node

T = TypeVar("T")
Answers = Mapping[str, Any]  # clouds', by question. See Note [Asked in between]
NETWORKS = "networks"


class _Place(msgspec.Struct, frozen=True):
    """As much of a node as counting needs."""

    id: UUID
    leaving: msgspec.Raw = msgspec.Raw(b"null")
    standby: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A request about a cluster: who asks, when, and what is there."""

    tx: Transaction
    desk: Desk
    who: Who
    now: datetime
    cluster: Cluster
    name: str = ""  # what the action is called; "": by what it does
    said: str = ""  # how the caller named the cluster
    answers: Answers = field(default_factory=dict)

    def front_refusal(self, after: Cluster) -> str | None:
        """Return what the balancer has against the front of `after`, if that is another one.

        Raises `Unasked` where it was not asked so far. See Note [Asked in between].
        """
        front = after.front
        if front is None or front == self.cluster.front:
            return None

        async def ask(cloud: Cloud) -> str | None:
            return await cloud.balancer.refusal(front) if cloud.balancer else None

        refusal: str | None = self._answered(digest(front), ask)
        return refusal

    @property
    def networks(self) -> Sequence[Network]:
        """The networks of the cluster's cloud. Raises `Unasked` like `front_refusal`."""
        listed: Sequence[Network] = self._answered(
            NETWORKS, lambda cloud: cloud.networks.list_networks()
        )
        return listed

    def _answered(self, key: str, ask: Callable[[Cloud], Awaitable[Any]]) -> Any:
        if key not in self.answers:
            raise Unasked(key, self.cluster.cloud, ask)
        return self.answers[key]

    def record(self, wish: Wish, after: Cluster | None = None) -> Action:
        """Write the wish, with the cluster as it is `after`; its generation is raised here."""
        cluster = after or self.cluster
        changed = cluster if wish.failed else grown(cluster, self.now)
        named = replace(wish, name=self.name or wish.name)
        action = record(self.tx, self.who, changed, named, self.now).action
        assert action
        return action

    @property
    def size(self) -> int:
        """How many nodes the cluster has that are not on their way out."""
        mine = Query(where={"cluster_id": (self.cluster.id,)})
        found = self.tx.nodes.find_as(mine, _Place)
        return sum(not each.standby and bytes(each.leaving) == b"null" for each in found)

    @property
    def members(self) -> list[Node]:
        where = {"cluster_id": (self.cluster.id,)}
        return self.tx.nodes.find(Query(where=where, sort=(("index", False),)))

    @property
    def profile(self) -> Profile | None:
        return self.tx.profiles.get(self.cluster.profile_id)

    @property
    def profile_type(self) -> str:
        return self.profile.type if self.profile else ""

    def attached(self) -> list[Attached]:
        """Return the cluster's policies, enabled or not, in the order they are asked."""
        where = {"cluster_id": (self.cluster.id,)}
        found = self.tx.bindings.find(Query(where=where, sort=(("priority", False),)))
        ids = tuple(each.policy_id for each in found)
        named = self.tx.policies.find(Query(where={"id": ids})) if ids else []
        policies = {each.id: each for each in named}
        bound = [(each, policies[each.policy_id]) for each in found if each.policy_id in policies]
        return attached(self.desk.policy_types, bound)


# Note [Asked in between]
# Whether a front can be had only its balancer knows, and which networks there are only the
# cloud; they are asked over a wire, and a transaction waits for nobody. So one that needs
# the answer gives up without having written anything, the cloud is asked, and the request
# is decided from the beginning.
class Unasked(Bug):
    """A cloud has to be asked first. See Note [Asked in between]."""

    code = "bug.unasked"

    def __init__(self, key: str, cloud: str, ask: Callable[[Cloud], Awaitable[Any]]) -> None:
        super().__init__(f"{cloud} was not asked: {key}")
        self.key, self.cloud, self.ask = key, cloud, ask


async def decided(desk: Desk, decide: Callable[[Transaction, Answers], T]) -> T:
    """Decide in one transaction, with whatever clouds have to be asked asked before."""
    answers: dict[str, Any] = {}
    while True:
        try:
            return await desk.store.write(lambda tx: decide(tx, answers))
        except Unasked as question:
            answers[question.key] = await question.ask(desk.cloud(question.cloud))


async def on_cluster(desk: Desk, who: Who, said: str, work: Callable[[Case], T]) -> T:
    """Decide a request about the cluster that is meant, in one transaction."""

    def decide(tx: Transaction, answers: Answers) -> T:
        cluster = find(tx, who, CLUSTER, said)
        now = desk.clock.now()
        return work(Case(tx, desk, who, now, cluster, said=said, answers=answers))

    return await decided(desk, decide)


@dataclass(frozen=True, slots=True)
class NodeCase:
    """A request about a node."""

    tx: Transaction
    desk: Desk
    who: Who
    now: datetime
    tended: Tended

    @property
    def node(self) -> Node:
        return self.tended.node

    @property
    def keeper(self) -> Cluster:
        return self.tended.keeper

    @property
    def profile_type(self) -> str:
        profile = self.tx.profiles.get(self.node.profile_id)
        return profile.type if profile else ""

    def record(self, wish: Wish, node: Node | None = None, keeper: Cluster | None = None) -> Action:
        """Write the wish, with node and keeper as they are after it."""
        after = keeper or self.keeper
        tended = Tended(
            node=node or self.node, keeper=after if wish.failed else grown(after, self.now)
        )
        return record_node(self.tx, self.who, tended, wish, self.now)


async def on_node(desk: Desk, who: Who, said: str, work: Callable[[NodeCase], T]) -> T:
    """Decide a request about the node that is meant, in one transaction."""

    def decide(tx: Transaction) -> T:
        node = find(tx, who, NODE, said)
        return work(node_case(tx, desk, who, node))

    return await desk.store.write(decide)


def node_case(tx: Transaction, desk: Desk, who: Who, node: Node) -> NodeCase:
    now = desk.clock.now()
    return NodeCase(tx, desk, who, now, Tended(node=node, keeper=keeper_of(tx, desk, node)))


def keeper_of(tx: Transaction, desk: Desk, node: Node) -> Cluster:
    """Return who looks after the node: its cluster, its own one, or one that is yet to be.

    A node that no cluster took in has none of its own before something is to be done with it.
    """
    kept = tx.clusters.get(node.cluster_id) if node.cluster_id else tx.solos.get(node.id)
    if kept is not None:
        return kept
    profile = tx.profiles.get(node.profile_id)
    cloud = (profile.cloud if profile else "") or desk.default_cloud
    return solo(node, cloud, desk.clock.now())
