"""services/netbird: this machine in a network of NetBird."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

from muster.agent.machine import HOME, Machine
from muster.agent.noun import Ability, Lack, Noun, by_programs, lacking
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, File, Put, Unit, run, started

KEY = f"{HOME}/netbird.key"
UNIT = "netbird.service"
URL = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?"
WORD = r"[A-Za-z0-9][A-Za-z0-9.:/_-]{0,252}"


@dataclass(frozen=True, slots=True)
class Netbird:
    enabled: bool = False
    setup_key: str = ruled("", pattern=r"[A-Za-z0-9-]{1,100}", secret=True)
    management_url: str = ruled("", pattern=URL)
    admin_url: str = ruled("", pattern=URL)
    anonymize: bool = False
    block_inbound: bool = False
    block_lan_access: bool = False
    disable_client_routes: bool = False
    disable_dns: bool = False
    disable_firewall: bool = False
    disable_server_routes: bool = False
    dns_resolver_address: str = ruled("", pattern=r"[0-9A-Fa-f:.\[\]]+:[0-9]{1,5}")
    external_ip_map: tuple[str, ...] = ruled((), pattern=WORD)
    extra_dns_labels: tuple[str, ...] = ruled((), pattern=WORD)


@dataclass(frozen=True, slots=True)
class Sight:
    runs: bool


def look(machine: Machine, config: Netbird) -> Sight:
    return Sight(_is_connected(machine.told("netbird", "status", "--json") or {}))


def _is_connected(told: Mapping[str, object]) -> bool:
    management = told.get("management")
    return isinstance(management, Mapping) and bool(management.get("connected"))


def check(config: Netbird) -> None:
    if config.enabled and not config.setup_key:
        raise wrong("config.setup_key", "is required")


def files(config: Netbird, seen: object) -> Iterator[File]:
    if config.enabled:  # read from a file, a key is in no list of processes and in no log
        yield Put(KEY, f"{config.setup_key}\n", 0o600)


def acts(old: Netbird, new: Netbird, seen: Sight, changed: frozenset[str]) -> Acts:
    """What is up has to go down before it hears of other settings."""
    down = ("netbird", "down")
    if old.enabled and not new.enabled:
        return Acts(first=(run(*down, undo=_up(old), timeout_s=60.0),))
    if not new.enabled or (new == old and seen.runs):
        return Acts()
    first = (run(*down, undo=_up(old), timeout_s=60.0),) if old.enabled and seen.runs else ()
    return Acts(first, (*started(UNIT), run(*_up(new), undo=down, timeout_s=60.0)))


def _up(config: Netbird) -> tuple[str, ...]:
    words = []
    for each in fields(config):
        value = getattr(config, each.name)
        if each.name in ("enabled", "setup_key") or value in ("", ()):
            continue
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        text = text.lower() if isinstance(value, bool) else text
        words.append(f"--{each.name.replace('_', '-')}={text}")
    return ("netbird", "up", f"--setup-key-file={KEY}", *words)


def reset(config: Netbird) -> Iterator[Act]:
    yield Unit("restart", UNIT)


def lacks(config: Netbird, machine: Machine) -> Iterable[Lack]:
    return lacking(abilities(machine)) if config.enabled else ()


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.netbird", machine, "netbird")


def state(machine: Machine, config: Netbird) -> Mapping[str, object]:
    if not config.enabled:
        return {}
    told = machine.told("netbird", "status", "--json") or {}
    return {"connected": _is_connected(told), "address": told.get("netbirdIp", "")}


NETBIRD = Noun(
    "services/netbird",
    Netbird,
    files,
    acts,
    check,
    lacks,
    look=look,
    state=state,
    abilities=abilities,
    reset=reset,
    is_service=True,
)
