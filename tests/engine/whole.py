"""Virtual clusters over a simulated world: asked for, waited for, and what is left of them."""

import json
from typing import Any

from muster.drivers.simulated.cloud import world_of
from muster.drivers.simulated.world import World
from muster.model.reservation import Reservation
from muster.ports.store import Query
from office import Office

WHERE = "/v2/demo/vclusters"


def world(office: Office) -> World:
    return world_of(office.desk.clouds["simulated"])


async def made(office: Office, said: Any) -> dict[str, Any]:
    content = said if isinstance(said, str) else json.dumps(said)
    answer = await office.clients["all"].post(WHERE, content=content, headers={"x-name": "ann"})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()["vcluster"]
    assert answer.headers["location"].endswith(f"{WHERE}/{found['id']}")
    return found


async def settled(office: Office, id: str, seconds: int = 20) -> dict[str, Any]:
    for _ in range(seconds):
        await office.go_on(1)
        found: dict[str, Any] = (await office.call("GET", f"{WHERE}/{id}")).json()["vcluster"]
        if found["status"] in ("ACTIVE", "ERROR", "WARNING"):
            return found
    raise AssertionError(found)


async def claims(office: Office) -> list[Reservation]:
    return list(await office.desk.store.read(lambda tx: tx.reservations.find(Query())))


async def left(office: Office) -> tuple[int, int, int]:
    """Return how many servers, volumes and claims there are."""
    cloud = office.desk.clouds["simulated"]
    assert cloud.volumes
    servers, volumes = await cloud.compute.list_servers(), await cloud.volumes.list_volumes()
    return len(servers), len(volumes), len(await claims(office))


async def there(office: Office, said: Any) -> dict[str, Any]:
    found = await settled(office, (await made(office, said))["id"])
    assert found["status"] == "ACTIVE"
    return found


async def patched(office: Office, id: str, status: int = 202, **change: Any) -> dict[str, Any]:
    plan = "?plan=true" if status == 200 else ""
    answer = await office.call("PATCH", f"{WHERE}/{id}{plan}", {"vcluster": change})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found.get("error", found)
