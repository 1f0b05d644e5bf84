"""system/network: what a network configuration may say."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

from muster.agent import ethernet, firewall, proxy, wireguard
from muster.agent.durations import no_duration
from muster.agent.ethernet import Ethernet
from muster.agent.firewall import Rule
from muster.agent.proxy import Proxy
from muster.agent.said import ruled, wrong
from muster.agent.wireguard import Peer

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}"
CARD = r"(?i:([0-9a-f]{2}:){5}[0-9a-f]{2})|[A-Za-z0-9][A-Za-z0-9_.-]{0,14}"
HOST = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
ZONE = r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*"
ROLES = ("management", "cluster", "instances", "storage")
AUTOMATIC = ("dhcp4", "dhcp6", "slaac")
ONLINE = ("any", "ipv4", "ipv6", "both", "no")
MODES = (
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
)


def _no_ip(text: str) -> str | None:
    try:
        ip_address(text)
    except ValueError:
        return f"{text!r} is no address"
    return None


def _no_network(text: str) -> str | None:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error)
    return None


def _no_address(text: str) -> str | None:
    if text in AUTOMATIC:
        return None
    try:
        ip_interface(text)
    except ValueError:
        return f"{text!r} is neither an address nor one of {', '.join(AUTOMATIC)}"
    return None if "/" in text else f"{text!r} has no prefix, such as /24"


@dataclass(frozen=True, slots=True)
class Dns:
    domain: str = ruled("", pattern=DOMAIN)
    hostname: str = ruled("", pattern=HOST)
    nameservers: tuple[str, ...] = ruled((), check=_no_ip)
    search_domains: tuple[str, ...] = ruled((), pattern=DOMAIN)
    dns_over_tls: bool = False


@dataclass(frozen=True, slots=True)
class Time:
    ntp_servers: tuple[str, ...] = ruled((), pattern=r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
    timezone: str = ruled("", pattern=ZONE)


@dataclass(frozen=True, slots=True)
class Route:
    to: str = ruled(needed=True, check=_no_network)
    via: str = ruled(needed=True, check=_no_ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What all devices have."""

    name: str = ruled(needed=True, pattern=NAME)
    addresses: tuple[str, ...] = ruled((), check=_no_address)
    routes: tuple[Route, ...] = ()
    mtu: int = ruled(0, low=0, high=9000)
    roles: tuple[str, ...] = ruled((), among=ROLES)
    required_for_online: str = ruled("any", among=ONLINE)
    firewall_rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface(Device):
    hwaddr: str = ruled(needed=True, pattern=CARD)
    strict_hwaddr: bool = False  # no frame leaves by it with another address
    vlan_tags: tuple[int, ...] = ruled((), low=1, high=4094)
    lldp: bool = False
    ethernet: Ethernet = Ethernet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond(Device):
    members: tuple[str, ...] = ruled((), pattern=CARD)
    mode: str = ruled(needed=True, among=MODES)
    hwaddr: str = ruled("", pattern=CARD)
    vlan_tags: tuple[int, ...] = ruled((), low=1, high=4094)
    lldp: bool = False
    ethernet: Ethernet = Ethernet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vlan(Device):
    parent: str = ruled(needed=True, pattern=NAME)
    id: int = ruled(0, low=0, high=4094)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wireguard(Device):
    private_key: str = ruled("", pattern=wireguard.KEY, secret=True)  # empty: one is made here
    port: int = ruled(0, low=0, high=65535)
    peers: tuple[Peer, ...] = ()


AnyDevice = Interface | Bond | Vlan | Wireguard


@dataclass(frozen=True, slots=True)
class Network:
    confirmation_timeout: str = ruled("", check=no_duration)
    dns: Dns = Dns()
    time: Time = Time()
    proxy: Proxy = Proxy()
    interfaces: tuple[Interface, ...] = ()
    bonds: tuple[Bond, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    wireguard: tuple[Wireguard, ...] = ()


def devices(config: Network) -> Iterator[tuple[str, AnyDevice]]:
    """Return every device, and what it is called in the configuration."""
    kinds: dict[str, tuple[AnyDevice, ...]] = {
        "interfaces": config.interfaces,
        "bonds": config.bonds,
        "vlans": config.vlans,
        "wireguard": config.wireguard,
    }
    for kind, those in kinds.items():
        for n, each in enumerate(those):
            yield f"config.{kind}[{n}]", each


def roles(config: Network, each: Device) -> tuple[str, ...]:
    """Return what a device is for: told of none at all, each is for management and cluster."""
    told = [set(other.roles) for _, other in devices(config)]
    if not any(told):
        return ("management", "cluster")
    if "management" in each.roles and not any("cluster" in other for other in told):
        return (*each.roles, "cluster")
    return each.roles


def check(config: Network) -> None:
    found = list(devices(config))
    if not found:
        raise wrong("config.interfaces", "there has to be one device at least")
    names: set[str] = set()
    for path, each in found:
        if each.name in names:
            raise wrong(f"{path}.name", f"{each.name} is there twice")
        names.add(each.name)
        _check_device(path, each)
    proxy.check(config.proxy)
    parents = {each.name for each in (*config.interfaces, *config.bonds)}
    for n, vlan in enumerate(config.vlans):
        if vlan.parent not in parents:
            known = ", ".join(sorted(parents)) or "none"
            raise wrong(f"config.vlans[{n}].parent", f"is no interface and no bond; known: {known}")


def _check_device(path: str, each: AnyDevice) -> None:
    firewall.check(path, each.firewall_rules)
    if len(set(each.roles)) < len(each.roles):
        raise wrong(f"{path}.roles", "has one twice")
    if isinstance(each, Wireguard):
        wireguard.check(path, each.peers)
    if isinstance(each, Interface | Bond):
        ethernet.check(path, each.ethernet)
        if len(set(each.vlan_tags)) < len(each.vlan_tags):
            raise wrong(f"{path}.vlan_tags", "has one twice")
    if isinstance(each, Bond) and not each.members:
        raise wrong(f"{path}.members", "there has to be one member at least")
