"""Drives of the machine as they are: what they are called, what is on them, how they fare."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Can, by_programs

COLUMNS = "PATH,TYPE,SIZE,RM,TRAN,MODEL,SERIAL,WWN,MOUNTPOINT,FSTYPE"
REMOTE = ("iscsi", "nvme-tcp", "fc", "fcoe")
BY_ID = "/dev/disk/by-id"
# What smartctl calls it, and we.
_OF_NVME = {
    "data_units_read": "data_units_read",
    "data_units_written": "data_units_written",
    "available_spare": "available_spare",
    "percentage_used": "percentage_used",
}
_OF_ATA = {1: "raw_read_error_rate", 5: "reallocated_sectors", 7: "seek_error_rate"}


def drives(machine: Machine, pools: Mapping[str, frozenset[str]]) -> Iterator[dict[str, object]]:
    """Return every drive; `pools` says which there are, and of what."""
    told = machine.told("lsblk", "--json", "--bytes", "--output", COLUMNS) or {}
    names = _by_id(machine)
    members = {device: pool for pool, devices in pools.items() for device in devices}
    for each in told.get("blockdevices", ()):
        path = str(each["path"])
        if each.get("type") != "disk" or path.startswith(("/dev/zram", "/dev/zd")):
            continue
        mine = {path, names.get(path, path), *_children(each)}
        yield {
            "id": names.get(path, path),
            "model_name": (each.get("model") or "").strip(),
            "serial_number": each.get("serial") or "",
            "bus": each.get("tran") or "",
            "capacity_in_bytes": int(each.get("size") or 0),
            "boot": "/" in mounted(each),
            "in_use": bool(mounted(each) or each.get("fstype")),
            "removable": bool(each.get("rm")),
            "remote": each.get("tran") in REMOTE,
            "multipath": any(child.get("type") == "mpath" for child in each.get("children", ())),
            "encrypted": each.get("fstype") == "crypto_LUKS",
            "encrypted_id": _opened(each),
            "member_pool": next((members[name] for name in sorted(mine) if name in members), ""),
            "wwn": each.get("wwn") or "",
            **_smart(machine, path),
        }


def _by_id(machine: Machine) -> dict[str, str]:
    """Return the name that a drive keeps, by the name that it has now."""
    return {f"/dev/{machine.link(f'{BY_ID}/{n}')}": f"{BY_ID}/{n}" for n in machine.names(BY_ID)}


def mounted(device: Mapping[str, Any]) -> list[str]:
    own = [device["mountpoint"]] if device.get("mountpoint") else []
    return own + [place for each in device.get("children", ()) for place in mounted(each)]


def _opened(device: Mapping[str, Any]) -> str:
    """Return where an encrypted drive is read in clear, "" where nobody has opened it."""
    opened = (each for each in device.get("children", ()) if each.get("type") == "crypt")
    return next((str(each["path"]) for each in opened if each.get("path")), "")


def encryption(machine: Machine) -> Mapping[str, Ability]:
    """Return whether drives can be encrypted here."""
    told = by_programs("storage.encryption", machine, "cryptsetup")
    if told["storage.encryption"].can is Can.ABSENT or machine.there("/dev/mapper/control"):
        return told
    if machine.ask("modprobe", "--dry-run", "--quiet", "dm-crypt").code == 0:
        return told
    return {"storage.encryption": Ability(Can.ABSENT, "the kernel has no dm-crypt")}


def _children(device: Mapping[str, Any]) -> Iterator[str]:
    for each in device.get("children", ()):
        if each.get("path"):
            yield str(each["path"])
        yield from _children(each)


def _smart(machine: Machine, path: str) -> dict[str, object]:
    """Return how a drive says that it fares; nothing where it, or the machine, says nothing."""
    if not machine.runner.has("smartctl"):
        return {}
    told = machine.report("smartctl", "--json", "--all", path)
    if not isinstance(told.get("smart_status"), dict):
        return {}
    health = told.get("nvme_smart_health_information_log") or {}
    table = (told.get("ata_smart_attributes") or {}).get("table") or ()
    rates = {_OF_ATA[e["id"]]: e["raw"]["value"] for e in table if e.get("id") in _OF_ATA}
    support = told.get("smart_support") or {}
    said = {
        "enabled": bool(support.get("enabled", True)),
        "passed": bool(told["smart_status"].get("passed")),
        "power_on_hours": (told.get("power_on_time") or {}).get("hours", 0),
        **{ours: health[theirs] for theirs, ours in _OF_NVME.items() if theirs in health},
        **rates,
    }
    return {"smart": said}


def root_partition(machine: Machine) -> dict[str, int]:
    """Return how large the machine's own file system is, and what is free of it."""
    said = os.statvfs(machine.place("/"))
    return {
        "size_in_bytes": said.f_blocks * said.f_frsize,
        "available_in_bytes": said.f_bavail * said.f_frsize,
    }
