"""The members of a cluster, or the one server: where they are and how they are."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from muster.base.errors import DriverError
from muster.drivers.incus.rest import Call, Rest

ALONE = "none"  # what Incus calls the location of everything on a server without a cluster
FRESH_S = 1.0
PING_S = 1.5
DOUBT_S = 15.0  # renewed by every listing that it does not answer in
OFFLINE = "Offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    name: str
    url: str
    zone: str  # its failure domain
    groups: frozenset[str] = frozenset()
    status: str = "Online"  # what the others say of it. See Note [Member statuses]
    takes: bool = True  # new instances, where nobody says which member

    @property
    def zones(self) -> frozenset[str]:
        """What it can be asked for by: a cluster group does where a failure domain does."""
        return self.groups | {self.zone}


# Note [Member statuses]
# A status is what the cluster believes, and late: a dead member is Online for up to the
# offline threshold, one is Evacuated as soon as its evacuation begins, and after healing it
# is Evacuated while everything on it runs again. So it decides where new instances go; what
# runs is said by the instances, and by whether the member answers. Where one does not, being
# Offline adds that the others, who agree on that in a database of which most of them are
# needed, have not heard of it for as long as they are patient.
@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    clustered: bool
    members: Mapping[str, Member]

    @property
    def dead(self) -> frozenset[str]:
        """Those that the others hold dead."""
        return frozenset(each.name for each in self.members.values() if each.status == OFFLINE)

    def holds_dead(self, name: str) -> bool:
        """Return whether the others hold a member dead, of whom no more than half may be."""
        return name in self.dead and 2 * len(self.dead) <= len(self.members)

    def zone(self, name: str) -> str:
        member = self.members.get(name)
        return member.zone if member else ""


class Members:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: Roster | None = None
        self._until = 0.0
        self._doubts: dict[str, float] = {}  # member -> until when

    def doubt(self, *names: str) -> None:
        """Have nothing new go to these for a while: they do not answer, whatever is said."""
        until = asyncio.get_running_loop().time() + DOUBT_S
        self._doubts |= dict.fromkeys(names, until)

    def doubted(self) -> frozenset[str]:
        now = asyncio.get_running_loop().time()
        return frozenset(name for name, until in self._doubts.items() if until > now)

    def some_are_dead(self) -> bool:
        """Return whether any was held dead when they were looked at last."""
        return bool(self._known and self._known.dead)

    async def roster(self) -> Roster:
        """Return the members, as they were at most a second ago."""
        now = asyncio.get_running_loop().time()
        if self._known is None or now > self._until:
            self._known = await self._asked()
            self._until = now + FRESH_S
        return self._known

    async def silent(self, roster: Roster) -> frozenset[str]:
        """Return the members that do not answer us themselves, if that can be told."""
        names = [name for name in roster.members if self._rest.reaches(name)]
        well = await asyncio.gather(*map(self._answers, names))
        silent = [name for name, answers in zip(names, well, strict=True) if not answers]
        self.doubt(*silent)
        return frozenset(silent)

    async def _answers(self, name: str) -> bool:
        try:
            await self._rest.answer(Call(method="GET", path="/1.0", deadline_s=PING_S), name)
        except DriverError:
            return False
        return True

    async def _asked(self) -> Roster:
        said = await self._rest.get("/1.0")
        about = said["environment"]
        if not about.get("server_clustered"):
            name = about.get("server_name") or "incus"
            alone = Member(name=name, url="", zone="default")
            return Roster(clustered=False, members={name: alone})
        listed = await self._rest.get("/1.0/cluster/members", recursion="1")
        members = {
            each["server_name"]: Member(
                name=each["server_name"],
                url=each["url"],
                zone=each.get("failure_domain") or "default",
                groups=frozenset(each.get("groups") or ()) - {"default"},
                status=each["status"],
                takes=(each.get("config") or {}).get("scheduler.instance", "all") == "all",
            )
            for each in listed
        }
        self._rest.meet({name: member.url for name, member in members.items()})
        return Roster(clustered=True, members=members)
