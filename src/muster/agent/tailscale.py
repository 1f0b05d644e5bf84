"""services/tailscale: this machine in a network of Tailscale, or of who speaks like it."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from muster.agent.joined import Membership, Sight
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, run

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
    serve_enabled: bool = False
    serve_port: int = ruled(0, low=0, high=65535)
    serve_service: str = ruled("", pattern=r"svc:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


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


INCUS = "https+insecure://localhost:8443"


def check(config: Tailscale) -> None:
    MEMBERSHIP.check(config)
    if config.serve_enabled and not config.serve_port:
        raise wrong("config.serve_port", "is required where serve_enabled is true")


def acts(old: Tailscale, new: Tailscale, seen: Sight, changed: frozenset[str]) -> Acts:
    """Incus is served to the network of others once the machine is in it."""
    joining = MEMBERSHIP.acts(old, new, seen, changed)
    if not joining.then:
        return Acts((*_ending(old), *joining.first)) if joining.first else joining
    return Acts(joining.first, (*joining.then, *_ending(old), *_serving(new)))


def _is_served(config: Tailscale) -> bool:
    return config.enabled and config.serve_enabled


def _serve(config: Tailscale) -> tuple[str, ...]:
    service = (f"--service={config.serve_service}",) if config.serve_service else ()
    return ("tailscale", "serve", "--bg", f"--https={config.serve_port}", *service, INCUS)


def _end(config: Tailscale) -> tuple[str, ...]:
    of = ("clear", config.serve_service) if config.serve_service else ("reset",)
    return ("tailscale", "serve", *of)


def _ending(old: Tailscale) -> tuple[Act, ...]:
    return (run(*_end(old), undo=_serve(old)),) if _is_served(old) else ()


def _serving(new: Tailscale) -> tuple[Act, ...]:
    """Serving asks, and waits, where a tailnet allows no HTTPS: then it fails."""
    return (run(*_serve(new), undo=_end(new), timeout_s=10.0),) if _is_served(new) else ()


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
    acts,
    check,
    when_enabled(abilities),
    look=MEMBERSHIP.look,
    state=state,
    abilities=abilities,
    reset=MEMBERSHIP.reset,
    is_service=True,
)
