"""A simulated world: its state, its clock, what it is told to suffer, and its memory if any."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Protocol
from uuid import UUID

import msgspec

from muster.base.clock import Clock
from muster.base.errors import Invalid, Permanent
from muster.drivers.simulated import entries as e
from muster.drivers.simulated.faults import ERRORS, Faults, error
from muster.drivers.simulated.hosts import CUT_OFF, MUTE, POWERLESS
from muster.drivers.simulated.machine import Machine
from muster.drivers.simulated.options import Options
from muster.drivers.simulated.state import State, snapshot


class Memory(Protocol):
    """Where entries are kept so that other processes, and later ones, see the same world."""

    def lock(self) -> None: ...

    def unlock(self) -> None: ...

    def news(self) -> tuple[bool, list[e.Happening]]:
        """Return what was appended since the last time; True if it starts from nothing."""
        ...

    def append(self, entry: e.Entry) -> None: ...

    def compact(self, entries: Callable[[], Iterator[e.Entry]]) -> None:
        """Write the world anew from these if the memory has grown well beyond them."""
        ...


Tap = Callable[[str, str, bool], None]  # call, what it is about, whether the world has obeyed


class World:
    """One world; any number of clouds may look into it.

    `calls` counts what was asked of it. `tap`, if set, is told of every call before and
    after, and may raise what it likes: that is how a test cuts the power in between.
    """

    def __init__(self, clock: Clock, options: Options, memory: Memory | None = None) -> None:
        self.clock = clock
        self.options = options
        self.calls: Counter[str] = Counter()
        self.tap: Tap | None = None
        self._memory = memory
        self.state = State(options)
        self._faults = Faults()
        self._own_faults()

    def call(self, name: str, about: str = "") -> "Call":
        """Return the frame of one call: it counts, and it fails if that was asked for."""
        return Call(self, name, about)

    def look(self) -> float:
        """Bring the state up to date and return the moment."""
        if self._memory:
            self._catch_up(self._memory)
        now = self.clock.now().timestamp()
        self.state.sweep(now)
        return now

    def still(self) -> AbstractContextManager[float]:
        """Hold the world still for a change: what is read inside is true until it ends."""
        return self._held(self._memory) if self._memory else nullcontext(self.look())

    @contextmanager
    def _held(self, memory: Memory) -> Iterator[float]:
        memory.lock()
        try:
            yield self.look()
            memory.compact(self._written_whole)
        finally:
            memory.unlock()

    def write(self, entry: e.Entry) -> None:
        """Make it so; only while the world is held still."""
        if self._memory:
            self._memory.append(entry)
        self._take_in(entry)

    def meet(self, name: str, about: str) -> e.FaultSet | None:
        """Return the fault that this call meets, struck off if it was the last time."""
        if self._memory:
            self._catch_up(self._memory)
        fault = self._faults.meet(name, about) if self._faults else None
        if fault and fault.times:
            with self.still() as now:
                self.write(e.FaultFired(now, name, fault.match))
        return fault

    def fail(
        self,
        call: str,
        error: str = "transient",
        *,
        times: int = 0,
        every: int = 1,
        match: str = "",
    ) -> None:
        """Have a call fail: so many times (0: until `lift`), every so many, or if it is about that.

        The error is `transient`, `permanent`, or `lost`: the world obeys, the answer is not heard.
        """
        if error not in ERRORS or every < 1 or times < 0:
            raise Invalid(f"no fault is {error!r}, every {every}, {times} times", field="faults")
        with self.still() as now:
            self.write(e.FaultSet(now, call, error, times, every, match))

    def lift(self, call: str = "") -> None:
        """Have a call succeed again, or every call."""
        with self.still() as now:
            self.write(e.FaultLifted(now, call))

    def break_server(self, ref: str, reason: str = "it crashed") -> None:
        with self.still() as now:
            self.write(turned(self._known(ref), now, broken=reason))

    def make_sick(self, ref: str, reason: str = "it is unwell") -> None:
        """Have the application answer badly while its machine runs on."""
        with self.still() as now:
            self.write(turned(self._known(ref), now, sick=reason))

    def heal(self, ref: str) -> None:
        with self.still() as now:
            self.write(turned(self._known(ref), now, broken="", sick=""))

    def power_cut(self, host: str) -> None:
        """Break every machine on a host, which takes no new ones until `power_back`."""
        self._turn_host(host, "dark")

    def cut_off(self, host: str) -> None:
        """Have a host and its machines not answer until `power_back`; they run on unseen."""
        self._turn_host(host, CUT_OFF)

    def lose(self, host: str) -> None:
        """Take a host's power until `power_back`, which starts its machines again."""
        self._turn_host(host, POWERLESS)

    def silence(self, host: str) -> None:
        """Have nothing be told of a host's machines until `power_back`; they answer as before."""
        self._turn_host(host, MUTE)

    def power_back(self, host: str) -> None:
        """Put a host in order again; what a power cut broke stays broken."""
        self._turn_host(host, "")

    def set_load(self, cluster_id: UUID, requests_per_s: float) -> None:
        """From now on so many requests a second come in, shared by who answers well."""
        with self.still() as now:
            self.write(e.LoadSet(now, cluster_id, requests_per_s))

    def hold(self, cluster_id: UUID, node_id: UUID, count: int, for_s: float) -> None:
        """Have clients keep requests open on a member of the cluster's pool for a while."""
        with self.still() as now:
            if cluster_id not in self.state.pools:
                raise Permanent("there is no such pool", cluster=cluster_id)
            self.write(e.Held(now, cluster_id, node_id, count, now + for_s))

    def take_name(self, name: str, address: str) -> None:
        """Have somebody else, not of any installation, publish a name."""
        nobody = UUID(int=0)
        with self.still() as now:
            self.write(e.RecordPut(now, nobody, name, address, nobody))

    def _turn_host(self, host: str, condition: str) -> None:
        if host not in self.state.hosts.zones:
            raise Permanent(f"there is no host {host}", host=host)
        with self.still() as now:
            self.write(e.HostTurned(now, host, condition))

    def _known(self, ref: str) -> Machine:
        machine = self.state.machines.get(ref)
        if not machine:
            raise Permanent(f"there is no server {ref}", ref=ref)
        return machine

    def _catch_up(self, memory: Memory) -> None:
        anew, news = memory.news()
        if anew:
            self.state = State(self.options)
            self._faults = Faults()
            self._own_faults()
        for entry in news:
            self._take_in(entry)

    def _take_in(self, entry: e.Entry) -> None:
        match entry:
            case e.FaultSet():
                self._faults.put(entry)
            case e.FaultLifted():
                self._faults.lift(entry.call)
            case e.FaultFired():
                self._faults.fire(entry.call, entry.match)
            case _:
                self.state.apply(entry)

    def _own_faults(self) -> None:
        for call, said in self.options.faults.items():
            try:
                fault = msgspec.convert({"at": 0.0, "call": call, **said}, OptionFault)
            except (msgspec.ValidationError, TypeError) as wrong:
                raise Invalid(f"faults: {call}: {wrong}", field="faults") from None
            if fault.error not in ERRORS or fault.every < 1:
                raise Invalid(f"faults: {call}: no such error or step", field="faults")
            self._faults.put(e.FaultSet(**msgspec.structs.asdict(fault)))

    def _written_whole(self) -> Iterator[e.Entry]:
        now = self.clock.now().timestamp()
        yield from snapshot(self.state, now)
        for fault, fired in self._faults.all():
            if fault.at:  # the others are in the options
                left = fault.times - fired if fault.times else 0
                yield msgspec.structs.replace(fault, times=left)


class OptionFault(msgspec.Struct, forbid_unknown_fields=True):
    """A fault as the settings spell it."""

    at: float
    call: str
    error: str = "transient"
    times: int = 0
    every: int = 1
    match: str = ""


class Call:
    """The frame of one call into the world."""

    __slots__ = ("_about", "_fault", "_name", "_world")

    def __init__(self, world: World, name: str, about: str) -> None:
        self._world = world
        self._name = name
        self._about = about
        self._fault: e.FaultSet | None = None

    def __enter__(self) -> None:
        world = self._world
        world.calls[self._name] += 1
        if world.tap:
            world.tap(self._name, self._about, False)
        self._fault = world.meet(self._name, self._about)
        if self._fault and self._fault.error != "lost":
            raise error(self._fault)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        what: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if kind:
            return
        if self._world.tap:
            self._world.tap(self._name, self._about, True)
        if self._fault:
            raise error(self._fault)


def turned(machine: Machine, now: float, **but: Any) -> e.Turned:
    """Return what has to be written for a machine to be as it is, but for these."""
    as_it_is = e.Turned(
        now,
        machine.shown.ref,
        machine.runs_at,
        machine.answers_at,
        machine.power,
        machine.broken,
        machine.sick,
    )
    return msgspec.structs.replace(as_it_is, **but)
