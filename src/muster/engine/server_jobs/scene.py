"""Whom a step of a job can talk to, and how Incus is talked to over an agent."""

from asyncio import gather
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.decide.server_clusters.jobs import Came
from muster.model.cluster import Cluster
from muster.model.machine import Machine
from muster.model.node import Node
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import Entry, EntryStatus, Verb
from muster.ports.agent import Agents, Line, Order, line_of
from muster.ports.hooks import Hooks
from muster.ports.volumes import Volumes

CALL_S = 15.0
WAIT_S = 10.0  # for an operation, in one call
SOON_S = 2.0
_MISSING = 404
_MEMBERSHIP = frozenset({Verb.BOOTSTRAP, Verb.JOIN})
OVER = Came()


# Note [Whose certificate is it]
# A server that begins a cluster shows another certificate from that moment on, which nobody has
# seen before. It is read over the connection that is still open, held to the old one. Where that
# has broken, or we were stopped in between, there is no such connection: then the one that is
# shown is believed, until the cluster's is known, as with a server that registers without one.
@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One step, and everybody whom it concerns."""

    agents: Agents
    cluster: ServerCluster
    machines: Mapping[str, Machine]  # of the cluster and of the job, by name
    entry: Entry
    now: datetime
    url: str = ""  # where servers find Muster
    hooks: Hooks | None = None  # who tells hooks; None: nobody
    volumes: Volumes | None = None  # of the cloud that the cluster is; None: it keeps none
    standing: Sequence[tuple[Cluster, Node]] = ()  # nodes of clusters that are to leave its server

    @property
    def machine(self) -> Machine:
        """Return the server of the step. Raises `Permanent` for one that was forgotten."""
        if self.entry.server not in self.machines:
            raise Permanent(f"there is no server '{self.entry.server}' any more")
        return self.machines[self.entry.server]

    @property
    def line(self) -> Line:
        return line_of(self.machine)

    @property
    def job_id(self) -> UUID:
        return self.cluster.job.id if self.cluster.job else self.cluster.id

    @property
    def others(self) -> list[Machine]:
        """Return the other members, as far as the job has come."""
        job = self.cluster.job
        entries = job.entries if job else ()
        mine = [each for each in entries if each.verb in _MEMBERSHIP]
        new = {each.server for each in mine}
        joined = {each.server for each in mine if each.status is EntryStatus.DONE}
        leaving = {each.server for each in entries if each.verb is Verb.RESET}
        old = {name for name, each in self.machines.items() if each.cluster == self.cluster.name}
        there = (joined | (old - new)) - leaving - {self.entry.server}
        return [self.machines[name] for name in sorted(there) if name in self.machines]

    @property
    def mine(self) -> list[Entry]:
        """Return the steps on its server in the part of the job that this one belongs to."""
        steps = self.cluster.job.entries if self.cluster.job else ()
        here = [each for each in steps if each.server == self.entry.server]
        return [each for each in here if each.of_update is self.entry.of_update]

    @property
    def rebooting(self) -> set[str]:
        """Return the servers that this job has told to reboot, and that are not back."""
        entries = self.cluster.job.entries if self.cluster.job else ()
        begun = [each for each in entries if each.verb is Verb.REBOOT and each.open]
        return {each.server for each in begun if each.kept.get("ordered")}

    def saying(self, body: Mapping[str, Any]) -> "Scene":
        """Return the same, its step with this body."""
        return replace(self, entry=replace(self.entry, body=body))

    async def call(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Return what the server of this step says."""
        return await told(self.agents, self.line, Order(path=path, method=method, body=body))

    async def found(self, path: str) -> Mapping[str, Any] | None:
        """Return an object of the server of this step, None where there is none."""
        return await found(self.agents, self.line, path)

    async def known(self) -> Line:
        """Return how the server of this step is asked while its certificate may be changing.

        Its Incus is not asked: one that waits for other members answers nobody.
        See Note [Whose certificate is it].
        """
        try:
            await self.agents.call(self.line, Order(path="/os/1.0"))
        except Transient:
            shown = await self.agents.shown(self.line.url)
            if self.cluster.certificate or shown.strip() in self.line.certificate:
                raise
            return Line(url=self.line.url, certificate=shown)
        return self.line

    async def leader(self) -> Line:
        """Return how another member is asked that answers. Raises `Transient` where none does."""
        why = "there is no other member"
        for each in self.others:
            try:
                await self.agents.call(line_of(each), Order(path="/1.0"))
            except DriverError as error:
                why = error.text
                continue
            return line_of(each)
        raise Transient(f"no other member answers: {why}")


async def told(agents: Agents, line: Line, order: Order) -> Any:
    """Return the answer to an order; where that is an operation of Incus, once it is over.

    Raises `Permanent` with what it failed of, and `Transient` where it is not over yet.
    """
    said = await agents.call(line, within(order))
    return await ended(agents, line, said) if is_operation(said) else said


def within(order: Order) -> Order:
    return Order(path=order.path, method=order.method, body=order.body, within_s=CALL_S)


def is_operation(said: Any) -> bool:
    return isinstance(said, Mapping) and said.get("class") in ("task", "websocket")


async def ended(agents: Agents, line: Line, operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an operation brought. What `told` says of errors holds."""
    said = operation
    if not _is_over(said):
        said = await _awaited(agents, line, operation)
    if not _is_over(said):
        raise Transient(f"{said.get('description') or 'it'}: not over yet")
    if said.get("status_code") != _SUCCESS:
        raise Permanent(str(said.get("err") or said.get("status") or "it failed"))
    return as_object(said.get("metadata"))


# Note [Waited for too long]
# An Incus of whom an operation is awaited that takes longer answers with an error, as it does for
# one that has failed. So whatever is said then, the operation itself is looked at.
async def _awaited(agents: Agents, line: Line, operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an operation once it is over, or after a while. See Note [Waited for too long]."""
    path = f"/1.0/operations/{operation['id']}"
    order = Order(path=f"{path}/wait?timeout={WAIT_S:g}", within_s=WAIT_S + CALL_S)
    try:
        return as_object(await agents.call(line, order))
    except Permanent:
        there = await found(agents, line, path)
        if not there:
            raise
        return there


_SUCCESS = 200


def _is_over(said: Mapping[str, Any]) -> bool:
    code = said.get("status_code")
    return isinstance(code, int) and code >= _SUCCESS


async def found(agents: Agents, line: Line, path: str) -> Mapping[str, Any] | None:
    """Return an object that somebody has, None where there is none."""
    try:
        return as_object(await agents.call(line, Order(path=path, within_s=CALL_S)))
    except Permanent as error:
        if error.details.get("status") == _MISSING:
            return None
        raise


async def together(*calls: Awaitable[Any]) -> list[Any]:
    """Return what each brings, once all are over: what is refused is begun again by nobody before.

    Raises what the first of them failed of.
    """
    brought = await gather(*calls, return_exceptions=True)
    for each in brought:
        if isinstance(each, BaseException):
            raise each
    return brought


def as_object(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}
