"""What servers there are and how they are: all of them now and then, in between what changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import DriverError
from muster.drivers.openstack.answers import is_missing
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.sharing import Shared
from muster.drivers.openstack.states import DEAD_HOST, GONE, restless, seen
from muster.drivers.openstack.tags import installation_tag, read
from muster.model.observed import Seen, Server

OVERLAP = timedelta(seconds=60)  # clocks of Nova's own machines differ, and from ours
Records = Mapping[str, Mapping[str, Any]]


# Note [What changes do not tell]
# Asked for what has changed, Nova tells of deleted servers, too, but of no tags: so all changes of
# the project are read, and ours picked by their metadata. It does not tell of a server that went
# before any host had it, nor of a host that fell silent. So all are listed while one is being
# built or is going, and every so often in any case.
class Listing:
    """The servers of one installation. See Note [What changes do not tell]."""

    def __init__(self, rest: Rest, options: Options, clock: Clock, installation: UUID) -> None:
        self._rest = rest
        self._options = options
        self._clock = clock
        self.installation = installation
        self._known: dict[str, Mapping[str, Any]] = {}
        self._at: datetime | None = None  # of the last answer
        self._whole_at: datetime | None = None
        self._shared: Shared[Records] = Shared(self._look)

    async def records(self) -> Records:
        """Return every server of ours by its id, as Nova has it now."""
        return await self._shared.get()

    async def record(self, ref: str) -> Mapping[str, Any] | None:
        """Return one server, None if it is gone or not ours."""
        try:
            said = await self._rest.get("compute", f"/servers/{ref}")
        except DriverError as error:
            if is_missing(error):
                return None
            raise
        return said["server"] if self.owns(said["server"]) else None

    async def known(self, ref: str) -> Mapping[str, Any] | None:
        """Return one server as it was last seen, or as it is where it never was."""
        return self._known.get(ref) or await self.record(ref)

    def now(self) -> datetime:
        return self._clock.now()

    def owns(self, said: Mapping[str, Any]) -> bool:
        tags = read(said.get("metadata") or {})
        return tags is not None and tags.installation == self.installation

    def forget(self) -> None:
        """Have the next look be at all of them."""
        self._whole_at = None

    async def _look(self) -> Records:
        now = self._clock.now()
        if self._must_see_all(now):
            tag = installation_tag(self.installation)
            listed = await self._rest.listed("compute", "/servers/detail", "servers", tags=tag)
            self._known = {each["id"]: each for each in listed if self.owns(each)}
            self._whole_at = now
        else:
            assert self._at
            await self._catch_up(self._at - OVERLAP)
        self._at = now
        return dict(self._known)

    async def _catch_up(self, since: datetime) -> None:
        said = {"changes-since": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
        for each in await self._rest.listed("compute", "/servers/detail", "servers", **said):
            if each.get("status") in GONE:
                self._known.pop(each["id"], None)
            elif self.owns(each):
                self._known[each["id"]] = each

    def _must_see_all(self, now: datetime) -> bool:
        if self._whole_at is None or any(map(restless, self._known.values())):
            return True
        return now - self._whole_at >= timedelta(seconds=self._options.whole_every_s)


class Viewer:
    """Shows servers in our words; it knows what floating addresses they have."""

    def __init__(self) -> None:
        self.floating: Mapping[UUID, str] = {}  # by server

    def all(self, records: Records) -> Sequence[Server]:
        return [self.shown(each) for each in records.values()]

    def shown(self, said: Mapping[str, Any]) -> Server:
        tags = read(said["metadata"])
        assert tags
        condition, reason = seen(said)
        address = self.floating.get(tags.server) or address_in(said)
        if condition is Seen.RUNNING and not address:
            condition, reason = Seen.BUILDING, "it has no address yet"
        return Server(
            ref=said["id"],
            server_id=tags.server,
            node_id=tags.node,
            cluster_id=tags.cluster,
            name=tags.name,
            seen=condition,
            created=datetime.fromisoformat(said["created"]),
            address=address,
            host=host_of(said),
            zone=said.get("OS-EXT-AZ:availability_zone") or "",
            image=tags.image,
            project=tags.project,
            reason=reason,
            abandoned=condition is Seen.UNREACHABLE and said.get("host_status") == DEAD_HOST,
        )


def host_of(said: Mapping[str, Any]) -> str:
    """Return its host: the name where we may know it, else what Nova tells hosts apart by."""
    return str(said.get("OS-EXT-SRV-ATTR:host") or said.get("hostId") or "")


def address_in(said: Mapping[str, Any]) -> str:
    """Return its first fixed address, one of version 4 before the rest; "" for none yet."""
    found = [
        str(each["addr"])
        for network in (said.get("addresses") or {}).values()
        for each in network
        if each.get("OS-EXT-IPS:type", "fixed") == "fixed"
    ]
    return min(found, key=lambda each: (ip_address(each).version, found.index(each)), default="")
