"""What a network's configuration has to know of the machine, and what its devices are called."""

from collections.abc import Mapping
from dataclasses import dataclass

from muster.agent import ethernet, wireguard
from muster.agent.ethernet import Card, Ethernet
from muster.agent.machine import HOME, Machine
from muster.agent.network import Bond, Device, Interface, Network

CARDS = "/sys/class/net"
ZONE_BEFORE = f"{HOME}/timezone-before"

# Note [A bridge where guests or tags are]
# A device that instances are on, or that lets tags through, is a bridge of its name which knows
# VLANs, with the card (or the bond) as its port and the machine's own addresses on the bridge
# itself. Any other is the card itself, whatever the machine calls that. Tags are entries of the
# bridge: another tag changes two files and makes no bridge anew, so guests keep their ports.


@dataclass(frozen=True, slots=True)
class Sight:
    cards: Mapping[str, str]  # hardware address -> the card's name here
    timezone: str
    before: str  # the zone that was there before any was told
    ethernet: tuple[Card, ...]  # those that are told something, or were
    keys: Mapping[str, str]  # of tunnels for which none is told


def sight(machine: Machine, config: Network) -> Sight:
    names = [each for each in machine.names(CARDS) if machine.there(f"{CARDS}/{each}/device")]
    cards = {machine.line(f"{CARDS}/{each}/address").lower(): each for each in names}
    keyless = [each.name for each in config.wireguard if not each.private_key]
    return Sight(
        cards,
        machine.timezone,
        machine.line(ZONE_BEFORE) or machine.timezone,
        ethernet.seen(machine, _told(config, cards)),
        {name: wireguard.own_key(machine, name) for name in keyless},
    )


def _told(config: Network, cards: Mapping[str, str]) -> dict[str, tuple[str, Ethernet]]:
    """Return each card's name and what is told of it, by its address."""
    links: tuple[Interface | Bond, ...] = (*config.interfaces, *config.bonds)
    told = {card: each.ethernet for each in links for card in own(each)}
    return {
        address: (name, told.get(address) or told.get(name) or Ethernet())
        for address, name in cards.items()
    }


def own(each: Device) -> tuple[str, ...]:
    """Return the cards of a device, by address or by name."""
    if isinstance(each, Interface):
        return (each.hwaddr.lower() if ":" in each.hwaddr else each.hwaddr,)
    if isinstance(each, Bond):
        return tuple(card.lower() if ":" in card else card for card in each.members)
    return ()


def is_bridge(config: Network, each: Interface | Bond) -> bool:
    """See Note [A bridge where guests or tags are]."""
    return bool(each.vlan_tags) or "instances" in each.roles


def device_name(config: Network, each: Device, seen: Sight) -> str:
    """Return what a device is called on this machine."""
    if isinstance(each, Interface) and not is_bridge(config, each):
        return card_name(each, seen)
    return each.name


def card_name(each: Interface, seen: Sight) -> str:
    (card,) = own(each)
    return seen.cards.get(card, card)
