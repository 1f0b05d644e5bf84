"""The network as it is: devices that were told, or whatever the machine has."""

import re
from collections.abc import Mapping
from typing import Any

from muster.agent import wireguard
from muster.agent.lldp import neighbours
from muster.agent.machine import Machine
from muster.agent.network import Bond, Interface, Network, Wireguard, devices, roles
from muster.agent.network_sight import CARDS, Sight, card_name, device_name, own, sight


# Note [A network that nobody told]
# The network of a plain machine is somebody else's: its installer's, ifupdown's, netplan's. It is
# shown all the same, for a machine without addresses could be nothing. What the machine reaches
# others by is for management and for the cluster, as is a device that was told of no roles.
def state(machine: Machine, config: Network) -> dict[str, object]:
    """Return the devices that were told. See Note [A network that nobody told]."""
    seen = sight(machine, config)
    told = machine.told("ip", "-json", "address", "show") or ()
    known = {str(each.get("ifname")): each for each in told}
    shown: dict[str, dict[str, object]] = {}
    for _, each in devices(config):
        name = device_name(config, each, seen)
        addresses = [one.get("local", "") for one in known.get(name, {}).get("addr_info", ())]
        shown[each.name] = {
            "type": type(each).__name__.lower(),
            "roles": list(roles(config, each)),
            "routes": [{"to": route.to, "via": route.via} for route in each.routes],
            **_card_state(machine, name, addresses),
        }
        if isinstance(each, Bond):
            shown[each.name]["members"] = _members(machine, each, seen)
        if isinstance(each, Interface) and each.lldp:
            shown[each.name]["lldp"] = neighbours(machine, card_name(each, seen))
        if isinstance(each, Wireguard):
            shown[each.name]["wireguard"] = wireguard.state(machine, name)
    return {"interfaces": shown or _untold(machine, known)}


def _members(machine: Machine, bond: Bond, seen: Sight) -> dict[str, object]:
    """Return the cards of a bond, and with whom they agree on being one, if they do."""
    return {
        name: {
            "type": "bond_member",
            **_card_state(machine, name, []),
            **_agreed(machine, name),
            **({"lldp": neighbours(machine, name)} if bond.lldp else {}),
        }
        for name in (seen.cards.get(card, card) for card in own(bond))
    }


def _agreed(machine: Machine, card: str) -> dict[str, object]:
    remote = _partner(machine, card)
    here = machine.line(f"{CARDS}/{card}/address")
    return {"lacp": {"local_mac": here, "remote_mac": remote}} if remote else {}


_NOBODY = "00:00:00:00:00:00"


def _partner(machine: Machine, card: str) -> str:
    """Return who speaks LACP at the other end of a card; nothing where nobody does."""
    told = machine.text(f"/proc/net/bonding/{machine.link(f'{CARDS}/{card}/master')}") or ""
    mine = told.partition(f"Slave Interface: {card}\n")[2].partition("Slave Interface: ")[0]
    partner = mine.partition("details partner lacp pdu:")[2]
    found = re.search(r"system mac address: (\S+)", partner)
    return found[1] if found and found[1] != _NOBODY else ""


def _untold(machine: Machine, known: Mapping[str, Mapping[str, Any]]) -> dict[str, object]:
    there = {
        name: [one["local"] for one in each.get("addr_info", ()) if one.get("scope") == "global"]
        for name, each in known.items()
    }
    routes = machine.told("ip", "-json", "route", "show", "default") or ()
    ways = [str(each.get("dev")) for each in routes]
    way = next((each for each in (*ways, *there) if there.get(each)), "")
    return {
        name: {
            "type": "interface",
            "roles": ["management", "cluster"] if name == way else [],
            "routes": [
                {"to": "0.0.0.0/0", "via": each["gateway"]}
                for each in routes
                if each.get("dev") == name and each.get("gateway")
            ],
            **_card_state(machine, name, addresses),
        }
        for name, addresses in there.items()
        if addresses
    }


def _card_state(machine: Machine, name: str, addresses: list[str]) -> dict[str, object]:
    place = f"{CARDS}/{name}"
    return {
        "state": machine.line(f"{place}/operstate"),
        "addresses": addresses,
        "hwaddr": machine.line(f"{place}/address"),
        "mtu": _number(machine.line(f"{place}/mtu")),
        "speed": machine.line(f"{place}/speed"),
        "stats": {
            key: _number(machine.line(f"{place}/statistics/{key}"))
            for key in ("rx_bytes", "rx_errors", "tx_bytes", "tx_errors")
        },
    }


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
