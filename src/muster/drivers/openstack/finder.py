"""Servers that somebody else made, in the words that a profile would use for them."""

from muster.base.errors import Permanent
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.tags import PREFIX, read
from muster.model.observed import Foreign


class OpenStackFinder:
    def __init__(self, rest: Rest, grounds: Grounds) -> None:
        self._rest = rest
        self._grounds = grounds

    async def find_server(self, ref: str) -> Foreign:
        """Return what a server is made of; one that is looked after already is not found."""
        answer = await self._rest.find("compute", f"/servers/{ref}")
        if answer is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        said = answer["server"]
        if read(said["metadata"]) is not None:
            raise Permanent(f"server {ref} is looked after already", ref=ref)
        named = next(iter(said.get("addresses") or ()), "")
        networks = await self._grounds.networks()
        image, flavor = said.get("image") or {}, said.get("flavor") or {}
        return Foreign(
            ref=ref,
            name=said["name"],
            image=str(image.get("id", "")),
            flavor=str(flavor.get("original_name", "")),
            vcpus=float(flavor.get("vcpus", 0)),
            memory_mib=int(flavor.get("ram", 0)),
            network=next((str(x["id"]) for x in networks if x["name"] == named), ""),
            zone=said.get("OS-EXT-AZ:availability_zone") or "",
            key_name=said.get("key_name") or "",
            metadata={k: v for k, v in said["metadata"].items() if not k.startswith(PREFIX)},
        )
