"""What a cloud is fitted with by its settings, whatever its kind: balancer, names, queries."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import Any, Protocol
from uuid import UUID

from muster.base.errors import Invalid
from muster.drivers import prometheus
from muster.drivers.balancers.by_network import ByNetwork
from muster.drivers.balancers.caddy import refusal as caddy
from muster.drivers.balancers.caddy.balancer import open_balancer as open_caddy
from muster.drivers.balancers.haproxy import refusal as haproxy
from muster.drivers.balancers.haproxy.balancer import open_balancer as open_haproxy
from muster.drivers.balancers.haproxy.inside.balancer import open_balancer as open_inside
from muster.drivers.dns.rfc2136 import Reach, Updates, parsed
from muster.drivers.incus.ovn import refusal as ovn
from muster.drivers.openstack.octavia import refusal as octavia
from muster.drivers.options import options
from muster.model.cloud import Ability, Gate
from muster.ports.balancer import Balancer
from muster.ports.cloud import Cloud, CloudConfig


class Closed(Balancer, Protocol):
    """A balancer that lets go of what it holds, and goes on balancing."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of balancer: how it is opened, and what it cannot do."""

    open: Callable[[CloudConfig], Awaitable[Closed]]
    cannot: Mapping[Ability, str]


BALANCERS: Mapping[str, Choice] = {
    "caddy": Choice(open_caddy, caddy.CANNOT),
    "haproxy": Choice(open_haproxy, haproxy.CANNOT),
}


@dataclass(frozen=True, slots=True)
class Own:
    """A kind of balancer that a kind of cloud has itself."""

    cloud: str
    name: str
    cannot: Mapping[Ability, str]


OWN: Mapping[str, Own] = {
    "ovn": Own("incus", "OVN", ovn.CANNOT),
    "octavia": Own("openstack", "Octavia", octavia.CANNOT),
}
INSIDE = "instance"  # on the network of those that it balances
BY_KIND: Mapping[str, str] = {
    "incus": "haproxy",
    "openstack": "octavia",
}  # the others: the one that comes with Muster
OTHERWISE = "caddy"
NO_QUERIES = "no Prometheus server is set for this cloud: set its option prometheus"
NO_WAY_IN = "a bastion is reached by plain TCP, which this balancer does not do: take haproxy"
NO_NAMES = "no name server is set for this cloud: set its option dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options that every cloud has beside its driver's own."""

    balancer: str = ""  # empty: caddy; Incus: haproxy, or as networks say; OpenStack: octavia
    balancer_range: str = "127.128.0.0/10"  # addresses of this machine that fronts may have
    balancer_port: int = 0  # of every front; 0: the cluster's own
    dns: Mapping[str, Any] = field(default_factory=dict)  # names by updates to a name server
    prometheus: Mapping[str, Any] = field(default_factory=dict)  # readings by queries
    bastion: Mapping[str, Any] = field(default_factory=dict)  # what bastions are made of


@dataclass(frozen=True, slots=True)
class Fittings:
    """What a cloud is fitted with."""

    options: Options
    balancer: str
    dns: Reach | None
    prometheus: prometheus.Options | None
    gate: Gate
    said: tuple[str, ...]  # options about a balancer that somebody has set


def parted(said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a cloud that are its driver's, and those it is fitted by."""
    ours = {name: said[name] for name in Options.__dataclass_fields__ if name in said}
    return {name: said[name] for name in said if name not in (*ours, "kind")}, ours


def fittings(kind: str, said: Mapping[str, Any], cloud: str) -> Fittings:
    """Return what the settings say; raises `Invalid` naming what is at fault."""
    read = options(Options, said, kind, nothing=True)
    chosen = read.balancer or BY_KIND.get(kind, OTHERWISE)
    known = (*BALANCERS, *OWN, INSIDE)
    if chosen not in known:
        raise _wrong(cloud, "balancer", f"must be one of {', '.join(known)}, not {chosen!r}")
    try:
        IPv4Network(read.balancer_range)
    except ValueError as error:
        raise _wrong(cloud, "balancer_range", str(error)) from None
    if read.balancer_port > 65535:
        raise _wrong(cloud, "balancer_port", f"is at most 65535, not {read.balancer_port}")
    names = parsed(read.dns) if read.dns else None
    queries = prometheus.parsed(read.prometheus) if read.prometheus else None
    told = tuple(name for name in said if "balancer" in name)
    gate = _gate(read.bastion, cloud)
    gate = replace(gate, port=read.balancer_port or gate.port)
    return Fittings(read, chosen, names, queries, gate, told)


def _gate(said: Mapping[str, Any], cloud: str) -> Gate:
    unknown = sorted(said.keys() - Gate.__dataclass_fields__.keys())
    if unknown:
        known = ", ".join(Gate.__dataclass_fields__)
        raise _wrong(cloud, "bastion", f"has {known}, and no {unknown[0]}")
    gate = options(Gate, said, "bastion")
    if gate.port > 65535:
        raise _wrong(cloud, "bastion", f"port is at most 65535, not {gate.port}")
    return gate


def _wrong(cloud: str, name: str, why: str) -> Invalid:
    return Invalid(f"clouds.{cloud}.{name}: {why}", field=f"clouds.{cloud}.{name}")


async def fitted(cloud: Cloud, read: Fittings, config: CloudConfig) -> Cloud:
    """Return the cloud with balancer and names as the settings say; they end together with it."""
    if cloud.balancer is None:
        cloud = await _balanced(cloud, read, config)
    elif read.said:
        await cloud.close()
        kind = cloud.about.kind
        raise _wrong(config.name, read.said[0], f"a {kind} cloud has a balancer of its own")
    guarded = _guarded(cloud, read.gate)
    return _measured(_named(guarded, read.dns, config.installation), read.prometheus)


async def _balanced(cloud: Cloud, read: Fittings, config: CloudConfig) -> Cloud:
    own, chosen = cloud.network_balancer, OWN.get(read.balancer)
    if chosen and own and cloud.about.kind == chosen.cloud:
        about = replace(cloud.about, cannot={**chosen.cannot, **cloud.about.cannot})
        return replace(cloud, about=about, balancer=own)
    if chosen and read.options.balancer:
        await cloud.close()
        raise _wrong(config.name, "balancer", f"this {cloud.about.kind} cloud has no {chosen.name}")
    range_, port = read.options.balancer_range, read.options.balancer_port
    told = replace(config, options={"balancer_range": range_, "balancer_port": port})
    if read.balancer == INSIDE:
        if cloud.rooms is None:
            await cloud.close()
            text = f"a {cloud.about.kind} cloud has no instances for balancers"
            raise _wrong(config.name, "balancer", text)
        return _served(cloud, open_inside(told, cloud.rooms), haproxy.CANNOT)
    choice = BALANCERS[OTHERWISE if chosen else read.balancer]
    cloud = _served(cloud, await choice.open(told), choice.cannot)
    return cloud if read.options.balancer else _by_network(cloud, told)


def _served(cloud: Cloud, balancer: Closed, cannot: Mapping[Ability, str]) -> Cloud:
    about = replace(cloud.about, cannot={**cannot, **cloud.about.cannot})
    return replace(cloud, about=about, balancer=balancer, close=_both(balancer, cloud))


def _by_network(cloud: Cloud, told: CloudConfig) -> Cloud:
    """Return the cloud with the balancers that its networks have, or say that they want."""
    usual = cloud.balancer
    if usual and cloud.network_balancer:
        usual = ByNetwork(cloud.network_balancer, usual)
    if usual and cloud.rooms:
        inside = open_inside(told, cloud.rooms, always=False)
        cloud = replace(cloud, close=_both(inside, cloud))
        usual = ByNetwork(inside, usual)
    return replace(cloud, balancer=usual)


def _both(balancer: Closed, cloud: Cloud) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        await balancer.close()
        await cloud.close()

    return close


def _guarded(cloud: Cloud, gate: Gate) -> Cloud:
    about = replace(cloud.about, gate=gate)
    if about.refusal(Ability.TCP):
        about = replace(about, cannot={Ability.BASTION: NO_WAY_IN, **about.cannot})
    return replace(cloud, about=about)


def _named(cloud: Cloud, reach: Reach | None, installation: UUID) -> Cloud:
    if reach:
        can: dict[Ability, str] = {
            k: v for k, v in cloud.about.cannot.items() if k is not Ability.DNS
        }
        names = Updates(reach, installation)
        return replace(cloud, about=replace(cloud.about, cannot=can), dns=names)
    if cloud.dns is None:
        cannot = {Ability.DNS: NO_NAMES, **cloud.about.cannot}
        return replace(cloud, about=replace(cloud.about, cannot=cannot))
    return cloud


def _measured(cloud: Cloud, said: prometheus.Options | None) -> Cloud:
    if said is None:
        cannot = {Ability.QUERIES: NO_QUERIES, **cloud.about.cannot}
        return replace(cloud, about=replace(cloud.about, cannot=cannot))
    server = prometheus.Prometheus(said)

    async def close() -> None:
        await server.close()
        await cloud.close()

    return replace(cloud, metrics=server, close=close)
