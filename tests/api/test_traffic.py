"""What goes through a cluster's load balancer, over HTTP."""

from uuid import UUID

from caller import Caller
from muster.drivers.simulated.cloud import world_of
from office import Office, path


async def test_requests_are_counted_as_they_come(office: Office) -> None:
    made = await office.made(min_size=1)
    before = await office.call("GET", f"{path(made)}/traffic")
    assert before.json() == {"at": None, "requests": None, "errors": None, "open_requests": None}

    await office.go_on(5)
    first = (await office.call("GET", f"{path(made)}/traffic")).json()
    world_of(office.desk.clouds["simulated"]).set_load(UUID(made["stack_id"]), 50)
    await office.go_on(10)
    second = (await office.call("GET", f"{path(made)}/traffic")).json()

    assert second["at"] > first["at"]
    assert second["requests"] > first["requests"]
    assert second["errors"] >= 0


async def test_a_cluster_without_a_load_balancer_has_no_traffic(office: Office) -> None:
    ann = Caller(office)
    plain = await ann.cluster(await ann.profile())
    where = f"/v1/clusters/{plain['name']}/{plain['id']}/traffic"
    assert (await office.call("GET", where)).json()["requests"] is None
