"""An office, and servers of metal that answer it: clusters are made of them over the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.pem.made import KEY
from machines import a_clusterable_machine
from metal import OURS, MetalFleet
from muster.engine.server_jobs.turn import advance
from muster.model.machine import Happening, Machine
from muster.ports.agent import OUR_CERTIFICATE, OUR_KEY
from muster.ports.store import Query, Transaction
from office import Office, opened

HERE = "/1.0/provisioning/clusters"


class Yard:
    """An office, and servers that answer it."""

    def __init__(self, office: Office, fleet: MetalFleet) -> None:
        self.office = office
        self.fleet = fleet

    async def ask(self, method: str, path: str, body: Any = None, status: int = 0) -> Any:
        answer = await self.office.call(method, path, body, "root")
        wanted = status or (200 if method in ("GET", "DELETE") else 202)
        assert answer.status_code == wanted, answer.text
        return answer.json()["metadata"] if status < 400 else answer.json()["error"]

    async def create(self, *names: str, **but: Any) -> Any:
        said = {"name": "c1", "server_names": list(names), "server_type": "incus", **but}
        return await self.ask("POST", HERE, said, 201)

    async def go_on(self, name: str = "c1", looks: int = 300) -> Any:
        """Let the job of a cluster go on to its end; return the cluster as it is shown.

        With fewer looks it may be under way still.
        """
        site = self.office.engine.site
        known = await self.office.desk.store.read(lambda tx: tx.server_clusters.find(Query()))
        [id] = [each.id for each in known if each.name == name]
        for _ in range(looks):
            if await advance(site, self.fleet, id):
                continue
            there = await self.office.desk.store.read(lambda tx: tx.server_clusters.get(id))
            if there is None:
                return None
            if there.job is None or there.job.due_at is None:
                return await self.ask("GET", f"{HERE}/{name}")
            self.office.clock.advance(10)
            for each in self.fleet.metals.values():
                each.up_s += 10
        if looks < 300:
            return await self.ask("GET", f"{HERE}/{name}")
        raise AssertionError("the job does not end")

    async def follow(self) -> None:
        """Let an engine see what has changed without a job."""
        engine = self.office.engine
        engine.ask_machines_by(self.fleet)
        for task in await engine.ticks.jobs():
            await task

    async def machines(self) -> dict[str, Machine]:
        found = await self.office.desk.store.read(lambda tx: tx.machines.find(Query()))
        return {each.name: each for each in found}

    async def met(self, name: str, happening: Happening) -> None:
        machine = (await self.machines())[name].met(happening, self.office.clock.now())
        await self.office.desk.store.write(lambda tx: tx.machines.put(machine))


@asynccontextmanager
async def opened_yard(home: Path) -> AsyncIterator[Yard]:
    """Open an office with four servers that could be a cluster."""
    fleet = MetalFleet(4)
    async with opened(home) as office:
        office.desk = replace(office.desk, agents=fleet)
        office.app.state.desk = office.desk
        machines = [
            replace(a_clusterable_machine(n), certificate=fleet.metals[f"m{n}"].certificate)
            for n in (1, 2, 3, 4)
        ]

        def put(tx: Transaction) -> None:
            tx.machines.put(*machines)
            tx.settings.put(OUR_CERTIFICATE, OURS)
            tx.settings.put(OUR_KEY, KEY)

        await office.desk.store.write(put)
        yield Yard(office, fleet)
