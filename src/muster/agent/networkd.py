"""system/network by systemd-networkd: the files it means, what is run, what can be."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_interface

from muster.agent import ethernet, firewall, network_state, proxy, sources, wireguard
from muster.agent.durations import seconds
from muster.agent.machine import Machine
from muster.agent.network import (
    AUTOMATIC,
    AnyDevice,
    Bond,
    Device,
    Interface,
    Network,
    Vlan,
    Wireguard,
    check,
    devices,
)
from muster.agent.network_sight import (
    ZONE_BEFORE,
    Sight,
    card_name,
    device_name,
    is_bridge,
    own,
    sight,
)
from muster.agent.noun import Ability, Can, Lack, Noun, by_programs
from muster.agent.steps import Act, Acts, File, Put, Unit, run

FOLDER = "/etc/systemd/network"
RESOLVED = "/etc/systemd/resolved.conf.d/99-muster.conf"
TIMESYNC = "/etc/systemd/timesyncd.conf.d/99-muster.conf"
HOSTNAME = "/etc/hostname"
TIMEZONE = "/etc/timezone"
READER = "systemd-network"  # the group that networkd reads its files as
WAIT = "/lib/systemd/systemd-networkd-wait-online"
WAIT_S = 30


def files(config: Network, seen: Sight) -> Iterator[File]:
    for _, each in devices(config):
        for name, text in _units(config, each):
            yield Put(f"{FOLDER}/{name}", text)
    for tunnel in config.wireguard:
        yield from _tunnel(tunnel, seen)
    yield from _settings(config, seen)
    yield from proxy.files(config.proxy)
    yield from ethernet.files(seen.ethernet)
    named = ((device_name(config, each, seen), each.firewall_rules) for _, each in devices(config))
    yield from firewall.files(named)
    yield from sources.files(_strict(config, seen))


def _strict(config: Network, seen: Sight) -> dict[str, str]:
    """Return the cards that may show no address but their own, each with that."""
    addresses = {name: address for address, name in seen.cards.items()}
    names = [card_name(each, seen) for each in config.interfaces if each.strict_hwaddr]
    return {name: addresses[name] for name in names if name in addresses}


def _tunnel(each: Wireguard, seen: Sight) -> Iterator[File]:
    """Return what makes a tunnel: its keys are for root and for who makes it, and nobody else."""
    key = each.private_key or seen.keys[each.name]
    text = _section("NetDev", Name=each.name, Kind="wireguard")
    parts = wireguard.sections(key, each.port, each.peers)
    text += "".join(_section(name, **said) for name, said in parts)
    yield Put(f"{FOLDER}/05-muster-{each.name}.netdev", text, 0o640, READER)
    if not each.private_key:
        yield Put(wireguard.key_place(each.name), f"{key}\n", 0o600)


def _units(config: Network, each: AnyDevice) -> Iterator[tuple[str, str]]:
    netdev, network = f"05-muster-{each.name}.netdev", f"05-muster-{each.name}.network"
    match = f"Name={each.name}"
    if isinstance(each, Vlan):
        yield netdev, _section("NetDev", Name=each.name, Kind="vlan") + _section("VLAN", Id=each.id)
    if isinstance(each, Vlan | Wireguard):
        yield network, _host(config, each, match)
        return
    if isinstance(each, Bond):
        below = _below(config, each)
        kind = _section("NetDev", Name=below, Kind="bond", MACAddress=each.hwaddr)
        yield f"05-muster-{each.name}-bond.netdev", kind + _section("Bond", Mode=each.mode)
        for member in each.members:
            word = re.sub("[^A-Za-z0-9]", "", member)
            port = f"[Match]\n{_card(member, 'PermanentMACAddress')}\n\n"
            port += _section("Network", Bond=below)
            yield f"05-muster-{each.name}-member-{word}.network", port
        match = f"Name={below}"
    else:
        match = _card(each.hwaddr, "MACAddress")
    if not is_bridge(config, each):
        yield network, _host(config, each, match)
        return
    yield (
        netdev,
        _section("NetDev", Name=each.name, Kind="bridge")
        + _section("Bridge", VLANFiltering="yes", STP="no"),
    )
    port = f"[Match]\n{match}\n\n" + _section("Link", MTUBytes=each.mtu)
    port += _section("Network", Bridge=each.name, LLDP=_yes(each.lldp), EmitLLDP=_yes(each.lldp))
    yield f"05-muster-{each.name}-port.network", port + _tags(config, each)
    yield network, _host(config, each, f"Name={each.name}") + _tags(config, each)


def _below(config: Network, each: Bond) -> str:
    """Return what a bond is called itself: a bridge above it has its name."""
    return f"_b{each.name}" if is_bridge(config, each) else each.name


def _card(said: str, by: str) -> str:
    return f"{by}={said}\nType=ether" if ":" in said else f"Name={said}"


def _tags(config: Network, each: Interface | Bond) -> str:
    """Return what a bridge's port lets through: its tags, and all VLANs that are on it."""
    tags = {*each.vlan_tags, *(vlan.id for vlan in config.vlans if vlan.parent == each.name)}
    return "".join(_section("BridgeVLAN", VLAN=tag) for tag in sorted(tags - {0}))


_DHCP = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}


def _host(config: Network, each: AnyDevice, match: str) -> str:
    """Return what the machine itself has on a device."""
    said = set(each.addresses)
    family = each.required_for_online if each.required_for_online in ("ipv4", "ipv6") else ""
    text = f"[Match]\n{match}\n\n" + _section(
        "Link",
        MTUBytes=each.mtu,
        RequiredForOnline=_yes(each.required_for_online != "no"),
        RequiredFamilyForOnline="both" if each.required_for_online == "both" else family,
    )
    lines = [f"DHCP={_DHCP['dhcp4' in said, 'dhcp6' in said]}"]
    lines.append(f"IPv6AcceptRA={_yes(bool(said & {'slaac', 'dhcp6'}))}")
    lines += [f"Address={address}" for address in each.addresses if "/" in address]
    if isinstance(each, Interface | Bond):
        lines += [f"VLAN={vlan.name}" for vlan in config.vlans if vlan.parent == each.name]
        if each.lldp and not is_bridge(config, each):
            lines += ["LLDP=yes", "EmitLLDP=yes"]
    text += "[Network]\n" + "".join(f"{line}\n" for line in lines) + "\n"
    for route in each.routes:
        text += _section("Route", Destination=route.to, Gateway=route.via)
    return text


def _section(name: str, **said: object) -> str:
    """Return a section of an ini file, without what says nothing; whole if that is all."""
    lines = [f"{key}={value}\n" for key, value in said.items() if value not in ("", 0)]
    return f"[{name}]\n{''.join(lines)}\n" if lines else ""


def _yes(word: bool) -> str:
    return "yes" if word else "no"


def _settings(config: Network, seen: Sight) -> Iterator[File]:
    dns = config.dns
    resolve = _section(
        "Resolve",
        DNS=" ".join(dns.nameservers),
        Domains=" ".join(dns.search_domains or ((dns.domain,) if dns.domain else ())),
        DNSOverTLS="yes" if dns.dns_over_tls else "",
    )
    if resolve:
        yield Put(RESOLVED, resolve)
    if dns.hostname:
        yield Put(HOSTNAME, f"{dns.hostname}\n")
    if config.time.ntp_servers:
        yield Put(TIMESYNC, _section("Time", NTP=" ".join(config.time.ntp_servers)))
    if config.time.timezone:
        yield Put(TIMEZONE, f"{config.time.timezone}\n")
        yield Put(ZONE_BEFORE, f"{seen.before}\n")


def acts(old: Network, new: Network, seen: Sight, changed: frozenset[str]) -> Acts:
    """Only devices whose files change are touched; who was made goes if it is taken back."""
    has_rules = any(each.firewall_rules for _, each in devices(new))
    then: list[Act] = []
    if any(path.startswith(FOLDER) for path in changed):
        before, now = _made(old), _made(new)
        other = [name for name in before if name in now and now[name] in changed]
        come = [each for each in now if each not in before]
        then += [_deleting(name) for name in other]
        then.append(run("networkctl", "reload", undo=("sh", "-c", _without([*come, *other]))))
        then += [_deleting(name) for name in before if name not in now]
        waiting = [f"--interface={each}" for each in _online(new, seen)]
        if waiting:
            timeout = f"--timeout={WAIT_S}"
            then.append(run(WAIT, timeout, *waiting, timeout_s=WAIT_S + 10))
    for path, unit in _READERS:
        if path in changed:
            then.append(Unit("restart", unit))
    if HOSTNAME in changed:
        words = ("hostname", "-F", HOSTNAME)
        then.append(run(*words, undo=words, tolerated=True))
    then += _zoning(new.time.timezone, seen, changed)
    then += ethernet.acts(seen.ethernet, changed)
    then += proxy.acts(changed)
    first: list[Act] = []
    strict = bool(_strict(new, seen))
    for table, is_wanted in ((firewall.TABLE, has_rules), (sources.TABLE, strict)):
        first += table.first(is_wanted, changed)
        then += table.then(is_wanted, changed)
    return Acts(tuple(first), tuple(then))


def _zoning(new: str, seen: Sight, changed: frozenset[str]) -> Iterator[Act]:
    """Have the clock show what is told; told nothing any more, what it showed before."""
    zone = new or (seen.before if TIMEZONE in changed else seen.timezone)
    if zone != seen.timezone:
        words = ("timedatectl", "set-timezone")
        yield run(*words, zone, undo=(*words, seen.timezone))


_READERS = ((RESOLVED, "systemd-resolved.service"), (TIMESYNC, "systemd-timesyncd.service"))


def _deleting(name: str) -> Act:
    """A device that goes, or that has to be made anew, comes back by its file."""
    return run("ip", "link", "delete", "dev", name, undo=("networkctl", "reload"))


def _without(come: Iterable[str]) -> str:
    """Return what has devices go that were made, and the others be as their old files say."""
    gone = "".join(f"ip link delete dev {name} 2>/dev/null; " for name in come)
    return f"{gone}networkctl reload"


def _made(config: Network) -> dict[str, str]:
    """Return the devices that are made, each with its file, those on top of others first."""
    links: tuple[Interface | Bond, ...] = (*config.interfaces, *config.bonds)
    upper = [each.name for each in (*config.vlans, *config.wireguard)]
    upper += [each.name for each in links if is_bridge(config, each)]
    bonds = {_below(config, each): f"{each.name}-bond" for each in config.bonds}
    files = {**{name: name for name in upper}, **bonds}
    return {name: f"{FOLDER}/05-muster-{file}.netdev" for name, file in files.items()}


def _online(config: Network, seen: Sight) -> list[str]:
    """Return the devices to wait for, and what each has to be.

    A card that is up is online to networkd by an address that it gave itself; one that was told
    of addresses is so by those.
    """
    return [
        f"{device_name(config, each, seen)}:{'routable' if _is_global(each) else 'degraded'}"
        for _, each in devices(config)
        if each.required_for_online != "no" and each.addresses
    ]


def _is_global(each: Device) -> bool:
    return any(
        address in AUTOMATIC or not ip_interface(address).is_link_local
        for address in each.addresses
    )


def lacks(config: Network, machine: Machine) -> Iterator[Lack]:
    can, seen = abilities(machine), sight(machine, config)
    for field, each in devices(config):
        for feature, speaks in _needs(config, each):
            if speaks and can[feature].can is Can.ABSENT:
                yield Lack(field, can[feature].reason)
        for card in own(each):
            if card not in seen.cards and card not in seen.cards.values():
                yield Lack(field, f"there is no card {card} here")
        if (
            isinstance(each, Interface)
            and is_bridge(config, each)
            and each.name == card_name(each, seen)
        ):
            yield Lack(f"{field}.name", "its card is called so, and a bridge needs another")
    for one in seen.ethernet:
        if reason := ethernet.unable(machine, one):
            yield Lack("config.interfaces", reason)
    yield from proxy.lacks(config.proxy)


def _needs(config: Network, each: AnyDevice) -> Iterator[tuple[str, bool]]:
    yield "network", True
    yield "network.bonds", isinstance(each, Bond)
    yield "network.vlans", isinstance(each, Vlan)
    yield "network.wireguard", isinstance(each, Wireguard)
    yield "network.firewall", bool(each.firewall_rules)
    if isinstance(each, Interface):
        yield "network.strict_hwaddr", each.strict_hwaddr
    if isinstance(each, Interface | Bond):
        yield "network.vlan_tags", is_bridge(config, each)
        yield "network.ethernet", bool(each.ethernet.wanted)


def abilities(machine: Machine) -> dict[str, Ability]:
    def by_module(module: str, what: str) -> Ability:
        if machine.ask("modprobe", "--dry-run", "--quiet", module).code == 0:
            return Ability()
        return Ability(Can.ABSENT, f"this kernel has no {what} ({module})")

    is_installed = machine.runner.has("networkctl")
    has_networkd = is_installed and not machine.rests("systemd-networkd.service")
    missing = Ability(Can.ABSENT, "systemd-networkd does not run this machine's network")
    return {
        "network": Ability() if has_networkd else missing,
        **by_programs("network.firewall", machine, "nft"),
        **by_programs("network.strict_hwaddr", machine, "nft"),
        "network.bonds": by_module("bonding", "bonds"),
        "network.vlans": by_module("8021q", "VLANs"),
        "network.vlan_tags": by_module("8021q", "bridge that knows VLANs"),
        "network.wireguard": by_module("wireguard", "WireGuard"),
        **ethernet.abilities(machine),
    }


def verify(machine: Machine, config: Network) -> str | None:
    return ethernet.fault(sight(machine, config).ethernet)


NETWORK = Noun(
    "system/network",
    Network,
    files,
    acts,
    check,
    lacks,
    sight,
    state=network_state.state,
    abilities=abilities,
    verify=verify,
    confirm_s=lambda config: seconds(config.confirmation_timeout),
)
