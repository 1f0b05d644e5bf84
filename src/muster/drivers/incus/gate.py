"""Letting machines into an Incus cluster: tokens to join with, and clearing up after failures."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from muster.base.errors import Conflict, DriverError, Permanent
from muster.drivers.incus.answers import is_missing
from muster.drivers.incus.options import parsed
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.model.enrolment import Grant, MemberKey, Seat

FORCED_S = 40.0  # it is looked for on a member that may be dead
MEMBERS = "/1.0/cluster/members"


class IncusGate:
    """See ports/gate.py."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._rest = Rest(parsed(options))

    async def seats(self) -> Sequence[Seat]:
        listed = await self._rest.get(MEMBERS, recursion="1")
        return [
            Seat(
                name=each["server_name"],
                address=urlsplit(each["url"]).netloc,
                well=each["status"] not in ("Offline", "Blocked"),
            )
            for each in listed
        ]

    async def admit(self, name: str) -> Grant:
        # Incus has one token for a name: an earlier one is good no more.
        call = Call(method="POST", path=MEMBERS, body={"server_name": name}, deadline_s=WRITE_S)
        said = (await self._rest.begin(call))["metadata"]
        about = await self._rest.get("/1.0")
        token = {
            "server_name": name,
            "fingerprint": said["fingerprint"],
            "addresses": said["addresses"],
            "secret": said["secret"],
            "expires_at": said["expiresAt"],
        }
        return Grant(
            name=name,
            address=said["addresses"][0],
            certificate=about["environment"]["certificate"],
            token=b64encode(json.dumps(token).encode()).decode(),
            own=await self._own(about["environment"]["server_name"]),
        )

    # Note [Gone on both sides]
    # A member that is asked to go forgets the cluster and is a server by itself again. One that
    # is struck out by force is not asked, and believes to be a member for ever. So force is only
    # for those that cannot be asked, and never for those that have instances: all of them would be
    # gone from the database.
    async def withdraw(self, name: str) -> None:
        """See Note [Gone on both sides]."""
        listed = await self._rest.get("/1.0/operations", recursion="1")
        for each in listed.get("running") or ():
            if each["class"] == "token" and (each["metadata"] or {}).get("serverName") == name:
                await self._delete(path("operations", each["id"]))
        well = {seat.name for seat in await self.seats() if seat.well}
        where = path("cluster", "members", name)
        try:
            if name in well:
                return await self._delete(where)
        except DriverError as error:
            if isinstance(error, Permanent):
                raise
        if there := await self._on(name):
            text = f"the member {name} is away and {', '.join(there)} would be lost with it"
            raise Conflict(f"{text}: bring it back, or remove it as lost", name=name)
        await self._delete(where, {"force": "1"})

    async def _on(self, name: str) -> list[str]:
        """Return the instances of a member, which others know of while it is away."""
        said = {"recursion": "1", "all-projects": "true", "project": ""}
        listed = await self._rest.get("/1.0/instances", **said)
        return sorted(each["name"] for each in listed if each["location"] == name)

    async def close(self) -> None:
        await self._rest.close()

    async def _delete(self, where: str, params: Mapping[str, str] | None = None) -> None:
        call = Call(method="DELETE", path=where, params=params or {}, deadline_s=FORCED_S)
        try:
            await self._rest.put_into_effect(call)
        except DriverError as error:
            if not is_missing(error):
                raise

    # Note [What each member has for itself]
    # Pools and networks are the cluster's, but some of their settings are each member's own. One
    # that joins says them for itself: as they are where we are, but for files and folders that
    # Incus made in its own folder, which it is to make itself there as well.
    async def _own(self, here: str) -> tuple[MemberKey, ...]:
        """See Note [What each member has for itself]."""
        wanted = (await self._rest.get("/1.0/cluster"))["member_config"] or ()
        kinds = {"storage-pool": "storage-pools", "network": "networks"}
        keys = []
        for each in wanted:
            where = path(kinds[each["entity"]], each["name"])
            known = await self._rest.get(where, target=here)
            value = str(known["config"].get(each["key"], ""))
            if each["entity"] == "storage-pool" and value.startswith("/"):
                value = ""
            keys.append(
                MemberKey(entity=each["entity"], name=each["name"], key=each["key"], value=value)
            )
        return tuple(keys)
