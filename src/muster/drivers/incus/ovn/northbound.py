"""What listens on uplinks, in OVN's own database: changed past Incus while it changes nothing."""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Invalid, Transient
from muster.drivers.incus.options import NEVER, Options
from muster.drivers.incus.ovn.ovsdb import (
    Operation,
    Remote,
    mapped,
    pairs,
    remotes,
    several,
    transact,
)
from muster.drivers.incus.rest import Rest

DATABASE, TABLE = "OVN_Northbound", "Load_Balancer"
SAID_BY_INCUS = "network.ovn.northbound_connection"
OURS, WHERE, CONTENT = "muster", "muster-where", "muster-content"
COLUMNS = ["_uuid", "_version", "name", "vips", "ip_port_mappings", "external_ids"]
MARKS = (OURS, WHERE, CONTENT)


@dataclass(frozen=True, slots=True)
class Change:
    """How something that listens is to be; `lasting` is what Incus knows as well."""

    where: str  # its path in Incus
    address: str
    content: Mapping[str, Any]
    lasting: bool = False


# Note [Past Incus]
# Incus takes a change of a load balancer or a forward to OVN, and then tells all members of its
# cluster; while one is down it takes the change back and refuses. OVN itself would go on, but it
# holds a backend well whose host died: hosts ask their own backends, and a dead one says nothing.
# So what is wanted meanwhile is written into the row that Incus has made in OVN's northbound
# database, with a mark: what Incus would have been told. That mark is what is in force, for every
# engine and after every restart. No row is made or removed. When Incus takes changes again it is
# told what is in force; it then makes the row anew, and the mark is gone.
class Northbound:
    """See Note [Past Incus]."""

    def __init__(self, rest: Rest, options: Options, installation: UUID) -> None:
        self._rest = rest
        self._options = options
        self._installation = str(installation)
        self._said: tuple[Remote, ...] = ()  # by Incus, as long as somebody answers there

    async def is_known(self) -> bool:
        """Return whether anybody has said where the database is that we may write to."""
        return bool(await self._remotes())

    async def held(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what is in force past Incus, by where it is in Incus."""
        if not await self.is_known():
            return {}
        ours = ["external_ids", "includes", pairs({OURS: self._installation})]
        rows = await self._selected(TABLE, ["external_ids"], [ours])
        marks = [mapped(row["external_ids"]) for row in rows]
        return {each[WHERE]: json.loads(each[CONTENT]) for each in marks}

    async def put(self, change: Change) -> None:
        """Have OVN do so; raises `Transient` where somebody else has changed it meanwhile."""
        row = await self._row(change.address)
        kept = {k: v for k, v in mapped(row["external_ids"]).items() if k not in MARKS}
        told = json.dumps(change.content, separators=(",", ":"))
        marks = {OURS: self._installation, WHERE: change.where, CONTENT: told}
        vips = _vips(change)
        new = {
            "vips": pairs(vips),
            "ip_port_mappings": pairs(await self._asked_where(row, vips)),
            "external_ids": pairs(kept if change.lasting else kept | marks),
        }
        as_it_was = [[column, "==", row[column]] for column in ("_uuid", "_version")]
        update = {"op": "update", "table": TABLE, "where": as_it_was, "row": new}
        [done] = await self._transacted(update)
        if done["count"] != 1:
            raise Transient(f"{change.where}: somebody else changed it in OVN just now")

    async def _row(self, address: str) -> Mapping[str, Any]:
        """Return the row that Incus has made for what listens there."""
        rows = await self._selected(TABLE, COLUMNS, [])
        found = [row for row in rows if str(row["name"]).endswith(f"-lb-{address}-tcp")]
        if len(found) != 1:
            raise Transient(f"OVN has {len(found) or 'no'} rows for what listens on {address}")
        return found[0]

    async def _asked_where(
        self, row: Mapping[str, Any], vips: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Return at which port OVN asks each target whether it is well, if it asks any."""
        before = mapped(row["ip_port_mappings"])
        if not before:
            return {}
        asker = next(iter(before.values())).rpartition(":")[2]
        switch = f"{str(row['name']).partition('-lb-')[0]}-ls-int"
        on_it = ["external_ids", "includes", pairs({"incus_switch": switch})]
        columns = ["name", "addresses", "dynamic_addresses"]
        ports = await self._selected("Logical_Switch_Port", columns, [on_it])
        names = {address: str(port["name"]) for port in ports for address in _addresses(port)}
        targets = (each.rpartition(":")[0] for vip in vips.values() for each in vip.split(","))
        return {each: f"{names[each]}:{asker}" for each in targets if each in names}

    async def _selected(
        self, table: str, columns: Sequence[str], where: Sequence[Any]
    ) -> Sequence[Mapping[str, Any]]:
        [said] = await self._transacted(
            {"op": "select", "table": table, "where": where, "columns": columns}
        )
        rows: Sequence[Mapping[str, Any]] = said["rows"]
        return rows

    async def _transacted(self, operation: Operation) -> Sequence[Mapping[str, Any]]:
        """Do that at the first server of the database that does it."""
        told = DriverError("nobody says where OVN's northbound database is")
        for remote in await self._remotes():
            try:
                return await transact(remote, self._keys(), DATABASE, [operation])
            except Transient as error:
                told = error
        self._said = ()
        raise told

    async def _remotes(self) -> Sequence[Remote]:
        """Return where it is by our own options, or else by Incus where that is no socket."""
        if self._options.ovn_northbound:
            own = self._options.ovn_northbound
            return () if own == NEVER else remotes(own)
        if not self._said:
            config = (await self._rest.get("/1.0")).get("config") or {}
            known = _remotes(str(config.get(SAID_BY_INCUS) or ""))
            usable = ("tcp", "ssl") if self._options.ovn_certificate else ("tcp",)
            self._said = tuple(each for each in known if each.kind in usable)
        return self._said

    def _keys(self) -> ssl.SSLContext | None:
        """Return what we show, and by whom OVN's certificates, which name no host, are signed."""
        if not self._options.ovn_certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        try:
            context.load_verify_locations(self._options.ovn_authority)
            context.load_cert_chain(self._options.ovn_certificate, self._options.ovn_key)
        except OSError as error:  # they are just being renewed
            files = f"{self._options.ovn_certificate} and its key"
            raise Transient(f"OVN cannot be asked by {files}: {error}") from None
        return context


def _remotes(said: str) -> tuple[Remote, ...]:
    """Return where Incus says that the database is."""
    try:
        return remotes(said)
    except Invalid as error:
        text = f"Incus says no place of OVN's northbound database: {error.text}"
        raise Transient(text) from None


def _vips(change: Change) -> dict[str, str]:
    """Return where each port leads, as OVN has it."""
    backends = {
        each["name"]: f"{each['target_address']}:{each['target_port']}"
        for each in change.content.get("backends") or ()
    }
    return {
        f"{change.address}:{port['listen_port']}": ",".join(
            [backends[name] for name in port["target_backend"]]
            if "target_backend" in port
            else [f"{port['target_address']}:{port['target_port']}"]
        )
        for port in change.content["ports"]
    }


def _addresses(port: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses that a port of a switch has, given or chosen."""
    for column in ("addresses", "dynamic_addresses"):
        for said in several(port[column]):
            yield from str(said).split()[1:]
