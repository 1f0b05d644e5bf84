"""services/iscsi: disks of other machines by iSCSI; only what differs is logged in or out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, File, Put, at_rest, run, started

INITIATOR = "/etc/iscsi/initiatorname.iscsi"
PREFIX = "iqn.2004-10.org.linuxcontainers:01"
DAEMON, AT_BOOT = "iscsid.service", "open-iscsi.service"
IQN = r"(iqn\.|eui\.|naa\.)[A-Za-z0-9.:_-]{1,219}"
HOST = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
_SESSION = re.compile(r"^\w+: \[\d+\] (\S+):(\d+),-?\d+ (\S+)", re.M)


@dataclass(frozen=True, slots=True)
class Target:
    target: str = ruled(needed=True, pattern=IQN)
    address: str = ruled(needed=True, pattern=HOST)
    port: int = ruled(3260, low=1, high=65535)

    @property
    def portal(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Iscsi:
    enabled: bool = False
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    name: str  # the initiator's own
    is_given: bool  # by somebody else, who is not overruled
    sessions: frozenset[tuple[str, str]] = frozenset()  # target, portal
    rests: bool = False


def sight(machine: Machine, config: Iscsi) -> Sight:
    """Return the initiator's name: that in its file, or one that follows from the machine's id."""
    digest = sha256(machine.line("/etc/machine-id").encode()).hexdigest()
    own = f"{PREFIX}:{digest[:12]}"
    said = re.search(r"^InitiatorName=(\S+)", machine.text(INITIATOR) or "", re.M)
    name = said[1] if said else own
    return Sight(name, name != own)


def look(machine: Machine, config: Iscsi) -> Sight:
    seen = sight(machine, config)
    told = machine.ask("iscsiadm", "-m", "session") if machine.runner.has("iscsiadm") else None
    found = _SESSION.findall(told.out) if told else []
    sessions = frozenset((target, f"{host}:{port}") for host, port, target in found)
    return Sight(seen.name, seen.is_given, sessions, machine.rests(DAEMON))


def check(config: Iscsi) -> None:
    for n, each in enumerate(config.targets):
        if each in config.targets[:n]:
            raise wrong(f"config.targets[{n}]", "is there twice")


def files(config: Iscsi, seen: Sight) -> Iterator[File]:
    if config.enabled and not seen.is_given:
        yield Put(INITIATOR, f"InitiatorName={seen.name}\n", 0o600)


def acts(old: Iscsi, new: Iscsi, seen: Sight, changed: frozenset[str]) -> Acts:
    """Sessions of targets that are in both stay; those that nobody told us of do anyway."""
    before, wanted = _targets(old), _targets(new)
    gone = [each for each in before if each not in wanted]
    come = [each for each in wanted if (each.target, each.portal) not in seen.sessions]
    first = [act for each in gone for act in _leaving(each, seen)]
    then: list[Act] = []
    if new.enabled and (seen.rests or not old.enabled):
        then += started(DAEMON, AT_BOOT)
    then += [act for each in come for act in _joining(each)]
    ours = {(each.target, each.portal) for each in before}
    if old.enabled and not new.enabled and not seen.sessions - ours:
        first += at_rest(AT_BOOT, DAEMON)
    return Acts(tuple(first), tuple(then))


def _targets(config: Iscsi) -> tuple[Target, ...]:
    return config.targets if config.enabled else ()


def _joining(each: Target) -> Iterator[Act]:
    """A record is made without asking the portal: that would make them for all it has."""
    node = ("iscsiadm", "-m", "node", "-T", each.target, "-p", each.portal)
    yield run(*node, "-o", "new", undo=(*node, "-o", "delete"))
    yield run(*node, "-o", "update", "-n", "node.startup", "-v", "automatic")
    yield run(*node, "--login", undo=(*node, "--logout"), timeout_s=60.0)


def _leaving(each: Target, seen: Sight) -> Iterator[Act]:
    node = ("iscsiadm", "-m", "node", "-T", each.target, "-p", each.portal)
    startup = (*node, "-o", "update", "-n", "node.startup", "-v")
    if (each.target, each.portal) in seen.sessions:
        yield run(*node, "--logout", undo=(*node, "--login"), timeout_s=60.0)
    yield run(*startup, "manual", undo=(*startup, "automatic"), tolerated=True)
    yield run(*node, "-o", "delete", undo=(*node, "-o", "new"), tolerated=True)


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.iscsi", machine, "iscsiadm")


def state(machine: Machine, config: Iscsi) -> Mapping[str, object]:
    return {"initiator_name": sight(machine, config).name} if config.enabled else {}


ISCSI = Noun(
    "services/iscsi",
    Iscsi,
    files,
    acts,
    check,
    when_enabled(abilities),
    sight,
    look,
    state,
    abilities,
    is_service=True,
)
