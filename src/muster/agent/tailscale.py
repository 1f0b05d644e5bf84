"""services/tailscale: this machine in a network of Tailscale, or of who speaks like it."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from muster.agent.joined import Membership
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled

URL = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?"


def _no_network(text: str) -> str | None:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class Tailscale:
    enabled: bool = False
    login_server: str = ruled("", pattern=URL)
    auth_key: str = ruled("", pattern=r"[A-Za-z0-9_-]{1,200}", secret=True)
    accept_routes: bool = False
    accept_dns: bool = False
    advertised_routes: tuple[str, ...] = ruled((), check=_no_network)
    advertise_exit_node: bool = False
    exit_node: str = ruled("", pattern=r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
    exit_node_allow_lan_access: bool = False


def _up(config: Tailscale) -> tuple[str, ...]:
    said = {
        "login-server": config.login_server or "https://controlplane.tailscale.com",
        "accept-routes": _word(config.accept_routes),
        "accept-dns": _word(config.accept_dns),
        "advertise-routes": ",".join(config.advertised_routes),
        "advertise-exit-node": _word(config.advertise_exit_node),
        "exit-node": config.exit_node,
        "exit-node-allow-lan-access": _word(config.exit_node_allow_lan_access),
    }
    words = (f"--{name}={value}" for name, value in said.items())
    return (
        "tailscale",
        "up",
        "--reset",
        "--timeout=30s",
        f"--auth-key=file:{MEMBERSHIP.key}",
        *words,
    )


def _word(said: bool) -> str:
    return "true" if said else "false"


def _is_running(told: Mapping[str, object]) -> bool:
    return told.get("BackendState") == "Running"


MEMBERSHIP = Membership(
    "tailscale", "tailscaled.service", "auth_key", _up, ("tailscale", "logout"), _is_running
)


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.tailscale", machine, "tailscale")


def state(machine: Machine, config: Tailscale) -> Mapping[str, object]:
    if not config.enabled:
        return {}
    told = machine.told("tailscale", "status", "--json") or {}
    return {
        "version": told.get("Version", ""),
        "backend_state": told.get("BackendState", ""),
        "tailnet_name": (told.get("CurrentTailnet") or {}).get("Name", ""),
        "self": _shown(told.get("Self") or {}),
        "peers": [_shown(each) for each in (told.get("Peer") or {}).values()],
        "health": told.get("Health") or [],
    }


def _shown(each: Mapping[str, object]) -> Mapping[str, object]:
    return {
        "hostname": each.get("HostName", ""),
        "addresses": each.get("TailscaleIPs") or [],
        "online": bool(each.get("Online")),
    }


TAILSCALE = Noun(
    "services/tailscale",
    Tailscale,
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
