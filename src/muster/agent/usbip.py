"""services/usbip: USB devices of other machines, as if they were plugged in here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, run

_PORT = re.compile(r"^Port (\d+):.*?usbip://\[?([^/\]]+?)\]?:\d+/(\S+)", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Target:
    address: str = ruled(needed=True, pattern=r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
    bus_id: str = ruled(needed=True, pattern=r"[0-9]+-[0-9]+(\.[0-9]+)*")

    @property
    def attaching(self) -> tuple[str, ...]:
        return ("usbip", "attach", f"--remote={self.address}", f"--busid={self.bus_id}")


@dataclass(frozen=True, slots=True)
class Usbip:
    enabled: bool = False
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    ports: Mapping[tuple[str, str], str]  # address, bus -> where it is plugged in


def look(machine: Machine, config: Usbip) -> Sight:
    told = machine.ask("usbip", "port") if machine.runner.has("usbip") else None
    return Sight({(host, bus): port for port, host, bus in _PORT.findall(told.out if told else "")})


def check(config: Usbip) -> None:
    for n, each in enumerate(config.targets):
        if each in config.targets[:n]:
            raise wrong(f"config.targets[{n}]", "is there twice")


def acts(old: Usbip, new: Usbip, seen: Sight, changed: frozenset[str]) -> Acts:
    """Only what is told of no more is unplugged, and only what is not there is plugged in."""
    wanted = new.targets if new.enabled else ()
    before = old.targets if old.enabled else ()
    first: list[Act] = [
        run("usbip", "detach", f"--port={port}", undo=each.attaching)
        for each in before
        if each not in wanted and (port := seen.ports.get((each.address, each.bus_id)))
    ]
    come = [each for each in wanted if (each.address, each.bus_id) not in seen.ports]
    then: list[Act] = [run("modprobe", "vhci-hcd", tolerated=True)] if come else []
    then += [run(*each.attaching, undo=("sh", "-c", _unplugging(each))) for each in come]
    return Acts(tuple(first), tuple(then))


def _unplugging(each: Target) -> str:
    """Return what unplugs a device from the port that it has by then."""
    found = f"usbip port | grep -B2 -F '{each.address}' | grep -B2 -F '/{each.bus_id}'"
    port = "sed -n 's/^Port 0*\\([0-9][0-9]*\\):.*/\\1/p' | tail -n 1"
    return f'usbip detach --port="$({found} | {port})"'


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.usbip", machine, "usbip")


USBIP = Noun(
    "services/usbip",
    Usbip,
    lambda config, seen: (),
    acts,
    check,
    when_enabled(abilities),
    look=look,
    abilities=abilities,
    at_start=True,
    is_service=True,
)
