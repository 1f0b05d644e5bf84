"""The inventory, asked: by kind, by filter, by words, page by page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from builders import NOW
from incuses import NETWORK, an_instance
from muster.model.inventory import Kind, Record, Stocktake
from muster.ports.store import Query
from office import Office, opened

HERE = "/1.0/inventory"
K, ALL = Kind, Query()


def a_record(kind: Kind, name: str, **but) -> Record:
    plain = {"kind": kind, "cluster": "c1", "project": "default", "name": name, "updated_at": NOW}
    return Record(**plain | but)


def some() -> list[Record]:
    web = an_instance("web", config={"image.os": "Debian"})
    used = {"name": "default", "used_by": ["/1.0/instances/web"]}
    return [
        a_record(K.INSTANCES, "web", server="m1", object=web),
        a_record(K.INSTANCES, "db", server="m2", project="lab", object=an_instance("db", "m2")),
        a_record(K.INSTANCES, "web", cluster="c2", server="n1", object=an_instance("web", "n1")),
        a_record(K.NETWORKS, "ovn0", object=NETWORK),
        a_record(K.NETWORK_FORWARDS, "10.9.0.5", parent="ovn0"),
        a_record(K.PROFILES, "default", object=used),
        a_record(K.PROJECTS, "lab", project=""),
        a_record(K.STORAGE_VOLUMES, "v1", server="m1", parent="local", type="custom"),
        a_record(K.STORAGE_VOLUMES, "v1", server="m2", parent="local", type="custom"),
    ]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as made:
        await made.desk.store.write(lambda tx: tx.inventory.put(*some()))
        await made.desk.store.write(lambda tx: tx.stocktakes.put(Stocktake(cluster="c1")))
        yield made


async def got(office: Office, path: str):
    answer = await office.call("GET", f"{HERE}{path}", None, "root")
    assert answer.status_code == 200, answer.text
    return answer.json()["metadata"]


async def names(office: Office, path: str) -> list[tuple[str, str]]:
    sign = "&" if "?" in path else "?"
    return [(e["cluster"], e["name"]) for e in await got(office, f"{path}{sign}recursion=1")]


async def test_a_list_is_of_urls_and_each_leads_to_its_thing(office):
    urls = await got(office, "/instances")
    assert len(urls) == 3
    [db] = [e for url in urls if (e := await got(office, url.removeprefix(HERE)))["name"] == "db"]
    assert db == {
        "uuid": db["uuid"],
        "cluster": "c1",
        "server": "m2",
        "project_name": "lab",
        "name": "db",
        "object": an_instance("db", "m2"),
        "last_updated": db["last_updated"],
    }


async def test_every_kind_has_its_list(office):
    for kind in Kind:
        await got(office, f"/{kind}")
    volumes = await got(office, "/storage_volumes?recursion=1")
    assert [(e["server"], e["parent_name"], e["type"]) for e in volumes] in (
        [("m1", "local", "custom"), ("m2", "local", "custom")],
        [("m2", "local", "custom"), ("m1", "local", "custom")],
    )
    assert "project_name" not in (await got(office, "/projects?recursion=1"))[0]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/instances?cluster=c2", [("c2", "web")]),
        ("/instances?server=m2", [("c1", "db")]),
        ("/instances?project=lab", [("c1", "db")]),
        ('/instances?filter=object.config["image.os"] == "Debian"', [("c1", "web")]),
        ('/networks?filter=object.config["ipv4.address"] == "10.1.0.1/24"', [("c1", "ovn0")]),
        ('/profiles?filter="/1.0/instances/web" in object.used_by', [("c1", "default")]),
        ("/instances?text=debian", [("c1", "web")]),
        ("/instances?text=WEB c2", [("c2", "web")]),
        ("/instances?text=nothing", []),
        ("/instances?text=web%26filter", []),
    ],
)
async def test_only_what_is_asked_for_is_listed(office, path, wanted):
    assert await names(office, path) == wanted


async def test_pages_follow_each_other_with_a_filter_as_without(office):
    many = [a_record(K.IMAGES, f"i{number:04}", object={"n": number}) for number in range(1200)]
    await office.desk.store.write(lambda tx: tx.inventory.put(*many))
    for question in ("", "&filter=object.n >= 0", "&text=i"):
        seen, marker = [], ""
        while True:
            page = await got(office, f"/images?recursion=1&limit=500&marker={marker}{question}")
            seen += [each["name"] for each in page]
            if not page:
                break
            marker = page[-1]["uuid"]
        assert seen == [each.name for each in many]


async def test_a_question_over_all_kinds_is_answered_cluster_by_cluster(office):
    told = await got(office, "/query?text=web")
    assert [each["cluster"] for each in told] == ["c1", "c2"]
    assert sorted(told[0]) == ["cluster", "instances", "profiles"]
    told = await got(office, "/query?kind=instances&kind=networks&cluster=c1&server=m1")
    assert [sorted(each) for each in told] == [["cluster", "instances"]]
    told = await got(office, "/query?cluster=c1&server=m1&server_include_null=true")
    assert {"instances", "networks", "projects"} <= set(told[0])
    assert [each["name"] for each in told[0]["instances"]] == ["web"]
    told = await got(office, "/query?parent=ovn0")
    assert [sorted(each) for each in told] == [["cluster", "network_forwards"]]
    told = await got(office, "/query?parent=ovn0&parent_include_null=true&project=lab")
    assert [sorted(each) for each in told] == [["cluster", "instances"]]


async def test_what_is_asked_for_wrongly_is_told(office):
    for path, status in (
        ("/instance", 404),
        ("/instances/7", 404),
        ("/instances?filter=name ==", 400),
        ("/instances?limit=0", 400),
        ("/instances?recursion=7", 400),
        ("/query?kind=cats", 400),
    ):
        answer = await office.call("GET", f"{HERE}{path}", None, "root")
        assert answer.status_code == status, path


async def test_whoever_asks_has_a_cluster_read_again(office):
    async def asked():
        return (await office.desk.store.read(lambda tx: tx.stocktakes.find_as(ALL, Stocktake)))[0]

    where = "/1.0/provisioning/clusters"
    assert (
        await office.call("POST", f"{where}/c9/:resync-inventory", None, "root")
    ).status_code == 404
    await office.call("POST", f"{where}/c1/:resync-inventory", None, "root")
    assert (await asked()).asked_at == office.clock.now()
    office.clock.advance(5)
    [url] = [each for each in await got(office, "/networks")]
    await office.call("POST", f"{url}/:resync", None, "root")
    assert (await asked()).asked_at == office.clock.now()
    assert [each["cluster"] for each in await got(office, "")] == ["c1"]
