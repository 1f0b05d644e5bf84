"""Everything there is in a simulated world, as the entries applied so far have made it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from heapq import heappop, heappush
from math import ceil
from typing import Any
from uuid import UUID

from muster.drivers.simulated import entries as e
from muster.drivers.simulated.builtin import BUILT_IN
from muster.drivers.simulated.disks import Disks
from muster.drivers.simulated.hosts import POWERLESS, Hosts
from muster.drivers.simulated.load import Account, Stint, Worker, account, latency, share
from muster.drivers.simulated.machine import (
    NEVER,
    Machine,
    answer,
    answered_until,
    next_turn,
    ref,
    shown,
    well_from,
)
from muster.drivers.simulated.options import Options
from muster.drivers.simulated.pools import Flow, Pool, Rush, held
from muster.model.observed import Server

Fleet = dict[str, Machine]


class State:
    """Applies entries, and answers from what they add up to. It has no clock and no dice."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.hosts = Hosts(options)
        self.machines: Fleet = {}
        self.fleets: dict[UUID, dict[UUID, Fleet]] = {}  # installation, cluster
        self.by_address: Fleet = {}
        self.images: dict[str, e.Imaged] = {image.id: image for image in BUILT_IN}
        self.disks = Disks()
        self.pools: dict[UUID, Pool] = {}
        self.records: dict[str, e.RecordPut] = {}
        self.flows: dict[UUID, Flow] = {}
        self.serial = 0
        self._makes: dict[e.Make, e.Make] = {}
        self._going: list[tuple[float, str]] = []
        self._apply: Mapping[type[e.Entry], Callable[[Any], None]] = {
            e.Created: self._created,
            e.Turned: self._turned,
            e.Going: self._goes,
            e.HostTurned: self._host_turned,
            e.Imaged: self._imaged,
            e.Unimaged: self._unimaged,
            e.VolumePut: self.disks.put,
            e.VolumeGone: lambda entry: self.disks.drop(entry.id),
            e.PoolPut: self._pool_put,
            e.PoolRemoved: self._pool_removed,
            e.RecordPut: self._record_put,
            e.RecordDropped: self._record_dropped,
            e.LoadSet: self._load_set,
            e.Held: self._held,
            e.Counted: self._counted,
            e.Numbered: self._numbered,
        }

    def apply(self, entry: e.Entry) -> None:
        happens = self._apply.get(type(entry))
        if happens:  # faults are no part of the world: the calls that meet them keep them
            happens(entry)

    def sweep(self, now: float) -> None:
        """Strike out the machines that are gone by now."""
        while self._going and self._going[0][0] <= now:
            _, name = heappop(self._going)
            machine = self.machines.get(name)
            if machine and machine.gone_at <= now:
                self._strike(name, machine)

    def view(self, machine: Machine, now: float) -> Server:
        if now >= machine.shown_until:
            host = self.condition(machine)
            dead = bool(host) and self.hosts.holds_dead(machine.shown.host, now)
            machine.shown = shown(machine, now, host, dead=dead)
            machine.shown_until = next_turn(machine, now, host)
        return machine.shown

    def answer(self, machine: Machine, now: float) -> str | None:
        """Return why the application on it does not answer well, or None if it does."""
        if now >= machine.answered_until:
            machine.answered = answer(machine, now, self.condition(machine))
            machine.answered_until = answered_until(machine, now)
        return machine.answered

    def still_until(self, pool: Pool, now: float) -> float:
        """Return until when a pool is as now if nothing happens. See Note [As it was shown]."""
        id, flow = pool.put.cluster_id, self.flows.get(pool.put.cluster_id)
        if (flow and flow.rate) or pool.held or any(one.drains for one in pool.put.members):
            return now
        until = NEVER
        for member in pool.put.members:
            machine = self.by_address.get(member.address)
            if machine and machine.shown.cluster_id != id:
                return now
            if machine:
                until = min(until, answered_until(machine, now))
        return until

    def _stir(self, cluster_id: UUID) -> None:
        """Have the cluster's pool be shown anew. See Note [As it was shown]."""
        if pool := self.pools.get(cluster_id):
            pool.shown_until = 0.0

    def fleet(self, installation: UUID, cluster_id: UUID | None) -> Iterator[Machine]:
        """Yield the machines of one cluster, or all of the installation."""
        fleets = self.fleets.get(installation, {})
        chosen = fleets.values() if cluster_id is None else [fleets.get(cluster_id, {})]
        for fleet in chosen:
            yield from fleet.values()

    def condition(self, machine: Machine) -> str:
        return self.hosts.condition.get(machine.shown.host, "")

    def workers(self, cluster_id: UUID) -> list[Worker]:
        """Return who takes the cluster's load: its pool's members, or all if it has none."""
        pool = self.pools.get(cluster_id)
        if pool:
            serving = [member.address for member in pool.put.members if not member.drains]
            found = [self.by_address[one] for one in serving if one in self.by_address]
        else:
            fleets = (fleet.get(cluster_id, {}) for fleet in self.fleets.values())
            found = [machine for fleet in fleets for machine in fleet.values()]
        starts = [(m, well_from(m, self.condition(m))) for m in found]
        return [Worker(m.shown.ref, start, m.make.vcpus) for m, start in starts if start < NEVER]

    def counts(self, cluster_id: UUID, now: float) -> Account:
        """Return all that the cluster's load has come to by now."""
        flow = self.flows.get(cluster_id)
        if not flow:
            return Account(0.0, 0.0, {})
        whole = Flow(flow.since)
        whole.add(Account(flow.requests, flow.errors, flow.tallies), flow.since)
        if flow.rate:
            whole.add(self._stint(cluster_id, flow, now), now)
        return Account(whole.requests, whole.errors, whole.tallies)

    def rush(self, cluster_id: UUID, now: float) -> "Rush":
        """Return what goes on at this moment in the cluster."""
        flow = self.flows.get(cluster_id)
        if not flow or not flow.rate:
            return Rush(now, 0.0, 0.0, frozenset())
        there = [worker for worker in self.workers(cluster_id) if worker.start <= now]
        busy = share(flow.rate, there, now, self.options.requests_per_vcpu)
        each = flow.rate / len(there) * latency(self.options.request_s, busy) if there else 0.0
        return Rush(now, busy, each, frozenset(worker.ref for worker in there))

    def flowing(self, member: e.Member, rush: "Rush") -> int:
        """Return how many requests of the load are under way on a member of a pool."""
        if member.drains:
            left = 1.0 - (rush.now - member.since) / max(self.options.drain_s, 1e-9)
            return ceil(member.open * max(left, 0.0))
        machine = self.by_address.get(member.address)
        return ceil(rush.each) if machine and machine.shown.ref in rush.serving else 0

    def _stint(self, cluster_id: UUID, flow: Flow, until: float) -> Account:
        stint = Stint(flow.rate, flow.since, until, self.options.requests_per_vcpu)
        return account(stint, self.workers(cluster_id))

    def _settle(self, cluster_id: UUID, at: float) -> None:
        """Write the load's account up to this moment, for the next entry changes who shares it."""
        self._stir(cluster_id)
        flow = self.flows.get(cluster_id)
        if flow and flow.rate and at > flow.since:
            flow.add(self._stint(cluster_id, flow, at), at)
        elif flow:
            flow.since = max(flow.since, at)

    def _cut(self, cluster_id: UUID, at: float, addresses: set[str]) -> None:
        """Count the requests that are under way at these members as failed."""
        pool = self.pools.get(cluster_id)
        if not pool:
            return
        hit = [member for member in pool.put.members if member.address in addresses]
        rush = self.rush(cluster_id, at) if hit else None
        for member in hit:
            lost = held(pool, member, at) + (self.flowing(member, rush) if rush else 0)
            if lost:
                self.flows.setdefault(cluster_id, Flow(at)).errors += lost
            pool.held = [held for held in pool.held if held.node_id != member.node_id]

    def _created(self, entry: e.Created) -> None:
        make = self._makes.setdefault(entry.make, entry.make)
        name = entry.ref or ref(entry.server_id)
        if name in self.machines:  # its forerunner of the same id is gone
            self._strike(name, self.machines[name])
        if entry.cluster_id in self.flows and entry.cluster_id not in self.pools:
            self._settle(entry.cluster_id, entry.at)
        machine = Machine(entry, make, name, self.hosts.zone(entry.host))
        self.serial = max(self.serial, entry.serial)
        self.machines[name] = self.by_address[machine.shown.address] = machine
        fleets = self.fleets.setdefault(entry.installation, {})
        fleets.setdefault(entry.cluster_id, {})[name] = machine
        self.hosts.settle(entry.cluster_id, entry.host, 1, make.group)
        if machine.gone_at < NEVER:
            heappush(self._going, (machine.gone_at, name))

    def _strike(self, name: str, machine: Machine) -> None:
        server = machine.shown
        del self.machines[name]
        self._stir(server.cluster_id)
        self.disks.let_go(name)
        self.by_address.pop(server.address, None)
        fleets = self.fleets[machine.installation]
        del fleets[server.cluster_id][name]
        if not fleets[server.cluster_id]:
            del fleets[server.cluster_id]
        self.hosts.settle(server.cluster_id, server.host, -1, machine.make.group)
        if server.cluster_id in self.flows:
            self.flows[server.cluster_id].tallies.pop(name, None)

    # Note [Clocks of two]
    # Each process strikes out by its own clock, so one may have forgotten a machine that
    # another still turns. What is told of a machine that is gone changes nothing.
    def _turned(self, entry: e.Turned) -> None:
        """See Note [Clocks of two]."""
        machine = self.machines.get(entry.ref)
        if not machine:
            return
        self._disturb(machine, entry.at)
        machine.runs_at, machine.answers_at = entry.runs_at, entry.answers_at
        machine.power, machine.broken, machine.sick = entry.power, entry.broken, entry.sick
        if entry.host and entry.host != machine.shown.host:
            self._move(machine, entry.host)

    def _move(self, machine: Machine, host: str) -> None:
        server, group = machine.shown, machine.make.group
        self.hosts.settle(server.cluster_id, server.host, -1, group)
        self.hosts.settle(server.cluster_id, host, 1, group)
        machine.shown = replace(server, host=host, zone=self.hosts.zone(host))

    def _disturb(self, machine: Machine, at: float) -> None:
        server = machine.shown
        if server.cluster_id in self.flows or server.cluster_id in self.pools:
            self._settle(server.cluster_id, at)
            self._cut(server.cluster_id, at, {server.address})
        machine.shown_until = machine.answered_until = 0.0

    def _goes(self, entry: e.Going) -> None:
        machine = self.machines.get(entry.ref)
        if not machine:
            return
        self._disturb(machine, entry.at)
        machine.gone_at = entry.gone_at
        if entry.gone_at <= entry.at:
            self._strike(entry.ref, machine)
        else:
            heappush(self._going, (entry.gone_at, entry.ref))

    def _host_turned(self, entry: e.HostTurned) -> None:
        machines = [m for m in self.machines.values() if m.shown.host == entry.host]
        for machine in machines:
            self._disturb(machine, entry.at)
        had_power = self.hosts.condition.get(entry.host) != POWERLESS
        self.hosts.turn(entry.host, entry.condition, entry.at)
        if not (had_power or entry.condition):  # it starts again what ran
            for machine in machines:
                boot = max(machine.answers_at - machine.runs_at, 0.0)
                machine.runs_at = max(machine.runs_at, entry.at + self.options.create_s)
                machine.answers_at = machine.runs_at + boot
        if entry.condition == "dark":
            for machine in machines:
                machine.broken = "its host lost power"

    def _imaged(self, entry: e.Imaged) -> None:
        self.images[entry.id] = entry

    def _unimaged(self, entry: e.Unimaged) -> None:
        self.images.pop(entry.id, None)

    def _pool_put(self, entry: e.PoolPut) -> None:
        self._settle(entry.cluster_id, entry.at)
        pool = self.pools.get(entry.cluster_id)
        if pool:
            stay = {member.address for member in entry.members}
            leave = {member.address for member in pool.put.members} - stay
            self._cut(entry.cluster_id, entry.at, leave)
            pool.put = entry
        else:
            self.pools[entry.cluster_id] = Pool(entry)

    def _pool_removed(self, entry: e.PoolRemoved) -> None:
        self._settle(entry.cluster_id, entry.at)
        pool = self.pools.get(entry.cluster_id)
        if pool:
            self._cut(entry.cluster_id, entry.at, {m.address for m in pool.put.members})
            del self.pools[entry.cluster_id]

    def _record_put(self, entry: e.RecordPut) -> None:
        self.records[entry.name] = entry

    def _record_dropped(self, entry: e.RecordDropped) -> None:
        self.records.pop(entry.name, None)

    def _load_set(self, entry: e.LoadSet) -> None:
        self._settle(entry.cluster_id, entry.at)
        self.flows.setdefault(entry.cluster_id, Flow(entry.at)).rate = entry.rate

    def _held(self, entry: e.Held) -> None:
        self._stir(entry.cluster_id)
        self.pools[entry.cluster_id].held.append(entry)

    def _counted(self, entry: e.Counted) -> None:
        self._stir(entry.cluster_id)
        flow = self.flows.setdefault(entry.cluster_id, Flow(entry.at))
        flow.since, flow.requests, flow.errors = entry.at, entry.requests, entry.errors
        flow.tallies = entry.tallies

    def _numbered(self, entry: e.Numbered) -> None:
        self.serial = max(self.serial, entry.serial)


def snapshot(state: State, now: float) -> Iterator[e.Entry]:
    """Yield the entries that make a state like this one from nothing."""
    yield e.Numbered(now, state.serial)
    for host, condition in state.hosts.condition.items():
        if condition:  # before the machines: what a power cut broke is written with each
            yield e.HostTurned(state.hosts.since[host], host, condition)
    for machine in state.machines.values():
        server = machine.shown
        yield e.Created(
            at=now,
            installation=machine.installation,
            server_id=server.server_id,
            node_id=server.node_id,
            cluster_id=server.cluster_id,
            name=server.name,
            project=server.project,
            serial=machine.serial,
            host=server.host,
            make=machine.make,
            runs_at=machine.runs_at,
            answers_at=machine.answers_at,
            gone_at=0.0 if machine.gone_at == NEVER else machine.gone_at,
            power=machine.power,
            broken=machine.broken,
            sick=machine.sick,
            made_at=machine.made_at,
            ref="" if server.ref == ref(server.server_id) else server.ref,
        )
    yield from (image for image in state.images.values() if image.at)  # not the built-in ones
    yield from state.disks.all()
    yield from state.records.values()
    for pool in state.pools.values():
        yield pool.put
        yield from (held for held in pool.held if held.until > now)
    for cluster_id, flow in state.flows.items():
        yield e.Counted(flow.since, cluster_id, flow.requests, flow.errors, flow.tallies)
        yield e.LoadSet(flow.since, cluster_id, flow.rate)
