"""services/netbird: this machine in a network of NetBird."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from muster.agent.joined import Membership
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled

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


def _is_connected(told: Mapping[str, object]) -> bool:
    management = told.get("management")
    return isinstance(management, Mapping) and bool(management.get("connected"))


def _up(config: Netbird) -> tuple[str, ...]:
    words = []
    for each in fields(config):
        value = getattr(config, each.name)
        if each.name in ("enabled", "setup_key") or value in ("", ()):
            continue
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        text = text.lower() if isinstance(value, bool) else text
        words.append(f"--{each.name.replace('_', '-')}={text}")
    return ("netbird", "up", f"--setup-key-file={MEMBERSHIP.key}", *words)


MEMBERSHIP = Membership(
    "netbird", "netbird.service", "setup_key", _up, ("netbird", "down"), _is_connected, deaf=True
)


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
    MEMBERSHIP.files,
    MEMBERSHIP.acts,
    MEMBERSHIP.check,
    when_enabled(abilities),
    look=MEMBERSHIP.look,
    state=state,
    abilities=abilities,
    reset=MEMBERSHIP.reset,
    is_service=True,
)
