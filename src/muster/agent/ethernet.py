"""What the cards of a network leave to the machine, and what they wake it for: by ethtool."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from muster.agent.machine import HOME, Machine
from muster.agent.noun import Ability, by_programs
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, File, Put, run

BOOT = "/etc/udev/rules.d/90-muster-ethernet.rules"
BEFORE = f"{HOME}/ethernet-before.json"
WAKING, SAVING = "wol", "eee"
LETTERS = {
    "phy": "p",
    "unicast": "u",
    "multicast": "m",
    "broadcast": "b",
    "arp": "a",
    "magic": "g",
    "secureon": "s",
}
_NEVER = "d"
# What ethtool is told, and how its list begins where it tells that.
_FEATURES = {
    "gro": "generic-receive-offload",
    "rx-gro-hw": "rx-gro-hw",
    "gso": "generic-segmentation-offload",
    "tx-tcp-segmentation": "tx-tcp-segmentation",
    "tx-tcp6-segmentation": "tx-tcp6-segmentation",
}

# Note [What a card was before]
# What a card does is in no file that could be put back, so what it did before anybody told is
# written down in one of ours, and is what it does again once nobody tells any more. It is told at
# once by ethtool, and by a rule of udev whenever the card comes, as it does with each boot.


@dataclass(frozen=True, slots=True)
class Ethernet:
    disable_energy_efficient: bool = False
    disable_gro: bool = False
    disable_gso: bool = False
    disable_ipv4_tso: bool = False
    disable_ipv6_tso: bool = False
    wakeonlan: bool = False
    wakeonlan_modes: tuple[str, ...] = ruled((), among=tuple(LETTERS))
    wakeonlan_password: str = ruled("", pattern=r"(?i:([0-9a-f]{2}:){5}[0-9a-f]{2})", secret=True)

    @property
    def modes(self) -> str:
        """The letters of what wakes the machine; none where nothing is said of it."""
        modes = (self.wakeonlan_modes or ("magic",)) if self.wakeonlan else ()
        return "".join(sorted(LETTERS[each] for each in modes))

    @property
    def wanted(self) -> dict[str, str]:
        """What a card has to be like; what is not spoken of may be anything."""
        off = {
            SAVING: self.disable_energy_efficient,
            "gro": self.disable_gro,
            "rx-gro-hw": self.disable_gro,
            "gso": self.disable_gso,
            "tx-tcp-segmentation": self.disable_ipv4_tso,
            "tx-tcp6-segmentation": self.disable_ipv6_tso,
        }
        wanted = {key: "off" for key, is_off in off.items() if is_off}
        return {**wanted, WAKING: self.modes} if self.wakeonlan else wanted


@dataclass(frozen=True, slots=True)
class Card:
    """A card of this machine, what is told of it, and what it is like."""

    name: str
    address: str
    told: Ethernet = Ethernet()
    now: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)  # see Note [What a card was before]

    @property
    def password(self) -> str:
        return f"{HOME}/wake-{self.address.replace(':', '')}.password"


def check(path: str, told: Ethernet) -> None:
    needs = "secureon" in told.wakeonlan_modes
    if told.wakeonlan_modes and not told.wakeonlan:
        raise wrong(f"{path}.ethernet.wakeonlan_modes", "is for where wakeonlan is true")
    if needs != bool(told.wakeonlan_password):
        text = "is required by secureon" if needs else "is for the mode secureon alone"
        raise wrong(f"{path}.ethernet.wakeonlan_password", text)


def seen(machine: Machine, told: Mapping[str, tuple[str, Ethernet]]) -> tuple[Card, ...]:
    """Return the cards that are told something, or were; `told` is by hardware address."""
    before: dict[str, dict[str, str]] = json.loads(machine.text(BEFORE) or "{}")
    return tuple(
        Card(name, address, each, _now(machine, name), before.get(address, {}))
        for address, (name, each) in sorted(told.items())
        if each.wanted or address in before
    )


def _now(machine: Machine, name: str) -> dict[str, str]:
    said = machine.ask("ethtool", "--show-features", name).out
    lines = {key: rf"^\s*{word}: (on|off)" for key, word in _FEATURES.items()}
    now = {key: found[1] for key, line in lines.items() if (found := re.search(line, said, re.M))}
    saving = machine.ask("ethtool", "--show-eee", name).out
    if found := re.search(r"EEE status: (enabled|disabled)", saving):
        now[SAVING] = "on" if found[1] == "enabled" else "off"
    if letters := _letters(machine, name, "Wake-on"):
        now[WAKING] = letters
    return now


def _letters(machine: Machine, name: str, line: str) -> str:
    found = re.search(rf"^\s*{line}: (\w+)", machine.ask("ethtool", name).out, re.M)
    return "".join(sorted(found[1])) if found else ""


def files(cards: Iterable[Card]) -> Iterator[File]:
    told = [each for each in cards if each.told.wanted]
    if not told:
        return
    yield Put(BOOT, "".join(line for each in told for line in _rules(each)))
    yield Put(BEFORE, json.dumps({each.address: _kept(each) for each in told}, indent=1) + "\n")
    for each in told:
        if each.told.wakeonlan_password:
            yield Put(each.password, f"{each.told.wakeonlan_password}\n", 0o600)


def _kept(card: Card) -> dict[str, str]:
    """Return what a card did of what it is told, before anybody told that."""
    now = {key: card.now[key] for key in card.told.wanted if key in card.now}
    return {key: card.before.get(key, value) for key, value in now.items()}


def _rules(card: Card) -> Iterator[str]:
    match = f'ACTION=="add", SUBSYSTEM=="net", ATTR{{address}}=="{card.address}"'
    for key, value in card.told.wanted.items():
        words = _telling(card, key, value, "$name")
        line = f"/usr/sbin/{' '.join(words)}"
        if words[0] == "sh":  # udev takes a dollar for one of its own
            line = f"/bin/sh -c '{words[2].replace('$(', '$$(')}'"
        yield f'{match}, RUN+="{line}"\n'


def _telling(card: Card, key: str, value: str, name: str = "") -> tuple[str, ...]:
    name = name or card.name
    if key == SAVING:
        return ("ethtool", "--set-eee", name, "eee", value)
    if key == WAKING and LETTERS["secureon"] in value:  # a password is in no log
        return ("sh", "-c", f"exec ethtool -s {name} wol {value} sopass $(cat {card.password})")
    if key == WAKING:
        return ("ethtool", "-s", name, "wol", value or _NEVER)
    return ("ethtool", "-K", name, key, value)


def acts(cards: Iterable[Card], changed: frozenset[str]) -> Iterator[Act]:
    """Only what a card does not do as it is told is told to it."""
    for card in cards:
        wanted = {**card.before, **card.told.wanted} if card.before else card.told.wanted
        for key, value in wanted.items():
            there = card.now.get(key)
            is_so = there == value or (there is None and value == "off")
            if not is_so or (key == WAKING and card.password in changed):
                back = _telling(card, key, there) if there is not None else ()
                yield run(*_telling(card, key, value), undo=back)
    if BOOT in changed:
        again = ("udevadm", "control", "--reload")
        yield run(*again, undo=again, tolerated=True)


def fault(cards: Iterable[Card]) -> str | None:
    """Say which card does not do as it is told, if one does not."""
    for card in cards:
        for key, value in card.told.wanted.items():
            if card.now.get(key, "off") != value:
                return f"{card.name}: {key} is {card.now.get(key)}, not {value}"
    return None


def unable(machine: Machine, card: Card) -> str:
    """Say why a card cannot wake the machine as it is told, if it cannot."""
    if not card.told.wakeonlan:
        return ""
    can = _letters(machine, card.name, "Supports Wake-on")
    lacking = set(card.told.modes) - set(can)
    if not lacking:
        return ""
    missing, known = (
        ", ".join(mode for mode, letter in LETTERS.items() if letter in letters)
        for letters in (lacking, can)
    )
    return f"{card.name} cannot wake by {missing}; it can by {known or 'nothing'}"


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("network.ethernet", machine, "ethtool")
