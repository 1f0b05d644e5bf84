"""What machine this is: name, system, how long it runs."""

import re
from collections.abc import Mapping

from muster.agent.machine import Machine


def release(machine: Machine) -> dict[str, str]:
    """Return what /etc/os-release says."""
    text = machine.text("/etc/os-release") or machine.text("/usr/lib/os-release") or ""
    return {k: v.strip("\"'") for k, v in re.findall(r"^(\w+)=(.*)$", text, re.M)}


def environment(machine: Machine, versions: Mapping[str, str]) -> dict[str, object]:
    """Return the machine as `/1.0` shows it, with the versions that updates know."""
    system = release(machine)
    uptime = machine.line("/proc/uptime").split()
    return {
        "hostname": machine.name,
        "machine_id": machine.line("/etc/machine-id"),
        "system_uuid": machine.line("/sys/class/dmi/id/product_uuid").lower(),
        "os_name": system.get("PRETTY_NAME", system.get("NAME", "Linux")),
        "os_version": versions.get("os_version", system.get("VERSION_ID", "")),
        "os_version_next": versions.get("os_version_next", ""),
        "kernel": machine.line("/proc/sys/kernel/osrelease"),
        "system_is_ready": True,
        "uptime": int(float(uptime[0])) if uptime else 0,
    }
