"""Machines that tests play with: what they show, what they answer, and what they were told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drivers.pem.made import CERTIFICATE, NEXT
from muster.base.errors import Permanent, Transient
from muster.ports.agent import Line, Order

NETWORK, APPLICATIONS = "/os/1.0/system/network", "/os/1.0/applications"
ABOUT: Mapping[str, Any] = {
    "/os/1.0": {"environment": {"hostname": "m1", "os_version": "12", "system_is_ready": True}},
    "/os/1.0/system/resources": {"cpu": {"total": 2}},
    "/os/1.0/system/network": {
        "config": {},
        "state": {"interfaces": {"mgmt": {"addresses": ["10.0.0.1"], "roles": ["cluster"]}}},
    },
    "/os/1.0/system/security": {"state": {"system_state_is_trusted": True}},
    "/os/1.0/system/storage": {"config": {}, "state": {}},
    "/os/1.0/system/update": {"config": {"channel": "stable"}, "state": {"needs_reboot": False}},
    "/os/1.0/applications": ["/os/1.0/applications/incus"],
    "/os/1.0/applications/incus": {"config": {}, "state": {"version": "6.0.4"}},
    "/os/1.0/services": ["/os/1.0/services/lvm", "/os/1.0/services/nvme"],
}


@dataclass
class FakeMachine:
    certificate: str = CERTIFICATE
    answers: dict[str, Any] = field(default_factory=lambda: dict(ABOUT))
    silent: bool = False
    told: list[Order] = field(default_factory=list)
    heard: list[Order] = field(default_factory=list)  # of those, changes that it got round to
    refusing: dict[str, str] = field(default_factory=dict)  # why it does not change, by path
    half: bool = False  # what it refuses it has done nevertheless, and undoes when told so
    refusing_reads: dict[str, str] = field(default_factory=dict)
    refuses_always: bool = False
    news: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)  # None: the line breaks
    listened: list[str] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        return [each.path for each in self.told]

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Method and path of every change that it was told, done or not."""
        return [(each.method, each.path) for each in self.heard]

    def config(self, part: str) -> Any:
        return self.answers[f"/os/1.0/{part}"]["config"]

    def obey(self, order: Order) -> None:
        """Change as it is told, or complain."""
        self.heard.append(order)
        again = (order.method, order.path) in self.changes[:-1]
        why = self.refusing.get(order.path)
        if again and self.half and not self.refuses_always:
            why = None
        if why is None or self.half:
            self._change(order)
        if why is not None:
            raise Permanent(f"{order.method} {order.path}: {why}", status=500)

    def _change(self, order: Order) -> None:
        names = self.answers[APPLICATIONS]
        if order.path == APPLICATIONS:
            self.answers[APPLICATIONS] = [*names, f"{APPLICATIONS}/{order.body['name']}"]
        elif order.path.endswith("/:remove"):
            gone = order.path.removesuffix("/:remove")
            self.answers[APPLICATIONS] = [each for each in names if each != gone]
        elif order.path.endswith("/:confirm"):
            self.answers[NETWORK]["state"]["configuration_in_process"] = False
        else:
            there = self.answers.get(order.path) or {}
            self.answers[order.path] = {**there, **order.body}
            if order.path == NETWORK and "confirmation_timeout" in order.body["config"]:
                state = {**there["state"], "configuration_in_process": True}
                self.answers[NETWORK]["state"] = state


class FakeFleet:
    """Agents without a network."""

    certificate = NEXT

    def __init__(self, **machines: FakeMachine) -> None:
        self.meanwhile: Callable[[], Awaitable[None]] | None = None  # what happens during a call
        self._machines: dict[str, FakeMachine] = {}
        for url, each in machines.items():
            self.put(url, each)

    def put(self, url: str, machine: FakeMachine) -> FakeMachine:
        self._machines[url] = machine
        return machine

    async def shown(self, url: str) -> str:
        return self._there(url).certificate

    async def call(self, line: Line, order: Order) -> Any:
        machine = self._there(line.url)
        if machine.certificate.strip() != line.certificate.strip():
            raise Transient(f"{line.url}: it shows another certificate")
        machine.told.append(order)
        if self.meanwhile:
            await self.meanwhile()
        if order.path not in machine.answers and "/:" not in order.path:
            raise Permanent(f"{order.method} {order.path}: not found", status=404)
        if order.method != "GET":
            return machine.obey(order)
        if order.path in machine.refusing_reads:
            raise Permanent(machine.refusing_reads[order.path], status=500)
        return machine.answers[order.path]

    async def listen(self, line: Line, path: str) -> AsyncIterator[Any]:
        machine = self._there(line.url)
        machine.listened.append(path)
        while True:
            said = await machine.news.get()
            if said is None:
                raise Transient(f"{line.url}: it tells nothing any more")
            yield said

    async def close(self) -> None:
        self._machines.clear()

    def there(self, url: str) -> FakeMachine:
        return self._machines[url]

    def _there(self, url: str) -> FakeMachine:
        machine = self._machines.get(url)
        if machine is None or machine.silent:
            raise Transient(f"{url}: no answer")
        return machine
