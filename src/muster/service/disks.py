"""Disks that a specification gives its servers: what of Nova's block devices a cloud has."""

from collections.abc import Iterator, Mapping
from typing import Any

from muster.base.errors import Unsupported
from muster.model.cloud import Ability
from muster.model.volume import Disk
from muster.ports.cloud import Cloud

FIELD = "block_device_mapping_v2"
Device = Mapping[str, Any]
_NO_CHOICE = "its cloud chooses it"
# What a device may not say, whatever it is, and why. The order is that of being told.
_UNSAID: Mapping[str, str] = {
    "volume_type": "its cloud has no types of volumes",
    "device_name": _NO_CHOICE,
    "disk_bus": _NO_CHOICE,
    "guest_format": "it comes as an empty folder or file system",
}


def disks_of(properties: Mapping[str, Any]) -> tuple[Disk, ...]:
    """Return the disks beside the root disk; those that are refused are not among them."""
    devices = properties.get(FIELD) or ()
    return tuple(
        Disk(size_gib=each["volume_size"])
        for each in devices
        if not _is_root(each) and _refusal(each) is None
    )


def disk_faults(cloud: Cloud, properties: Mapping[str, Any]) -> Iterator[Unsupported]:
    """Yield an error for each device that means something this cloud cannot do."""
    devices: list[Device] = properties.get(FIELD) or []
    about = cloud.about
    for place, each in enumerate(devices):
        why = _root_refusal(each, properties) if _is_root(each) else _refusal(each)
        if why is None and not _is_root(each) and cloud.volumes is None:
            why = about.refusal(Ability.VOLUMES) or "it keeps no volumes"
        if why:
            text = f"cloud {about.name} cannot do '{FIELD}[{place}]': {why}"
            yield Unsupported(text, field=FIELD)


def _is_root(device: Device) -> bool:
    """Whether it only says what every server has: a disk of its own with the image on it."""
    return (device["source_type"], device["destination_type"]) == ("image", "local")


def _root_refusal(device: Device, properties: Mapping[str, Any]) -> str | None:
    if device.get("uuid") not in (None, "", properties.get("image")):
        return "its root disk has the image of the server, and no other"
    return None


def _refusal(device: Device) -> str | None:
    if device["source_type"] != "blank":
        return (
            f"a disk of source_type '{device['source_type']}' would be one and the same for every "
            "server of the profile, or a copy; it makes empty ones ('blank'), and a volume that "
            "is there is attached to an instance by itself"
        )
    if device["destination_type"] not in ("volume", "local"):
        return f"there is no destination_type '{device['destination_type']}'"
    if device.get("boot_index") == 0:
        return "a server boots from its image, not from an empty disk"
    if device.get("device_type") not in (None, "", "disk"):
        return f"it has no devices of type '{device['device_type']}'"
    if device.get("delete_on_termination") is False:
        return "a disk that a server is made with goes with it (delete_on_termination)"
    if device["volume_size"] < 1:
        return "volume_size must be at least 1"
    return next((f"{name}: {why}" for name, why in _UNSAID.items() if device.get(name)), None)
