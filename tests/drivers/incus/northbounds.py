"""OVN's northbound database, as far as Muster speaks with it, and what Incus writes there."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

PREFIX = "incus-net2"
SWITCH = f"{PREFIX}-ls-int"
ASKER = "10.90.0.253"


@dataclass
class Northbound:
    """Rows by table, each in the shapes of the protocol."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    remote: str = ""
    in_between: Any = None  # called before a row is changed
    _numbers: Any = field(default_factory=count)

    def insert(self, table: str, **columns: Any) -> None:
        ids = {"_uuid": self._id(), "_version": self._id()}
        self.rows.setdefault(table, []).append({**ids, **columns})

    def has_port(self, address: str, name: str, switch: str = SWITCH) -> None:
        """Have a switch have a port with that address."""
        self.insert(
            "Logical_Switch_Port",
            name=name,
            addresses="dynamic",
            dynamic_addresses=f"00:16:3e:00:00:01 {address}",
            external_ids=["map", [["incus_switch", switch]]],
        )

    def write(self, address: str, vips: Mapping[str, str], *, checked: bool) -> None:
        """Make the row of what listens there anew, as Incus does."""
        name = f"{PREFIX}-lb-{address}-tcp"
        there = self.rows.setdefault("Load_Balancer", [])
        there[:] = [row for row in there if row["name"] != name]
        targets = [each.rpartition(":")[0] for vip in vips.values() for each in vip.split(",")]
        asked = [[each, f"port-of-{each}:{ASKER}"] for each in targets] if checked else []
        if vips:
            self.insert(
                "Load_Balancer",
                name=name,
                vips=["map", [[vip, to] for vip, to in vips.items()]],
                ip_port_mappings=["map", asked],
                external_ids=["map", []],
            )

    def of(self, address: str, column: str) -> dict[str, str]:
        """Return a map of the row of what listens there."""
        name = f"{PREFIX}-lb-{address}-tcp"
        [row] = [row for row in self.rows["Load_Balancer"] if row["name"] == name]
        return dict(row[column][1])

    def _id(self) -> list[str]:
        return ["uuid", f"00000000-0000-0000-0000-{next(self._numbers):012}"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(await reader.readuntil(b'"id": 0}'))
        self.asked.append(asked)
        results = [self._done(each) for each in asked["params"][1:]]
        for said in (
            {"id": "echo", "method": "echo", "params": []},
            {"id": 0, "result": results, "error": None},
        ):
            writer.write(json.dumps(said).encode())
        await writer.drain()
        writer.close()

    def _done(self, operation: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation["op"] == "update" and self.in_between:
            self.in_between()
        rows = self.rows.get(operation["table"], [])
        found = [row for row in rows if all(_is(row, each) for each in operation["where"])]
        if operation["op"] == "select":
            return {"rows": [{name: row[name] for name in operation["columns"]} for row in found]}
        for row in found:
            row.update(operation["row"], _version=self._id())
        return {"count": len(found)}


def _is(row: Mapping[str, Any], condition: tuple[str, str, Any]) -> bool:
    column, function, value = condition
    if function == "==":
        return bool(row[column] == value)
    return all(pair in row[column][1] for pair in value[1])


@asynccontextmanager
async def northbound(keys: ssl.SSLContext | None = None) -> AsyncIterator[Northbound]:
    made = Northbound()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=keys)
    port = server.sockets[0].getsockname()[1]
    made.remote = f"{'ssl' if keys else 'tcp'}:127.0.0.1:{port}"
    yield made
    server.close()
