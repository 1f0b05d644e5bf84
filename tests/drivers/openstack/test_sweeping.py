"""What a server left is deleted when it has gone, whatever else refuses to go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from drivers.openstack.written import WrittenRest
from muster.base.clock import SystemClock
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.listing import Listing
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.parts import Parts
from muster.drivers.openstack.ports import MARK, Ports
from muster.drivers.openstack.rest import Call
from muster.drivers.openstack.sweeping import Sweeper
from muster.drivers.openstack.tags import PREFIX, part_name
from muster.drivers.openstack.volumes import OpenStackVolumes
from traffic import until

OURS = UUID(int=7)
Said = dict[str, Any]


@dataclass
class Leftovers:
    """A Neutron, Cinder and Nova with what is left of servers; Cinder keeps what is in `stuck`."""

    ports: list[Said] = field(default_factory=list)
    volumes: list[Said] = field(default_factory=list)
    keys: list[Said] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)

    def answer(self, call: Call) -> tuple[int, Any]:
        kind, *rest = urlsplit(call.path).path.strip("/").split("/")
        held = {"ports": self.ports, "volumes": self.volumes, "os-keypairs": self.keys}.get(kind)
        if kind in ("os-server-groups", "servers"):
            return 200, {}
        if held is None:
            return 404, {}
        if call.method == "DELETE":
            return self._delete(held, rest[0])
        if rest and rest != ["detail"]:
            found = [each for each in held if each["id"] == rest[0]]
            return (200, {"volume": found[0]}) if found else (404, {})
        shown = [{"keypair": each} for each in held] if held is self.keys else held
        return 200, {"keypairs" if held is self.keys else kind: list(shown)}

    def _delete(self, held: list[Said], name: str) -> tuple[int, Any]:
        if name in self.stuck:
            next(each for each in held if each["id"] == name)["status"] = "error_deleting"
            return 202, {}
        held[:] = [each for each in held if name not in (each.get("id"), each.get("name"))]
        return 202, {}


class Offering(WrittenRest):
    async def offers(self, service: str) -> bool:
        return True


def volume(name: str, **tags: object) -> Said:
    said = {f"{PREFIX}{key}": str(value) for key, value in tags.items()}
    metadata = {f"{PREFIX}installation": str(OURS), **said}
    return {"id": name, "status": "available", "size": 1, "metadata": metadata, "attachments": []}


def sweeper(cloud: Leftovers) -> Sweeper:
    options = Options(entry="written", port_grace_s=0.0)
    rest = Offering(cloud)
    grounds = Grounds(rest, options)
    volumes = OpenStackVolumes(rest, Listing(rest, options, SystemClock(), OURS), grounds, options)
    parts = Ports(rest, grounds, options, OURS), Parts(rest, OURS), volumes
    return Sweeper(parts, options, "written")


def left(servers: Sequence[UUID]) -> Leftovers:
    """Return what these left: a port and a disk each; and a key pair."""
    return Leftovers(
        ports=[{"id": f"port-{each}", "name": f"{MARK}{each}"} for each in servers],
        volumes=[volume(f"disk-{each}", volume=uuid4(), keeper=each) for each in servers],
        keys=[{"name": part_name(OURS, "key-1")}],
    )


async def test_a_disk_that_cinder_keeps_holds_up_nothing_else() -> None:
    servers = [uuid4() for _ in range(4)]
    cloud = left(servers)
    cloud.stuck = {f"disk-{servers[0]}"}
    swept = sweeper(cloud)
    swept.begin({})

    async def alone() -> bool:
        return not cloud.ports and not cloud.keys and len(cloud.volumes) == 1

    await until(alone, 10)
    assert [each["id"] for each in cloud.volumes] == [f"disk-{servers[0]}"]
    await swept.close()


async def test_a_volume_whose_notes_somebody_has_spoiled_hides_no_other() -> None:
    cloud = Leftovers(
        volumes=[volume("torn", volume="?"), volume("kept", volume=uuid4(), keeper="nobody")]
    )
    rest = Offering(cloud)
    options = Options(entry="written")
    volumes = OpenStackVolumes(
        rest, Listing(rest, options, SystemClock(), OURS), Grounds(rest, options), options
    )
    assert await volumes.keepers() == {}
    cloud.volumes[1]["created_at"] = "2026-01-01T00:00:00"
    assert [each.ref for each in await volumes.list_volumes()] == ["kept"]
