"""An Incus of which every answer is written down beforehand, on a socket of its own."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

from muster.base.clock import ManualClock
from muster.drivers.incus.cloud import open_cloud
from muster.model.catalog import MACHINES
from muster.ports.cloud import Cloud, CloudConfig

HANG = "hang"
STAMP = "as-it-was"
CREATED = "2030-01-01T00:00:00.123456789Z"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


Answer = Any  # a body, (status, body), HANG, or a function of the request that returns one


@dataclass
class Scripted:
    """Answers by `METHOD /path`: the last of a list for ever, the others once each."""

    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    requests: list[Request] = field(default_factory=list)

    def says(self, line: str, *answers: Answer) -> None:
        self.answers[line] = list(answers)

    def lines(self) -> list[str]:
        return [each.line for each in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request = await _read(head.decode(), reader)
                self.requests.append(request)
                status, body = self._answer(request)
                if body == HANG:
                    await asyncio.Event().wait()
                _write(writer, status, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, request: Request) -> tuple[int, Any]:
        known = self.answers.get(request.line)
        if not known:
            return 404, refused("not found", 404)
        answer = known.pop(0) if len(known) > 1 else known[0]
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, tuple) else (200, answer)


async def _read(head: str, reader: asyncio.StreamReader) -> Request:
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
    plain = headers.get("content-type") == "application/octet-stream"
    body = content.decode() if plain else json.loads(content) if content else None
    return Request(method, urlsplit(target).path, query, body, headers)


def _write(writer: asyncio.StreamWriter, status: int, body: Any) -> None:
    content = json.dumps(body).encode()
    writer.write(
        f"HTTP/1.1 {status} -\r\nETag: {STAMP}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    )
    writer.write(content)


def told(metadata: Any) -> Any:
    return {"type": "sync", "status_code": 200, "metadata": metadata}


def refused(text: str, code: int = 500) -> Any:
    return {"type": "error", "error": text, "error_code": code, "metadata": None}


def begun(operation: str = "/1.0/operations/7") -> Any:
    return 202, {"type": "async", "operation": operation, "metadata": {"status_code": 103}}


def ended(status: int = 200, err: str = "") -> Any:
    return told({"status_code": status, "err": err, "metadata": {}})


def instance(name: str, tags: Mapping[str, str], **but: Any) -> dict[str, Any]:
    plain = {
        "name": name,
        "status": "Running",
        "location": "none",
        "created_at": CREATED,
        "last_used_at": CREATED,
        "config": dict(tags),
        "devices": {},
        "expanded_devices": {},
    }
    return plain | but


def state(address: str = "10.0.0.5", **but: Any) -> dict[str, Any]:
    counters = {"bytes_received": 10, "bytes_sent": 20}
    addresses = [{"family": "inet", "address": address, "scope": "global"}] if address else []
    return {
        "status": "Running",
        "cpu": {"usage": 2_500_000_000},
        "memory": {"usage": 1 << 20},
        "network": {"eth0": {"addresses": addresses, "counters": counters}},
    } | but


def member(name: str, **but: Any) -> dict[str, Any]:
    plain = {"server_name": name, "url": "https://10.0.0.1:8443", "status": "Online"}
    return plain | {"failure_domain": f"z{name[1:]}", "groups": ["default"], "config": {}} | but


@dataclass(frozen=True, kw_only=True)
class Bed:
    incus: Scripted
    cloud: Cloud
    clock: ManualClock
    installation: UUID
    config: CloudConfig  # what the cloud was opened with

    def has(self, *instances: Mapping[str, Any]) -> None:
        """Have these instances be listed, and answer for themselves."""
        self.incus.says("GET /1.0/instances", told(list(instances)))
        for each in instances:
            self.incus.says(f"GET /1.0/instances/{each['name']}", told(each))
            self.incus.says(f"GET /1.0/instances/{each['name']}/state", told(state()))


@asynccontextmanager
async def scripted(home: Path, *members: Mapping[str, Any]) -> AsyncIterator[Bed]:
    """Yield a cloud over these members, or one server, with a profile, a pool, no instance."""
    incus, clock, installation = Scripted(), ManualClock(), uuid4()
    about = {"server_clustered": bool(members), "server_name": "m1"}
    incus.says("GET /1.0", told({"environment": about}))
    incus.says("GET /1.0/cluster/members", told(list(members)))
    root = {"type": "disk", "path": "/", "pool": "default"}
    incus.says("GET /1.0/profiles/default", told({"devices": {"root": root}}))
    incus.says("GET /1.0/storage-pools", told([{"name": "default"}]))
    for kind in MACHINES:
        incus.says(f"GET /1.0/storage-pools/default/volumes/{kind}", told([]))
    incus.says("GET /1.0/instances", told([]))
    door = home / "socket"
    server = await asyncio.start_unix_server(incus.serve, door)
    said = CloudConfig(
        name="site",
        home=home,
        installation=installation,
        clock=clock,
        options={"url": f"unix:{door}"},
    )
    cloud = await open_cloud(said)
    yield Bed(incus=incus, cloud=cloud, clock=clock, installation=installation, config=said)
    await cloud.close()
    server.close()
