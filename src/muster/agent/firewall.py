"""What may reach the machine by a device of its network: rules of nftables, loaded at each boot."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from muster.agent.nftables import Table
from muster.agent.said import ruled, wrong
from muster.agent.steps import File

TABLE = Table(
    "inet muster",
    "/etc/nftables-muster.nft",
    "muster-firewall.service",
    "Rules of the Muster agent for who may reach this machine",
)
_HEAD = """    chain input {
        type filter hook input priority filter; policy accept;
        ct state established,related accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
"""


def _no_source(text: str) -> str | None:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class Rule:
    """One that fits decides; whom none fits may in."""

    action: str = ruled(needed=True, among=("accept", "drop", "reject"))
    source: str = ruled("", check=_no_source)
    protocol: str = ruled("", among=("tcp", "udp"))
    port: int = ruled(0, low=0, high=65535)


def check(path: str, rules: Iterable[Rule]) -> None:
    for n, each in enumerate(rules):
        if bool(each.protocol) != bool(each.port):
            missing = "port" if each.protocol else "protocol"
            raise wrong(f"{path}.firewall_rules[{n}].{missing}", "protocol and port go together")


def files(devices: Iterable[tuple[str, tuple[Rule, ...]]]) -> Iterator[File]:
    """Return the rules of devices, each by what it is called on this machine."""
    lines = [_line(name, each) for name, rules in devices for each in rules]
    if lines:
        yield from TABLE.files(f"{_HEAD}{''.join(lines)}    }}\n")


def _line(device: str, rule: Rule) -> str:
    words = [f'iifname "{device}"']
    if rule.source:
        words.append(f"{'ip6' if ':' in rule.source else 'ip'} saddr {rule.source}")
    if rule.port:
        words.append(f"{rule.protocol} dport {rule.port}")
    return f"        {' '.join(words)} {rule.action}\n"
