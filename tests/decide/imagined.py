"""A whole world as values: a cloud with delays and failures, a balancer, a store, and time.

It takes plans as the engine would, and checks after every pass what must never be broken.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from builders import LONG_AGO, NOW, a_front, a_snapshot
from muster.base.backoff import delay
from muster.decide.converge import plan
from muster.decide.trees import OF_NODES
from muster.engine.journal import ended
from muster.engine.outcomes import asked, operated
from muster.model.action import Action, ActionStatus
from muster.model.event import Event
from muster.model.node import Node
from muster.model.observed import Probe, Record, Seen, Server
from muster.model.plan import Plan, Snapshot
from muster.model.pool import Condition, MemberSeen, MemberState, PoolSeen, PoolWanted, digest
from muster.model.step import (
    RESTING,
    WAKING,
    CreateServer,
    DeleteServer,
    Done,
    DropRecord,
    OperateServer,
    PostHook,
    PutPool,
    PutRecord,
    RemovePool,
    Step,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """How this world behaves. Shares are decided by a hash, so every run is the same."""

    boot_s: float = 0.4
    warm_s: float = 0.3  # from running to a good answer
    delete_s: float = 0.3
    fails: float = 0.0  # share of calls that fail for now
    duds: float = 0.0  # share of servers that never answer
    sessions: int = 3  # open ones when a drain begins; one ends per look
    back_s: float = 20.0  # until a host that does not answer is back
    dead_s: float = float("inf")  # of its silence, until its cloud holds it dead
    dark: bool = False  # a host that does not answer has lost its power
    seed: int = 0
    bad_profiles: frozenset[UUID] = frozenset()  # whose servers never answer


@dataclass(slots=True)
class World:
    snapshot: Snapshot
    nature: Nature = field(default_factory=Nature)
    born: dict[UUID, datetime] = field(default_factory=dict)  # server id -> asked for
    dying: dict[UUID, datetime] = field(default_factory=dict)
    lost: dict[UUID, datetime] = field(default_factory=dict)  # when their host went silent
    began: datetime = NOW  # servers born earlier are no duds
    sick: set[UUID] = field(default_factory=set)  # server ids whose application is bad
    profile_of: dict[UUID, UUID] = field(default_factory=dict)  # server id -> profile
    passes: int = 0
    calls: int = 0
    told: list[Event] = field(default_factory=list)
    ended: list[Action] = field(default_factory=list)
    gone: bool = False
    left: set[UUID] = field(default_factory=set)  # nodes that live on by themselves
    asked: list[UUID] = field(default_factory=list)  # tokens of questions to lifecycle hooks
    checks: list[Callable[[Snapshot, Plan, Snapshot], None]] = field(default_factory=list)

    @property
    def cluster(self):
        return self.snapshot.cluster

    def settle(self, most: int = 300) -> Plan:
        """Pass until nothing is to be done; fail if that takes more than `most` passes."""
        for _ in range(most):
            coming = self.comes_up()
            decided = self.step()
            if decided.gone or (decided.settled and not coming and not self.hosts_come_back()):
                return decided
        waits = plan(self.snapshot).waits[:5]
        raise AssertionError(f"not settled after {most} passes: {waits} {self.cluster.reason}")

    def hosts_come_back(self) -> bool:
        """Have hosts that do not answer come back, which is seen; return whether any was away."""
        servers = self.snapshot.servers.values()
        away = any(each.seen is Seen.UNREACHABLE for each in servers)
        if away:
            self._look(self.snapshot.now + timedelta(seconds=self.nature.back_s))
        return away

    def comes_up(self) -> bool:
        """Return whether a server is to come up yet, be it one that was given up on."""
        return any(
            each.seen is Seen.BUILDING or (each.seen is Seen.RUNNING and self._young(id))
            for id, each in self.snapshot.servers.items()
        )

    def until(self, condition: Callable[["World"], bool], most: int = 300) -> None:
        for _ in range(most):
            if condition(self):
                return
            self.step()
        raise AssertionError(f"never came true: {self.cluster.status} {self.cluster.reason}")

    def step(self) -> Plan:
        self.passes += 1
        before = self.snapshot
        decided = plan(before)
        if self.passes % 5 == 1:
            assert plan(before) == decided, "planning twice says the same"
        self._written(decided)
        for step in decided.steps:
            self._done(step)
        self._pass_time(decided)
        for check in self.checks:
            check(before, decided, self.snapshot)
        return decided

    def wish(self, **changes: object) -> None:
        """Change the cluster as the service does."""
        cluster = replace(self.cluster, generation=self.cluster.generation + 1, **changes)
        self.snapshot = replace(self.snapshot, cluster=cluster)

    def cordon(self, *hosts: str) -> None:
        """Have nothing new go to these hosts, and to no others."""
        self.snapshot = replace(self.snapshot, cordoned=frozenset(hosts))

    def change_node(self, index: int, **changes: object) -> None:
        nodes = tuple(replace(n, **changes) if n.index == index else n for n in self.snapshot.nodes)
        self.snapshot = replace(self.snapshot, nodes=nodes)

    def break_servers(self, *indexes: int, seen: Seen | None = None) -> None:
        """Have the servers of these nodes vanish, or turn to `seen`."""
        servers = dict(self.snapshot.servers)
        for node in self.snapshot.nodes:
            if node.index not in indexes or node.server_id not in servers:
                continue
            if seen is None:
                del servers[node.server_id]
            else:
                servers[node.server_id] = replace(servers[node.server_id], seen=seen)
                if seen is Seen.UNREACHABLE:
                    self.lost[node.server_id] = self.snapshot.now
        self.snapshot = replace(self.snapshot, servers=servers)

    def make_sick(self, *indexes: int) -> None:
        self.sick |= {n.server_id for n in self.snapshot.nodes if n.index in indexes}
        self._look(self.snapshot.now)

    # -- what the store does

    def _written(self, decided: Plan) -> None:
        nodes = {n.id: n for n in self.snapshot.nodes}
        nodes.update((n.id, n) for n in decided.put)
        for id in decided.drop:
            nodes.pop(id, None)
        self.ended += [each for each in decided.actions if each.ended]
        for id in (each.id for each in decided.solos):
            self._leaves(nodes.pop(id))
        self.told += decided.events
        self.gone = decided.gone
        self.snapshot = replace(
            self.snapshot,
            cluster=decided.cluster,
            nodes=tuple(sorted(nodes.values(), key=lambda n: n.index)),
        )
        begun = {each.id: each for each in self.snapshot.actions if each.verb in WISHES}
        running = [_running(each, self.snapshot.now) for each in begun.values()]
        self._acted(*running, *decided.actions)

    def _acted(self, *changed: Action) -> None:
        """Keep what is open, and the children of what is, as `gather` reads them."""
        known = {each.id: each for each in (*self.snapshot.actions, *changed)}
        kept = {each.id for each in known.values() if not each.ended}
        actions = tuple(e for e in known.values() if e.id in kept or e.parent in kept)
        self.snapshot = replace(self.snapshot, actions=actions)

    def _leaves(self, node: Node) -> None:
        assert node.cluster_id is None
        self.left.add(node.id)
        servers = {id: s for id, s in self.snapshot.servers.items() if id != node.server_id}
        self.snapshot = replace(self.snapshot, servers=servers)

    # -- what cloud, balancer and DNS do

    def _done(self, step: Step) -> None:
        self.calls += 1
        if _share(self.nature.seed, f"call/{self.calls}") < self.nature.fails:
            self._failed(step)
            return
        match step:
            case CreateServer():
                self._create(step)
            case DeleteServer():
                self._delete(step)
            case PutPool():
                self._put_pool(step.pool)
            case RemovePool():
                self.snapshot = replace(self.snapshot, pool=None)
            case PutRecord():
                owner = self.cluster.id
                record = Record(name=step.name, address=step.address, owner=owner)
                self.snapshot = replace(self.snapshot, record=record)
            case DropRecord():
                self.snapshot = replace(self.snapshot, record=None)
            case OperateServer():
                self._operate(step)
            case PostHook():
                self.asked.append(step.token)
                self._put_node(asked(self._node(step.node_id), Done(), self.snapshot.now))

    def _delete(self, step: DeleteServer) -> None:
        server = self.snapshot.servers.get(step.server_id)
        if server is not None and server.seen is Seen.UNREACHABLE:
            self._failed(step)
        else:
            self.dying.setdefault(step.server_id, self.snapshot.now)

    def _failed(self, step: Step) -> None:
        id = getattr(step, "node_id", None)
        node = next((n for n in self.snapshot.nodes if n.id == id), None)
        if node is None:
            return
        tries = node.tries + 1
        wait = delay(str(node.id), tries)
        self._put_node(replace(node, tries=tries, retry_at=self.snapshot.now + wait))

    def _node(self, id: UUID) -> Node:
        return next(each for each in self.snapshot.nodes if each.id == id)

    def _operate(self, step: OperateServer) -> None:
        """Do it, at once, and write the outcome down as the engine does."""
        now, servers = self.snapshot.now, dict(self.snapshot.servers)
        server = next(each for each in servers.values() if each.ref == step.ref)
        rests = step.operation in RESTING
        if step.operation in RESTING | WAKING:
            seen = Seen.STOPPED if rests else Seen.RUNNING
            servers[server.server_id] = replace(server, seen=seen)
            self.sick.discard(server.server_id)
        self.snapshot = replace(self.snapshot, servers=servers)
        self._put_node(operated(self._node(step.node_id), step.operation, Done(), now))
        action = next(each for each in self.snapshot.actions if each.id == step.action_id)
        after = ended(action, Done(), now)
        self.ended += [after] if after.ended else []
        self._acted(after)

    def _create(self, step: CreateServer) -> None:
        order = step.order
        servers = dict(self.snapshot.servers)
        if order.server_id not in servers:
            self.born[order.server_id] = self.snapshot.now
            servers[order.server_id] = Server(
                ref=f"r-{str(order.server_id)[:8]}",
                server_id=order.server_id,
                node_id=order.node_id,
                cluster_id=order.cluster_id,
                name=order.name,
                seen=Seen.BUILDING,
                created=self.snapshot.now,
                zone=order.zone or "somewhere",
                host=self._host(),
                address=f"10.2.{len(self.born) // 250}.{len(self.born) % 250}",
            )
        self.snapshot = replace(self.snapshot, servers=servers)
        node = next((n for n in self.snapshot.nodes if n.id == step.node_id), None)
        if node and node.server_id == order.server_id:
            self.profile_of[order.server_id] = node.profile_id
            self._put_node(replace(node, ref=servers[order.server_id].ref))

    def _host(self) -> str:
        """Return one of three hosts, in turn, that is not cordoned."""
        hosts = [each for each in ("h0", "h1", "h2") if each not in self.snapshot.cordoned]
        return hosts[len(self.born) % len(hosts)]

    def _put_pool(self, wanted: PoolWanted) -> None:
        old = self.snapshot.pool.members if self.snapshot.pool else {}
        members = {}
        for each in wanted.members:
            had = old.get(each.node_id)
            opened = had.open_requests if had else 0
            if each.state is MemberState.DRAIN and had and had.state is MemberState.SERVE:
                opened = self.nature.sessions
            members[each.node_id] = MemberSeen(
                node_id=each.node_id,
                address=each.address,
                port=each.port,
                state=each.state,
                condition=Condition.GOOD,
                open_requests=opened,
            )
        pool = PoolSeen(
            cluster_id=self.cluster.id,
            address="10.0.0.1",
            port=wanted.front.port,
            front_digest=digest(a_front(self.cluster)),
            members=members,
        )
        self.snapshot = replace(self.snapshot, pool=pool)

    def _put_node(self, node: Node) -> None:
        nodes = tuple(node if n.id == node.id else n for n in self.snapshot.nodes)
        self.snapshot = replace(self.snapshot, nodes=nodes)

    # -- what time does

    def _pass_time(self, decided: Plan) -> None:
        now = self.snapshot.now + timedelta(seconds=0.05)
        if not decided.settled and decided.look_at:
            now = max(now, decided.look_at)
        self._look(now)

    def _look(self, now: datetime) -> None:
        nature = self.nature
        boot, gone = timedelta(seconds=nature.boot_s), timedelta(seconds=nature.delete_s)
        servers = {}
        for id, server in self.snapshot.servers.items():
            if id in self.dying and now - self.dying[id] >= gone:
                continue
            if server.seen is Seen.BUILDING and now - self.born.get(id, NOW) >= boot:
                server = replace(server, seen=Seen.RUNNING)
            if server.seen is Seen.UNREACHABLE:
                server = self._away(server, now)
            servers[id] = server
        self.snapshot = replace(self.snapshot, now=now, servers=servers)
        self.snapshot = replace(self.snapshot, probes=self._probes(), pool=self._drained())

    def _away(self, server: Server, now: datetime) -> Server:
        """Return what is seen of a server whose host does not answer, or did not so far."""
        silent = (now - self.lost.setdefault(server.server_id, now)).total_seconds()
        if silent < self.nature.back_s:
            return replace(server, abandoned=silent >= self.nature.dead_s)
        del self.lost[server.server_id]
        if self.nature.dark:  # its host starts it again
            self.born[server.server_id] = now
        seen = Seen.BUILDING if self.nature.dark else Seen.RUNNING
        return replace(server, seen=seen, abandoned=False)

    def _probes(self) -> dict[UUID, Probe]:
        now, probes = self.snapshot.now, dict(self.snapshot.probes)
        for node in self.snapshot.nodes:
            server = self.snapshot.servers.get(node.server_id)
            if server is None or server.seen not in (Seen.RUNNING, Seen.UNREACHABLE):
                continue
            if self._young(server.server_id):
                continue
            unheard = server.seen is Seen.UNREACHABLE and self.nature.dark
            well = not (unheard or self._is_sick(server.server_id))
            probes[node.id] = Probe(
                node_id=node.id,
                server_id=server.server_id,
                cluster_id=self.cluster.id,
                condition=Condition.GOOD if well else Condition.BAD,
                at=now,
            )
        return probes

    def _young(self, server_id: UUID) -> bool:
        warm = timedelta(seconds=self.nature.boot_s + self.nature.warm_s)
        return self.snapshot.now - self.born.get(server_id, LONG_AGO) < warm

    def _is_sick(self, server_id: UUID) -> bool:
        if server_id in self.sick or self.profile_of.get(server_id) in self.nature.bad_profiles:
            return True
        dud = _share(self.nature.seed, f"dud/{server_id}") < self.nature.duds
        return dud and self.born.get(server_id, LONG_AGO) >= self.began

    def _drained(self) -> PoolSeen | None:
        pool = self.snapshot.pool
        if pool is None:
            return None
        seen = self.snapshot.servers
        by_node = {s.node_id: s for s in seen.values() if s.seen is Seen.RUNNING}
        members = {
            id: replace(
                each,
                open_requests=max(0, each.open_requests - 1),
                condition=Condition.GOOD
                if id in by_node and not self._is_sick(by_node[id].server_id)
                else Condition.BAD,
            )
            for id, each in pool.members.items()
        }
        return replace(pool, members=members)


WISHES = frozenset(OF_NODES)  # those about many nodes, which are taken up just once


def _running(action: Action, now: datetime) -> Action:
    ready = action.status is ActionStatus.READY
    return action.turned(ActionStatus.RUNNING, now) if ready else action


def _share(seed: int, key: str) -> float:
    digest_of = blake2b(f"{seed}/{key}".encode(), digest_size=4).digest()
    return int.from_bytes(digest_of, "big") / 2**32


def a_world(cluster, **nature) -> World:
    """Return a world with a cluster that nothing was done for yet."""
    return World(snapshot=a_snapshot(cluster), nature=Nature(**nature))
