"""Instances that somebody else made, in the words that a profile would use for them."""

import re
from collections.abc import Mapping

from muster.base.errors import Permanent
from muster.drivers.incus.images import shown
from muster.drivers.incus.members import Members
from muster.drivers.incus.rest import Rest, path
from muster.drivers.incus.rooms import owner_of
from muster.drivers.incus.shape import METADATA, PERIOD_MS
from muster.drivers.incus.tags import PREFIX, read
from muster.model.observed import Foreign

_MEMORY = re.compile(r"(\d+)(kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_BYTES: Mapping[str, int] = {"": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
_BINARY: Mapping[str, int] = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_ALLOWED = re.compile(r"(\d+)(%|ms/(\d+)ms)")


class IncusFinder:
    def __init__(self, rest: Rest, members: Members) -> None:
        self._rest = rest
        self._members = members

    async def find_server(self, ref: str) -> Foreign:
        """Return what an instance is made of; raises `Permanent` for one that is not there.

        Its limits tell its size, `user.muster.project` in its own configuration who may have it.
        One that is looked after already is not found either.
        """
        said = await self._rest.find(path("instances", ref))
        if said is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        if read(said["config"]) is not None or owner_of(ref) is not None:
            raise Permanent(f"server {ref} is looked after already", ref=ref)
        config = said["expanded_config"]
        roster = await self._members.roster()
        nics = [each for each in said["expanded_devices"].values() if each["type"] == "nic"]
        return Foreign(
            ref=ref,
            name=said["name"],
            image=await self._image(config.get("volatile.base_image", "")),
            network=next((each["network"] for each in nics if each.get("network")), ""),
            zone=roster.zone(said["location"]) if roster.clustered else "",
            metadata={
                name.removeprefix(METADATA): str(value)
                for name, value in config.items()
                if name.startswith(METADATA)
            },
            vcpus=vcpus(config.get("limits.cpu", ""), config.get("limits.cpu.allowance", "")),
            memory_mib=memory_mib(config.get("limits.memory", "")),
            project=said["config"].get(f"{PREFIX}project", ""),
        )

    async def _image(self, fingerprint: str) -> str:
        """Return the id of the image; its fingerprint where it is not there any more."""
        said = await self._rest.find(path("images", fingerprint)) if fingerprint else None
        return shown(said).id if said else fingerprint


def memory_mib(limit: str) -> int:
    """Return a limit of memory; 0 for none, and for a share of whatever its host has."""
    said = _MEMORY.fullmatch(limit)
    if said is None:
        return 0
    number, unit = int(said[1]), said[2] or ""
    size = _BINARY[unit[0]] if unit.endswith("iB") else _BYTES[unit[:1]]
    return number * size >> 20


def vcpus(limit: str, allowance: str) -> float:
    """Return a limit of processors, 0 for none: a number or the list of those it may use."""
    count = 0
    for part in limit.split(",") if limit else ():
        first, dash, last = part.partition("-")
        count += int(last) - int(first) + 1 if dash else 1
    if limit.isdigit():
        count = int(limit)
    said = _ALLOWED.fullmatch(allowance)
    if said is None:
        return float(count)
    if said[2] == "%":
        return count * int(said[1]) / 100
    return int(said[1]) / int(said[3] or PERIOD_MS)
