"""Clouds that are taken on: who may, what is written down, and what is never told."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from drivers.pem.made import KEY
from fleet import FakeFleet
from machines import a_server_cluster
from muster.decide.server_clusters.seed import Ground, merged
from muster.model.admission import Admitted, CloudAsk, cloud_id
from muster.model.server_cluster import ServerClusterStatus
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from office import Office, a_cloud, opened

LAB = {"name": "lab", "kind": "incus", "url": "https://10.0.0.1:8443", "token": "t0ken"}


class Doorman:
    """Admits whatever is asked for, over simulated clouds."""

    def __init__(self, office: Office, clouds: dict[str, Cloud]) -> None:
        self.office = office
        self.clouds = clouds
        self.parted: list[str] = []
        self.rows: dict[str, Admitted] = {}

    def admitted(self) -> Mapping[str, Admitted]:
        return self.rows

    async def introduce(self, ask: CloudAsk) -> Admitted:
        now = self.office.clock.now()
        options = {"kind": ask.kind, "url": ask.url}
        return Admitted(
            id=cloud_id(ask.name),
            name=ask.name,
            created_at=now,
            options=options,
            papers={"key": KEY},
        )

    async def part(self, cloud: Admitted) -> None:
        self.parted.append(cloud.name)

    async def refresh(self) -> None:
        rows = await self.office.desk.store.read(lambda tx: tx.clouds.find(Query()))
        self.rows = {each.name: each for each in rows}
        for name in {*self.clouds} - {*self.rows, "simulated"}:
            del self.clouds[name]
        for name in self.rows:
            self.clouds[name] = await a_cloud(self.office.home, self.office.clock, name)


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[tuple[Office, Doorman]]:
    async with opened(tmp_path) as office:
        clouds = dict(office.desk.clouds)
        doorman = Doorman(office, clouds)
        desk = replace(office.desk, clouds=clouds, admission=doorman)
        office.desk = desk
        office.app.state.desk = desk
        yield office, doorman


async def kinds(office: Office) -> list[tuple[str, str]]:
    answer = await office.call("GET", "/v1/events?every=true", None, "root")
    return [(each["kind"], each["user"]) for each in answer.json()["events"]]


async def test_taking_on_and_letting_go_is_written_down_and_tells_no_secret(
    hall: tuple[Office, Doorman],
) -> None:
    office, doorman = hall
    made = await office.call("POST", "/v1/clouds", LAB, "root")
    assert made.status_code == 201
    said = [
        made,
        await office.call("GET", "/v1/clouds"),
        await office.call("GET", "/v1/clouds/lab"),
    ]
    said.append(await office.call("GET", "/v1/events?every=true", None, "root"))
    for each in said:
        assert KEY.splitlines()[1] not in each.text
        assert "t0ken" not in each.text
    assert (await office.call("POST", "/v1/clouds", LAB, "root")).status_code == 409
    assert (await office.call("DELETE", "/v1/clouds/lab", None, "root")).status_code == 204
    assert doorman.parted == ["lab"]
    assert await kinds(office) == [("cloud.added", "root"), ("cloud.removed", "root")]


async def test_the_name_of_a_cluster_of_servers_is_kept_for_the_cloud_that_it_becomes(
    hall: tuple[Office, Doorman],
) -> None:
    office, _ = hall
    office.desk = office.app.state.desk = replace(office.desk, agents=FakeFleet())
    seed = merged({}, Ground(), UUID(int=1), office.desk.agents.certificate)
    for cluster, status in (
        (a_server_cluster(name="lab", seed=seed), 409),  # it is being made
        (a_server_cluster(name="lab", seed=seed, status=ServerClusterStatus.READY), 409),
        (a_server_cluster(name="lab", status=ServerClusterStatus.READY), 201),  # of earlier days
    ):
        await office.desk.store.write(lambda tx, it=cluster: tx.server_clusters.put(it))
        answer = await office.call("POST", "/v1/clouds", LAB, "root")
        assert (answer.status_code, "cluster of servers 'lab'" in answer.text) == (
            status,
            status == 409,
        )
    shown = await office.call("GET", "/1.0/provisioning/clusters/lab", None, "root")
    assert shown.json()["metadata"]["cloud_reason"] == "somebody has added a cloud 'lab'"


async def test_what_a_cluster_of_servers_is_goes_with_that_alone(
    hall: tuple[Office, Doorman],
) -> None:
    office, doorman = hall
    await office.call("POST", "/v1/clouds", LAB, "root")
    cluster = a_server_cluster(name="lab")

    def put(tx: Transaction) -> None:
        tx.server_clusters.put(cluster)
        tx.clouds.put(replace(doorman.rows["lab"], servers=cluster.id))

    await office.desk.store.write(put)
    await doorman.refresh()
    shown = (await office.call("GET", "/v1/clouds/lab")).json()["cloud"]
    assert (shown["added"], shown["server_cluster"]) == (True, True)
    answer = await office.call("DELETE", "/v1/clouds/lab", None, "root")
    assert (answer.status_code, "server cluster 'lab'" in answer.text) == (409, True)
    await office.desk.store.write(lambda tx: tx.server_clusters.drop(cluster.id))
    assert (await office.call("DELETE", "/v1/clouds/lab", None, "root")).status_code == 204


async def test_a_row_that_another_server_wrote_first_stays_and_ours_is_forgotten(
    hall: tuple[Office, Doorman],
) -> None:
    office, doorman = hall
    plan = await office.call("POST", "/v1/clouds?plan=true", LAB, "root")
    assert plan.json()["plan"]["steps"] == [
        "take cloud lab on, of kind incus at https://10.0.0.1:8443"
    ]
    theirs = replace(await doorman.introduce(CloudAsk(name="lab", kind="incus")), papers={})
    introduce = doorman.introduce

    async def outrun(ask: CloudAsk) -> Admitted:
        await office.desk.store.write(lambda tx: tx.clouds.put(theirs))
        return await introduce(ask)

    doorman.introduce = outrun  # type: ignore[method-assign]
    assert (await office.call("POST", "/v1/clouds", LAB, "root")).status_code == 409
    assert doorman.parted == ["lab"]
    kept = await office.desk.store.read(lambda tx: tx.clouds.find(Query()))
    assert kept == [theirs]


async def test_whoever_only_uses_clouds_takes_none_on(hall: tuple[Office, Doorman]) -> None:
    office, _ = hall
    assert (await office.call("POST", "/v1/clouds", LAB)).status_code == 403
    assert (await office.call("DELETE", "/v1/clouds/simulated")).status_code == 403
    built_in: Any = await office.call("DELETE", "/v1/clouds/simulated", None, "root")
    assert built_in.status_code == 409
