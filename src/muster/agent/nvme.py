"""services/nvme: disks of other machines by NVMe over fabrics; what stays is never let go of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, File, Put, at_rest, run, started

CLASS = "/sys/class/nvme"
HOST_NQN, HOST_ID, DISCOVERY = "/etc/nvme/hostnqn", "/etc/nvme/hostid", "/etc/nvme/discovery.conf"
MARK = "# What follows is the agent's.\n"
AT_BOOT = "nvmf-autoconnect.service"
ADDRESS = r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}|[0-9A-Fa-f:.]+"
NQN = r"nqn\.[A-Za-z0-9.:_-]{1,219}"


@dataclass(frozen=True, slots=True)
class Target:
    address: str = ruled(needed=True, pattern=ADDRESS)
    transport: str = ruled("tcp", among=("tcp", "fc"))
    port: int = ruled(0, low=0, high=65535)
    host_address: str = ruled("", pattern=ADDRESS)
    nqn: str = ruled("", pattern=NQN)

    @property
    def where(self) -> tuple[str, str, str]:
        return self.transport, self.address, self.service

    @property
    def service(self) -> str:
        """The port as the kernel shows it: of TCP one, of fibre channel none."""
        return str(self.port or 4420) if self.transport == "tcp" else ""

    @property
    def words(self) -> tuple[str, ...]:
        port = (f"--trsvcid={self.service}",) if self.service else ()
        source = (f"--host-traddr={self.host_address}",) if self.host_address else ()
        return (f"--transport={self.transport}", f"--traddr={self.address}", *port, *source)


@dataclass(frozen=True, slots=True)
class Nvme:
    enabled: bool = False
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Controller:
    name: str
    where: tuple[str, str, str]  # transport, address, port
    nqn: str
    state: str
    namespaces: tuple[str, ...]

    def serves(self, target: Target) -> bool:
        return self.where == target.where and target.nqn in ("", self.nqn)


@dataclass(frozen=True, slots=True)
class Sight:
    host_nqn: str
    host_id: str
    others: str  # what others wrote about where to discover
    is_given: bool  # the host's names, by somebody else, who is not overruled
    controllers: tuple[Controller, ...]


def sight(machine: Machine, config: Nvme) -> Sight:
    """Return the host's names: those in the files, or such that follow from the machine's id."""
    own = str(uuid5(NAMESPACE_OID, machine.line("/etc/machine-id")))
    name = f"nqn.2014-08.org.nvmexpress:uuid:{own}"
    given, said = machine.line(HOST_NQN), machine.line(HOST_ID)
    others = (machine.text(DISCOVERY) or "").partition(MARK)[0]
    is_given = given not in ("", name) or said not in ("", own)
    return Sight(given or name, said or own, others, is_given, tuple(_controllers(machine)))


def _controllers(machine: Machine) -> Iterator[Controller]:
    for name in machine.names(CLASS):
        place = f"{CLASS}/{name}"
        said = dict(re.findall(r"(\w+)=([^,]*)", machine.line(f"{place}/address")))
        where = (
            machine.line(f"{place}/transport"),
            said.get("traddr", ""),
            said.get("trsvcid", ""),
        )
        spaces = tuple(
            each for each in machine.names(place) if re.fullmatch(r"nvme[\dc]+n\d+", each)
        )
        yield Controller(
            name,
            where,
            machine.line(f"{place}/subsysnqn"),
            machine.line(f"{place}/state"),
            spaces,
        )


def check(config: Nvme) -> None:
    for n, each in enumerate(config.targets):
        if each in config.targets[:n]:
            raise wrong(f"config.targets[{n}]", "is there twice")


def files(config: Nvme, seen: Sight) -> Iterator[File]:
    if not config.enabled:
        return
    if not seen.is_given:
        yield Put(HOST_NQN, f"{seen.host_nqn}\n")
        yield Put(HOST_ID, f"{seen.host_id}\n")
    lines = [f"{' '.join(each.words)}\n" for each in config.targets if not each.nqn]
    if lines:
        yield Put(DISCOVERY, seen.others + MARK + "".join(lines))


def acts(old: Nvme, new: Nvme, seen: Sight, changed: frozenset[str]) -> Acts:
    """Only who is told of no more is let go of, and only who is not there is called."""
    before, wanted = _targets(old), _targets(new)
    gone = [each for each in before if each not in wanted]
    first: list[Act] = []
    for controller in seen.controllers:
        losing = [each for each in gone if controller.serves(each)]
        if losing and not any(controller.serves(each) for each in wanted):
            first.append(_disconnecting(controller, losing[0]))
    come = [t for t in wanted if not any(each.serves(t) for each in seen.controllers)]
    modules = sorted({f"nvme-{each.transport}" for each in come})
    then: list[Act] = [run("modprobe", each, tolerated=True) for each in modules]
    then += [_connecting(each) for each in come]
    if any(not each.nqn for each in wanted) and not any(not each.nqn for each in before):
        then += started(AT_BOOT)
    elif before and not wanted:
        first += at_rest(AT_BOOT)
    return Acts(tuple(first), tuple(then))


def _targets(config: Nvme) -> tuple[Target, ...]:
    return config.targets if config.enabled else ()


def _connecting(each: Target) -> Act:
    """One subsystem, or all that are known at this one place; never all there are."""
    undo = ("sh", "-c", _letting_go(each))
    if each.nqn:
        return run("nvme", "connect", *each.words, f"--nqn={each.nqn}", undo=undo)
    return run("nvme", "connect-all", *each.words, undo=undo)


def _letting_go(each: Target, dead_only: bool = False) -> str:
    """Return what disconnects whoever is at this place by then, by his own device."""
    port = f",trsvcid={each.service}" if each.service else ""
    act = "nvme disconnect --device=${c##*/}"
    if each.nqn:
        act = f'if test "$(cat $c/subsysnqn)" = "{each.nqn}"; then {act}; fi'
    if dead_only:
        act = f'if test "$(cat $c/state)" != live; then {act}; fi'
    here = f'case "$(cat $c/address)," in "traddr={each.address}{port},"*) {act};; esac'
    return f"for c in {CLASS}/*; do {here}; done"


def _disconnecting(controller: Controller, each: Target) -> Act:
    again = ("nvme", "connect", *each.words, f"--nqn={controller.nqn}")
    return run("nvme", "disconnect", f"--device={controller.name}", undo=again)


def reset(config: Nvme) -> Iterator[Act]:
    """Let go of what is not alive; it is called again. What is alive is in use, and stays."""
    for each in _targets(config):
        yield run("sh", "-c", _letting_go(each, dead_only=True), timeout_s=60.0)


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.nvme", machine, "nvme")


def state(machine: Machine, config: Nvme) -> Mapping[str, object]:
    seen = sight(machine, config)
    shown: dict[str, list[Controller]] = {}
    for each in seen.controllers:
        shown.setdefault(each.nqn, []).append(each)
    return {
        "host_id": seen.host_id,
        "host_nqn": seen.host_nqn,
        "subsystems": [
            {"name": f"nvme-subsys{n}", "nqn": nqn, "controllers": [_shown(c) for c in those]}
            for n, (nqn, those) in enumerate(shown.items())
        ],
    }


def _shown(each: Controller) -> Mapping[str, object]:
    transport, address, port = each.where
    return {
        "name": each.name,
        "transport": transport,
        "address": f"{address}:{port}" if port else address,
        "state": each.state,
        "namespaces": list(each.namespaces),
    }


NVME = Noun(
    "services/nvme",
    Nvme,
    files,
    acts,
    check,
    when_enabled(abilities),
    sight,
    state=state,
    abilities=abilities,
    reset=reset,
    at_start=True,
    is_service=True,
)
