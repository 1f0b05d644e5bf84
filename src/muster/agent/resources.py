"""system/resources: what the machine is made of, in the words of Incus."""

import re
from collections.abc import Iterator

from muster.agent import incus
from muster.agent.agent import Agent
from muster.agent.envelope import Asked
from muster.agent.machine import Machine

DMI = "/sys/class/dmi/id"
CARDS = "/sys/class/net"
BLOCKS = "/sys/block"
SECTOR = 512


def show(agent: Agent, asked: Asked) -> object:
    """Return what Incus says; without Incus as much of it as the kernel shows."""
    return incus.told(agent.machine, "/1.0/resources") or own(agent.machine)


def own(machine: Machine) -> dict[str, object]:
    memory = dict(re.findall(r"^(\w+): +(\d+) kB$", machine.text("/proc/meminfo") or "", re.M))
    total, free = (int(memory.get(k, 0)) * 1024 for k in ("MemTotal", "MemAvailable"))
    disks, cards = list(_disks(machine)), list(_cards(machine))
    return {
        "cpu": {
            "architecture": machine.line("/proc/sys/kernel/arch"),
            "total": len(re.findall(r"^processor\s*:", machine.text("/proc/cpuinfo") or "", re.M)),
        },
        "memory": {"total": total, "used": total - free},
        "network": {"cards": cards, "total": len(cards)},
        "storage": {"disks": disks, "total": len(disks)},
        "system": {
            "uuid": machine.line(f"{DMI}/product_uuid").lower(),
            "vendor": machine.line(f"{DMI}/sys_vendor"),
            "product": machine.line(f"{DMI}/product_name"),
            "serial": machine.line(f"{DMI}/product_serial"),
        },
    }


def _disks(machine: Machine) -> Iterator[dict[str, object]]:
    """Yield what is a device of its own: not what files or other disks were made into."""
    for name in machine.names(BLOCKS):
        place = f"{BLOCKS}/{name}"
        if machine.there(f"{place}/device"):
            yield {
                "id": name,
                "model": machine.line(f"{place}/device/model"),
                "size": SECTOR * int(machine.line(f"{place}/size") or 0),
                "removable": machine.line(f"{place}/removable") == "1",
                "read_only": machine.line(f"{place}/ro") == "1",
            }


def _cards(machine: Machine) -> Iterator[dict[str, object]]:
    for name in machine.names(CARDS):
        if machine.there(f"{CARDS}/{name}/device"):
            port = {
                "id": name,
                "address": machine.line(f"{CARDS}/{name}/address"),
                "link_detected": machine.line(f"{CARDS}/{name}/operstate") == "up",
            }
            yield {"driver": machine.link(f"{CARDS}/{name}/device/driver"), "ports": [port]}
