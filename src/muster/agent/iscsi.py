"""services/iscsi: disks of other machines by iSCSI; only what differs is logged in or out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from muster.agent.machine import HOME, Machine
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
    chap_user: str = ruled("", pattern=r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,254}")
    chap_password: str = ruled("", pattern=r"[!-~]{12,255}", secret=True)

    @property
    def where(self) -> tuple[str, str]:
        return (self.target, self.portal)

    @property
    def password(self) -> str:
        """Where its password is: read from a file, it is in no log."""
        return f"{HOME}/chap-{sha256(' '.join(self.where).encode()).hexdigest()[:16]}.password"

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
        if each.where in [other.where for other in config.targets[:n]]:
            raise wrong(f"config.targets[{n}]", "is there twice")
        if bool(each.chap_user) != bool(each.chap_password):
            missing = "chap_password" if each.chap_user else "chap_user"
            raise wrong(f"config.targets[{n}].{missing}", "user and password go together")


def files(config: Iscsi, seen: Sight) -> Iterator[File]:
    if config.enabled and not seen.is_given:
        yield Put(INITIATOR, f"InitiatorName={seen.name}\n", 0o600)
    for each in _targets(config):
        if each.chap_user:
            yield Put(each.password, f"{each.chap_password}\n", 0o600)


def acts(old: Iscsi, new: Iscsi, seen: Sight, changed: frozenset[str]) -> Acts:
    """Sessions of targets that are in both stay; those that nobody told us of do anyway."""
    before, wanted = _targets(old), _targets(new)
    gone = [each for each in before if each not in wanted]
    anew = {each.where for each in gone}  # who is told another password begins again
    come = [each for each in wanted if each.where not in seen.sessions or each.where in anew]
    first = [act for each in gone for act in _leaving(each, seen)]
    then: list[Act] = []
    if new.enabled and (seen.rests or not old.enabled):
        then += started(DAEMON, AT_BOOT)
    then += [act for each in come for act in _joining(each)]
    ours = {each.where for each in before}
    if old.enabled and not new.enabled and not seen.sessions - ours:
        first += at_rest(AT_BOOT, DAEMON)
    return Acts(tuple(first), tuple(then))


def _targets(config: Iscsi) -> tuple[Target, ...]:
    return config.targets if config.enabled else ()


def _joining(each: Target) -> Iterator[Act]:
    """A record is made without asking the portal: that would make them for all it has."""
    node = _node(each)
    yield run(*node, "-o", "new", undo=(*node, "-o", "delete"))
    yield run(*node, "-o", "update", "-n", "node.startup", "-v", "automatic")
    if each.chap_user:
        yield run(*_proving(each))
    yield run(*node, "--login", undo=(*node, "--logout"), timeout_s=60.0)


def _leaving(each: Target, seen: Sight) -> Iterator[Act]:
    """A record that comes back has to know again how the machine proves who it is."""
    node = _node(each)
    startup = (*node, "-o", "update", "-n", "node.startup", "-v")
    if each.where in seen.sessions:
        yield run(*node, "--logout", undo=(*node, "--login"), timeout_s=60.0)
    yield run(*startup, "manual", undo=(*startup, "automatic"), tolerated=True)
    if each.chap_user:
        forget = (*node, "-o", "update", "-n", f"{_AUTH}.authmethod", "-v", "None")
        yield run(*forget, undo=_proving(each), tolerated=True)
    yield run(*node, "-o", "delete", undo=(*node, "-o", "new"), tolerated=True)


_AUTH = "node.session.auth"


def _node(each: Target) -> tuple[str, ...]:
    return ("iscsiadm", "-m", "node", "-T", each.target, "-p", each.portal)


def _proving(each: Target) -> tuple[str, ...]:
    """Return what has the machine prove to a target who it is, by CHAP."""
    update = f"{' '.join(_node(each))} -o update -n {_AUTH}"
    told = {
        "authmethod": "CHAP",
        "username": each.chap_user,
        "password": f'"$(cat {each.password})"',
    }
    return ("sh", "-ec", "; ".join(f"{update}.{name} -v {said}" for name, said in told.items()))


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
