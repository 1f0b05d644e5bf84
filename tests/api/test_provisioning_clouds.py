"""Clusters of servers as clouds, over the API: there by themselves, following, let go."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.pem.made import CERTIFICATE, KEY
from muster.model.admission import Admitted, cloud_id
from muster.ports.store import Query
from office import a_cloud
from yard import HERE, Yard, opened_yard

C1 = f"{HERE}/c1"


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with opened_yard(tmp_path) as made:
        yield made


async def cloud(yard: Yard, name: str = "c1") -> Admitted | None:
    return await yard.office.desk.store.read(lambda tx: tx.clouds.get(cloud_id(name)))


async def urls(yard: Yard, name: str = "c1") -> set[str]:
    there = await cloud(yard, name)
    return {there.options["url"], *there.options.get("members", ())} if there else set()


async def told(yard: Yard) -> list[tuple[str, str]]:
    query = Query(sort=(("seq", False),))
    events = await yard.office.desk.store.read(lambda tx: tx.events.find(query))
    return [(e.kind, e.oname) for e in events if e.kind.startswith("cloud.")]


async def as_a_cloud(yard: Yard) -> tuple[Any, str]:
    shown = await yard.ask("GET", C1)
    return shown["cloud"], shown["cloud_reason"]


async def serve(yard: Yard, name: str = "c1") -> None:
    """Have the office have a cloud open, as every server has that sees its row."""
    office = yard.office
    made = await a_cloud(office.home, office.clock, name)
    office.desk = replace(office.desk, clouds={**office.desk.clouds, name: made})
    office.app.state.desk = office.desk


async def test_a_cluster_is_a_cloud_by_itself_from_the_moment_it_is_ready(yard):
    await yard.create("m1", "m2", "m3")
    assert await as_a_cloud(yard) == (None, "it is pending, and not ready")
    await yard.go_on()
    assert await as_a_cloud(yard) == ("c1", "it is not open here yet")
    await serve(yard)
    assert await as_a_cloud(yard) == ("c1", "")
    assert await urls(yard) == {f"https://10.0.0.{n}:8443" for n in (1, 2, 3)}
    assert await told(yard) == [("cloud.added", "c1")]
    there = await cloud(yard)
    assert there is not None
    assert KEY not in str(await yard.ask("GET", C1))


async def test_it_follows_its_cluster(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await yard.ask("POST", f"{C1}/:add-servers", {"server_names": ["m3"]})
    await yard.go_on()
    assert len(await urls(yard)) == 3
    pair = {"cluster_certificate": CERTIFICATE, "cluster_certificate_key": KEY}
    await yard.ask("PUT", f"{C1}/certificate", pair)
    await yard.go_on()
    there = await cloud(yard)
    assert there is not None
    assert there.papers["server_certificate"].strip() == CERTIFICATE.strip()
    before = await told(yard)
    await yard.ask("POST", f"{C1}/:reboot", {})
    await yard.go_on()
    assert await told(yard) == before  # its servers are the same
    assert ("cloud.changed", "c1") in before


async def test_renamed_it_is_the_cloud_of_its_new_name(yard):
    await yard.create("m1")
    await yard.go_on()
    await yard.ask("POST", C1, {"name": "c2"}, 201)
    assert await cloud(yard) is None
    await yard.follow()
    assert await urls(yard, "c2") == {"https://10.0.0.1:8443"}
    assert (await yard.ask("GET", f"{HERE}/c2"))["cloud"] == "c2"


async def test_a_server_that_has_moved_is_found_where_it_is(yard):
    await yard.create("m1")
    await yard.go_on()
    [machine] = await yard.office.desk.store.read(
        lambda tx: tx.machines.find(Query(where={"name": ("m1",)}))
    )
    facts = replace(machine.facts, network={})
    moved = replace(machine, facts=facts, connection_url="https://10.9.9.9:8443")
    await yard.office.desk.store.write(lambda tx: tx.machines.put(moved))
    yard.office.clock.advance(60)
    await yard.follow()
    assert await urls(yard) == {"https://10.9.9.9:8443"}


async def test_whoever_wants_none_has_none_until_he_wants_one(yard):
    await yard.create("m1", config={"cloud": False})
    await yard.go_on()
    assert (await cloud(yard), (await as_a_cloud(yard))[1]) == (
        None,
        "it is not wanted as one (config.cloud)",
    )
    await yard.ask("PUT", C1, {"config": {"cloud": True}}, 201)
    await yard.follow()
    assert await urls(yard) == {"https://10.0.0.1:8443"}
    await yard.ask("PUT", C1, {"description": "ours"}, 201)
    assert (await yard.ask("GET", C1))["config"]["cloud"] is True
    await yard.ask("PUT", C1, {"config": {"cloud": False}}, 201)
    await yard.follow()
    assert await cloud(yard) is None
    assert await told(yard) == [("cloud.added", "c1"), ("cloud.removed", "c1")]


async def test_it_is_not_let_go_while_something_of_ours_is_in_it(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await serve(yard)
    web = await yard.office.made("root", cloud="c1")
    assert web["name"] == "web"
    why = "cluster 'c1' is a cloud, and in use by cluster 'web': change that first"
    for method, path, body in (
        ("DELETE", f"{C1}?mode=factory-reset", None),
        ("POST", C1, {"name": "c2"}),
        ("PUT", C1, {"config": {"cloud": False}}),
    ):
        assert why in await yard.ask(method, path, body, 400)
    assert (await yard.ask("GET", C1))["server_names"] == ["m1", "m2"]
    assert await cloud(yard) is not None


async def test_forgotten_by_force_it_stays_a_cloud_while_something_is_in_it(yard):
    await yard.create("m1")
    await yard.go_on()
    await serve(yard)
    await yard.office.made("root", cloud="c1")
    await yard.ask("DELETE", f"{C1}?mode=force")
    assert await cloud(yard) is not None
    said = {"name": "c1", "server_names": ["m2"], "server_type": "incus"}
    assert "there is a cloud 'c1'" in await yard.ask("POST", HERE, said, 400)
    await yard.create("m2", config={"cloud": False})
    await yard.go_on()
    assert (await as_a_cloud(yard))[0] is None


@pytest.mark.parametrize("mode", ["force", "factory-reset"])
async def test_it_goes_with_its_cluster_where_nothing_is_in_it(yard, mode):
    await yard.create("m1")
    await yard.go_on()
    await yard.ask("DELETE", f"{C1}?mode={mode}", None, 202 if mode == "factory-reset" else 200)
    assert await cloud(yard) is None
    await yard.follow()
    assert (await cloud(yard), await told(yard)) == (
        None,
        [("cloud.added", "c1"), ("cloud.removed", "c1")],
    )


async def test_a_name_is_of_one_cloud_only(yard):
    await serve(yard, "lab")
    said = {"name": "lab", "server_names": ["m1"], "server_type": "incus"}
    assert "there is a cloud 'lab'" in await yard.ask("POST", HERE, said, 400)
