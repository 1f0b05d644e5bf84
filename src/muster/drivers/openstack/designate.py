"""Names published in Designate: a recordset of ours in the zone that fits a name."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.openstack.answers import TAKEN, is_missing, status_of
from muster.drivers.openstack.rest import Call, Items, Rest
from muster.drivers.options import options
from muster.model.observed import Record

Part = Mapping[str, Any]  # a zone or recordset, in Designate's words
SERVICE = "dns"
NOBODY = UUID(int=0)
ADDRESSES = ("A", "AAAA")
ACTIVE, ERROR, DELETE = "ACTIVE", "ERROR", "DELETE"
PATIENCE_S = 22.0  # until who waits is told to come again: a step may take 30 s
FIRST_REST_S, LONGEST_REST_S = 0.2, 2.0  # between two looks at what Designate is at


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The option `designate` of an OpenStack cloud, a table."""

    zone: str = ""  # names are published in it alone; empty: in any of the project's that fits
    ttl: int = 30  # seconds for which others may remember an address


# Note [A recordset says whose it is]
# A name has at most one recordset of a type, and Designate makes none where one is. So who has
# made it has the name, and its description says for which cluster of which installation. It is
# changed by its id, so that nothing is written over what somebody else has put in its place.
class Designate:
    """See Note [A recordset says whose it is]."""

    def __init__(
        self, rest: Rest, said: Options, installation: UUID, *, patience_s: float = PATIENCE_S
    ) -> None:
        self._rest = rest
        self._patience_s = patience_s
        self._options = said
        self._installation = installation

    async def list_records(self) -> Sequence[Record]:
        every = await self._listed("/recordsets", "recordsets", description=f"{self._mark('')}*")
        found = [each for each in every if self._owner(each) and each["type"] in ADDRESSES]
        return sorted(map(self._record, found), key=lambda record: record.name)

    async def record(self, name: str) -> Record | None:
        found = await self._standing(_full(name))
        ours = [each for each in found if self._owner(each)]
        return self._record((ours or found)[0]) if found else None

    async def put_record(self, name: str, address: str, owner: UUID) -> None:
        full, until = _full(name), asyncio.get_running_loop().time() + self._patience_s
        zone = await self._zone(full)
        there = await self._standing(full)
        for each in there:
            if self._owner(each) != owner:
                raise self._taken(name, each)
        kind = "A" if ip_address(address).version == 4 else "AAAA"
        body = {"records": [address], "ttl": self._options.ttl}
        same = [each for each in there if each["type"] == kind]
        if same:
            await self._changed(same[0], body)
        else:
            named = {"name": full, "type": kind, "description": self._mark(str(owner))}
            same = [await self._made(zone, {**named, **body})]
        for each in there:
            if each["type"] != kind:
                await self._gone(each, until)
        await self._settled(same[0], until)

    async def drop_record(self, name: str, owner: UUID) -> None:
        until = asyncio.get_running_loop().time() + self._patience_s
        for each in await self._standing(_full(name), leaving=True):
            if self._owner(each) == owner:
                await self._gone(each, until)

    async def _standing(self, full: str, *, leaving: bool = False) -> Items:
        """Return what stands under a name, but for what belongs to a zone as such."""
        every = await self._listed("/recordsets", "recordsets", name=full)
        return [
            each
            for each in every
            if not (each["type"] in ("SOA", "NS") and each["name"] == each["zone_name"])
            and (leaving or each["action"] != DELETE)
        ]

    async def _zone(self, full: str) -> Part:
        """Return the innermost zone for a name; raises `Permanent` where there is none."""
        only = _full(self._options.zone) if self._options.zone else ""
        zones = await self._listed("/zones", "zones", **({"name": only} if only else {}))
        fit = [each for each in zones if f".{full}".endswith(f".{each['name']}")]
        if not fit:
            known = ", ".join(sorted(each["name"].rstrip(".") for each in zones)) or "none"
            text = f"the name {full[:-1]} cannot be published: no zone of Designate fits"
            raise Permanent(f"{text}; there are: {known}", name=full[:-1])
        return max(fit, key=lambda zone: len(zone["name"]))

    async def _made(self, zone: Part, body: Part) -> Part:
        try:
            made: Part = await self._rest.post(SERVICE, f"/zones/{zone['id']}/recordsets", body)
        except DriverError as error:
            if status_of(error) != TAKEN:
                raise
            raise Transient(f"{error.text}: somebody was faster") from None
        return made

    async def _changed(self, there: Part, body: Part) -> None:
        if all(there[key] == value for key, value in body.items()) and there["status"] != ERROR:
            return
        await self._rest.answer(
            Call(service=SERVICE, method="PUT", path=_path(there), body=dict(body))
        )

    async def _gone(self, there: Part, until: float) -> None:
        if there["action"] != DELETE:
            await self._rest.delete(SERVICE, _path(there))
        await self._settled(there, until)

    async def _settled(self, there: Part, until: float) -> None:
        """Wait until Designate has told its name servers, or nothing is left to tell of."""
        rest_s, now = FIRST_REST_S, asyncio.get_running_loop().time
        while True:
            try:
                found = await self._rest.get(SERVICE, _path(there))
            except DriverError as error:
                if is_missing(error):
                    return
                raise
            if found["status"] == ACTIVE:
                return
            name = found["name"].rstrip(".")
            if found["status"] == ERROR:
                raise Transient(f"Designate could not tell its name servers of {name}")
            if now() + rest_s > until:
                raise Transient(f"Designate is still telling its name servers of {name}")
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, LONGEST_REST_S)

    async def _listed(self, path: str, key: str, **params: str) -> Items:
        return await self._rest.listed(SERVICE, path, key, **params)

    def _record(self, said: Part) -> Record:
        address = said["records"][0] if said["type"] in ADDRESSES and said["records"] else ""
        name = said["name"].rstrip(".").lower()
        return Record(name=name, address=address, owner=self._owner(said) or NOBODY)

    def _owner(self, said: Part) -> UUID | None:
        """Return for which cluster we made it, None if we have not."""
        words = (said["description"] or "").split()
        if words[:2] != ["muster", str(self._installation)]:
            return None
        try:
            return UUID(" ".join(words[2:]))
        except ValueError:  # somebody has written on
            return None

    def _mark(self, owner: str) -> str:
        return f"muster {self._installation} {owner}"

    def _taken(self, name: str, there: Part) -> Permanent:
        what = f"{there['type']} {', '.join(there['records'])}"
        text = f"the name {name} is taken: it stands for {what}, and not for this cluster"
        return Permanent(text, name=name)


def _full(name: str) -> str:
    return f"{name.rstrip('.').lower()}."


def _path(there: Part) -> str:
    return f"/zones/{there['zone_id']}/recordsets/{there['id']}"


def parsed(said: Mapping[str, Any]) -> Options:
    """Return what the table says; raises `Invalid` naming what is at fault."""
    return options(Options, said, "designate")
