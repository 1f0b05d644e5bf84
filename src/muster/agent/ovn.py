"""services/ovn: this machine as a chassis of an OVN that others direct."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from muster.agent import certificate
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, File, Knob, Put, Unit, run, started

OPTIONS = "/etc/default/ovn-host"
KEY, CERTIFICATE, AUTHORITY = (f"/etc/ovn/muster-{each}.pem" for each in ("key", "cert", "ca"))
SWITCH, HOST, CONTROLLER = (
    "openvswitch-switch.service",
    "ovn-host.service",
    "ovn-controller.service",
)
ENTRY = r"(tcp|ssl):(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}"
_ID = re.compile(r'([\w-]+)=(?:"([^"]*)"|([^",}\s]+))')
TABLE = ("ovs-vsctl", "--timeout=10")


def _no_ip(text: str) -> str | None:
    try:
        ip_address(text)
    except ValueError:
        return f"{text!r} is no address"
    return None


@dataclass(frozen=True, slots=True)
class Ovn:
    enabled: bool = False
    database: str = ruled("", pattern=f"{ENTRY}(,{ENTRY})*")
    tunnel_address: str = ruled("", check=_no_ip)
    tunnel_protocol: str = ruled("geneve", among=("geneve", "stt", "vxlan"))
    ic_chassis: bool = False
    tls_client_certificate: str = ruled("", check=certificate.no_certificate)
    tls_client_key: str = ruled("", pattern=r"(?s)-----BEGIN .+-----\s*", secret=True)
    tls_ca_certificate: str = ruled("", check=certificate.no_certificate)

    @property
    def is_secret(self) -> bool:
        return "ssl:" in self.database


@dataclass(frozen=True, slots=True)
class Sight:
    ids: Mapping[str, str]
    rests: bool


def look(machine: Machine, config: Ovn) -> Sight:
    told = machine.ask(*TABLE, "get", "open_vswitch", ".", "external_ids")
    found = _ID.findall(told.out) if told.code == 0 else []
    return Sight({key: quoted or plain for key, quoted, plain in found}, machine.rests(HOST))


def check(config: Ovn) -> None:
    if not config.enabled:
        return
    needed = ["database", "tunnel_address"]
    if config.is_secret:
        needed += ["tls_client_certificate", "tls_client_key", "tls_ca_certificate"]
    for each in needed:
        if not getattr(config, each):
            raise wrong(f"config.{each}", "is required")


ARP = "/etc/sysctl.d/60-muster-ovn.conf"
_ANSWERS = {"arp_ignore": "1", "arp_announce": "2"}
_KNOBS = "/proc/sys/net/ipv4/conf/all"
_KERNELS = frozenset({ARP, *(f"{_KNOBS}/{key}" for key in _ANSWERS)})


# Note [Who answers for an address]
# Linux answers for each of its addresses on every interface. Where a machine's own address and the
# uplink of OVN are in one segment, others so learn to reach the machine by the uplink, which Incus
# takes down with the last network on it: they then reach it no more until they ask anew. So a
# chassis answers for an address where that is, and asks by the address of where it asks.
def files(config: Ovn, seen: object) -> Iterator[File]:
    if config.enabled:  # see Note [Who answers for an address]
        said = "".join(f"net.ipv4.conf.all.{key} = {text}\n" for key, text in _ANSWERS.items())
        yield Put(ARP, said)
        yield from (Knob(f"{_KNOBS}/{key}", text) for key, text in _ANSWERS.items())
    if config.enabled and config.is_secret:
        yield Put(KEY, config.tls_client_key, 0o600)
        yield Put(CERTIFICATE, config.tls_client_certificate)
        yield Put(AUTHORITY, config.tls_ca_certificate)
        words = {"key": KEY, "cert": CERTIFICATE, "ca-cert": AUTHORITY}
        said = " ".join(f"--ovn-controller-ssl-{name}={path}" for name, path in words.items())
        yield Put(OPTIONS, f'OVN_CTL_OPTS="{said}"\n')


def ids(config: Ovn) -> dict[str, str]:
    """Return what the switch has to know of a configuration."""
    if not config.enabled:
        return {}
    said = {
        "ovn-remote": config.database,
        "ovn-encap-type": config.tunnel_protocol,
        "ovn-encap-ip": config.tunnel_address,
    }
    return {**said, "ovn-is-interconn": "true"} if config.ic_chassis else said


def acts(old: Ovn, new: Ovn, seen: Sight, changed: frozenset[str]) -> Acts:
    wanted = ids(new)
    gone = sorted(key for key in set(ids(old)) - set(wanted) if key in seen.ids)
    come = {key: value for key, value in wanted.items() if seen.ids.get(key) != value}
    first: list[Act] = []
    then: list[Act] = []
    if old.enabled and not new.enabled:
        first += [Unit("stop", HOST), Unit("disable", HOST)]
    if new.enabled and (seen.rests or not old.enabled):
        then += started(SWITCH, HOST)
    if gone:
        words = _words("remove", *gone)
        then.append(run(*words, undo=_words("set", **{key: seen.ids[key] for key in gone})))
    for key, value in come.items():
        before = {key: seen.ids[key]} if key in seen.ids else {}
        undo = _words("set", **before) if before else _words("remove", key)
        then.append(run(*_words("set", **{key: value}), undo=undo))
    if changed - _KERNELS and old.enabled and new.enabled:
        then.append(Unit("restart", CONTROLLER))
    return Acts(tuple(first), tuple(then))


def _words(verb: str, *keys: str, **said: str) -> tuple[str, ...]:
    table = (*TABLE, verb, "open_vswitch", ".")
    if verb == "remove":
        return (*table, "external_ids", *keys)
    return (*table, *(f'external_ids:{key}="{value}"' for key, value in said.items()))


def reset(config: Ovn) -> Iterator[Act]:
    yield Unit("restart", SWITCH)
    yield Unit("restart", CONTROLLER)


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.ovn", machine, "ovs-vsctl", "ovn-controller")


OVN = Noun(
    "services/ovn",
    Ovn,
    files,
    acts,
    check,
    when_enabled(abilities),
    look=look,
    abilities=abilities,
    reset=reset,
    is_service=True,
)
