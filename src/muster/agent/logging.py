"""system/logging: where the machine's log goes besides its own disk."""

from collections.abc import Iterator
from dataclasses import dataclass

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Can, Lack, Noun
from muster.agent.said import ruled, wrong
from muster.agent.steps import Acts, File, Put, Unit

RSYSLOG = "/etc/rsyslog.d/99-muster.conf"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"  # whose word it takes who a log server is
NETLOG = "/etc/systemd/netlogd.conf"
# Each format: rsyslog's template, and netlogd's word.
FORMATS = {
    "rfc5424": ("RSYSLOG_SyslogProtocol23Format", "rfc5424"),
    "rfc3339": ("RSYSLOG_ForwardFormat", "rfc3339"),
    "rfc3164": ("RSYSLOG_TraditionalForwardFormat", "rfc3164"),
}


@dataclass(frozen=True, slots=True)
class Syslog:
    address: str = ruled("", pattern=r"[A-Za-z0-9.:\[\]-]{1,260}")
    protocol: str = ruled("udp", among=("udp", "tcp", "tls"))
    log_format: str = ruled("rfc5424", among=tuple(FORMATS))


@dataclass(frozen=True, slots=True)
class Logging:
    syslog: Syslog = Syslog()


@dataclass(frozen=True, slots=True)
class Sight:
    by: str  # rsyslog, netlogd, or nothing


def sight(machine: Machine, config: Logging) -> Sight:
    if machine.runner.has("rsyslogd"):
        return Sight("rsyslog")
    netlogd = machine.there("/lib/systemd/system/systemd-netlogd.service")
    return Sight("netlogd" if netlogd else "")


def host_and_port(address: str) -> tuple[str, int]:
    """Split an address; raise `Invalid` where it is none. IPv6 stands in brackets."""
    host, colon, port = address.rpartition(":")
    if not colon or host.endswith(":") or (":" in host and not host.startswith("[")):
        host, port = address, "514"
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise wrong("config.syslog.address", f"{port!r} is no port")
    if not host.strip("[]"):
        raise wrong("config.syslog.address", "names no host")
    return host.strip("[]"), int(port)


def check(config: Logging) -> None:
    if config.syslog.address:
        host_and_port(config.syslog.address)


def files(config: Logging, seen: Sight) -> Iterator[File]:
    if config.syslog.address and seen.by:
        yield _RENDERED[seen.by](config.syslog)


def _rsyslog(said: Syslog) -> Put:
    host, port = host_and_port(said.address)
    lines = [
        f'target="{host}" port="{port}"',
        f'protocol="{"tcp" if said.protocol == "tls" else said.protocol}"',
        f'template="{FORMATS[said.log_format][0]}"',
        'queue.type="LinkedList" queue.filename="muster" queue.maxDiskSpace="256m"',
        'queue.saveOnShutdown="on" action.resumeRetryCount="-1"',
    ]
    if said.protocol == "tls":
        lines += [
            'StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name"',
            f'StreamDriverPermittedPeers="{host}" StreamDriver.CAFile="{AUTHORITIES}"',
        ]
    inside = "\n    ".join(lines)
    return Put(RSYSLOG, f'*.* action(type="omfwd"\n    {inside})\n')


def _netlogd(said: Syslog) -> Put:
    host, port = host_and_port(said.address)
    shown = f"[{host}]" if ":" in host else host
    form = FORMATS[said.log_format][1]
    text = f"[Network]\nAddress={shown}:{port}\nProtocol={said.protocol}\nLogFormat={form}\n"
    if said.protocol == "tls":
        text += f"TLSCertificateAuthMode=deny\nTLSServerCertificate={AUTHORITIES}\n"
    return Put(NETLOG, text)


_RENDERED = {"rsyslog": _rsyslog, "netlogd": _netlogd}
_UNITS = {"rsyslog": "rsyslog.service", "netlogd": "systemd-netlogd.service"}


def acts(old: Logging, new: Logging, seen: Sight, changed: frozenset[str]) -> Acts:
    if not changed:
        return Acts()
    if new.syslog.address or seen.by == "rsyslog":  # rsyslog writes the machine's own files too
        return Acts(then=(Unit("restart", _UNITS[seen.by]),))
    return Acts(then=(Unit("stop", _UNITS[seen.by]),))


def lacks(config: Logging, machine: Machine) -> Iterator[Lack]:
    ability = abilities(machine)["logging.syslog"]
    if config.syslog.address and ability.can is Can.ABSENT:
        yield Lack("config.syslog.address", ability.reason)
    ability = abilities(machine)["logging.syslog.tls"]
    if config.syslog.protocol == "tls" and ability.can is Can.ABSENT:
        yield Lack("config.syslog.protocol", ability.reason)


def abilities(machine: Machine) -> dict[str, Ability]:
    by = sight(machine, Logging()).by
    if not by:
        absent = Ability(Can.ABSENT, "neither rsyslog nor systemd-netlogd is installed")
        return {"logging.syslog": absent, "logging.syslog.tls": absent}
    tls = Ability()
    if by == "rsyslog" and not any(machine.there(place) for place in _drivers(machine)):
        tls = Ability(Can.ABSENT, "rsyslog's driver for TLS, rsyslog-gnutls, is not installed")
    return {"logging.syslog": Ability(), "logging.syslog.tls": tls}


def _drivers(machine: Machine) -> Iterator[str]:
    for folder in ("", *machine.names("/usr/lib")):
        yield f"/usr/lib/{folder}/rsyslog/lmnsd_gtls.so"


LOGGING = Noun(
    "system/logging",
    Logging,
    files,
    acts,
    check,
    lacks,
    sight,
    abilities=abilities,
)
