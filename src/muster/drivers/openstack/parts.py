"""Key pairs and server groups: what Nova knows by name only, made when first needed."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError
from muster.drivers.openstack.answers import TAKEN, status_of
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.tags import part_name
from muster.model.placement import Group


# Note [Parts by name]
# Nova gives key pairs and server groups neither tags nor metadata. So their names say whose they
# are, and of what: of the key itself, of the group's id. A name of a key pair is taken once; of
# groups there may be two of one name where two processes asked in the same moment, and then that
# with the smaller id counts.
class Parts:
    """See Note [Parts by name]."""

    def __init__(self, rest: Rest, installation: UUID) -> None:
        self._rest = rest
        self._installation = installation
        self._keys: set[str] = set()  # that are known to be there
        self._groups: dict[UUID, str] = {}
        self.turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def key_name(self, public_key: str) -> str:
        """Return what the pair of a key is called, "" for no key."""
        digest = sha256(public_key.strip().encode()).hexdigest()[:16]
        return part_name(self._installation, f"key-{digest}") if public_key else ""

    async def key(self, public_key: str) -> str:
        """Return the name of the pair of a key, made unless it was before."""
        name = self.key_name(public_key)
        async with self.turns[name]:
            if name and name not in self._keys:
                body = {"keypair": {"name": name, "public_key": public_key.strip()}}
                try:
                    await self._rest.post("compute", "/os-keypairs", body)
                except DriverError as error:
                    if status_of(error) != TAKEN or "quota" in error.text.lower():
                        raise
                self._keys.add(name)
        return name

    async def group(self, group: Group) -> str:
        """Return Nova's id of a group, made unless it was before."""
        async with self.turns[self._named(str(group.id))]:
            if group.id not in self._groups:
                self._groups[group.id] = await self._group(group)
        return self._groups[group.id]

    def forget(self) -> None:
        """Have everything be looked for anew: somebody may have deleted it."""
        self._keys.clear()
        self._groups.clear()

    def named(self, key: str, group: str) -> list[str]:
        """Return the names of what a server is made with."""
        return [*filter(None, [key]), *([self._named(group)] if group else [])]

    async def names(self) -> Mapping[str, str]:
        """Return where in Nova each of ours is, but groups that have members, by name."""
        keys = {name: f"/os-keypairs/{name}" for name in await self._key_names()}
        groups = {
            each["name"]: f"/os-server-groups/{each['id']}"
            for each in await self._group_records()
            if not each["members"]
        }
        return keys | groups

    async def drop(self, name: str, path: str) -> None:
        self._keys.discard(name)
        self._groups = {k: v for k, v in self._groups.items() if self._named(str(k)) != name}
        await self._rest.delete("compute", path)

    def _named(self, group: str) -> str:
        return part_name(self._installation, f"group-{group}")

    async def _group(self, group: Group) -> str:
        name = self._named(str(group.id))
        found = await self._called(name)
        if not found:
            body = {"server_group": {"name": name, "policy": group.affinity.value}}
            await self._rest.post("compute", "/os-server-groups", body)
            found = await self._called(name)
        return min(found)

    async def _called(self, name: str) -> list[str]:
        return [each["id"] for each in await self._group_records() if each["name"] == name]

    async def _group_records(self) -> list[Mapping[str, Any]]:
        mine = part_name(self._installation, "group-")
        listed = await self._rest.listed("compute", "/os-server-groups", "server_groups")
        return [each for each in listed if each["name"].startswith(mine)]

    async def _key_names(self) -> list[str]:
        mine = part_name(self._installation, "key-")
        listed = await self._rest.listed("compute", "/os-keypairs", "keypairs")
        names = [str(each["keypair"]["name"]) for each in listed]
        return [name for name in names if name.startswith(mine)]
