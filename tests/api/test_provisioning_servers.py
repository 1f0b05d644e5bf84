"""Servers: expected, listed, filtered, changed while nobody else did, renamed, forgotten."""

from dataclasses import replace

import pytest

from machines import a_machine
from muster.decide.server_clusters.numbers import numbered
from muster.model.host_number import HostNumber
from muster.model.machine import Facts
from muster.ports.store import Query

HERE = "/1.0/provisioning/servers"


async def expected(office, name="m1", **but):
    answer = await office.call("POST", HERE, {"name": name, **but}, "root")
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def shown(office, where):
    answer = await office.call("GET", where, None, "root")
    assert answer.status_code == 200, answer.text
    return answer.json()["metadata"]


async def known(office, *machines):
    await office.desk.store.write(lambda tx: tx.machines.put(*machines))


async def listed(office, query):
    answer = await office.call("GET", f"{HERE}?{query}", None, "root")
    assert answer.status_code == 200, answer.text
    return answer.json()["metadata"]


async def test_a_server_is_expected_before_it_registers(office):
    where = await expected(
        office, description="rack 7", properties={"rack": 7, "ssd": True, "none": None}
    )
    assert where == f"{HERE}/m1"
    server = await shown(office, where)
    assert (server["server_status"], server["server_type"]) == ("unregistered", "unknown")
    assert server["properties"] == {"rack": "7", "ssd": "true", "none": ""}
    assert (server["cluster"], server["certificate"], server["connection_url"]) == (None, "", "")


async def test_what_is_known_of_a_server_is_shown_as_clients_expect_it(office):
    facts = Facts(
        resources={"cpu": {"total": 2}},
        environment={"os_name": "Debian", "os_version": "12"},
        applications=({"name": "incus", "version": "6.0.4"},),
        update={"state": {"needs_reboot": True}},
        security={"state": {"system_state_is_trusted": True}},
        in_maintenance=2,
    )
    await known(office, a_machine(1, facts=facts))
    server = await shown(office, f"{HERE}/m1")
    assert (server["server_type"], server["system_state_is_trusted"]) == ("incus", True)
    assert server["hardware_data"] == {"cpu": {"total": 2}}
    assert set(server["os_data"]) == {"network", "security", "storage"}
    assert server["version_data"]["os"] == {
        "name": "Debian",
        "version": "12",
        "version_next": "",
        "needs_reboot": True,
    }
    assert server["version_data"]["applications"][0]["in_maintenance"] == 2
    assert server["version_data"]["needs_reboot"] is True
    assert server["fingerprint"] == a_machine(1).fingerprint


@pytest.mark.parametrize("name", [":self", "", "M1", "a b", "-a", "a_b", "x" * 64, "@x"])
async def test_a_name_that_no_host_can_have_is_refused(office, name):
    answer = await office.call("POST", HERE, {"name": name}, "root")
    assert answer.status_code == 400
    assert answer.json()["metadata"]["errors"][0]["field"] == "name"


async def test_a_name_is_given_once(office):
    await expected(office)
    answer = await office.call("POST", HERE, {"name": "m1"}, "root")
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)
    assert "there is a server 'm1' already" in answer.text


async def test_nested_properties_are_refused_by_name(office):
    body = {"name": "m1", "properties": {"rack": {"row": 1}}}
    answer = await office.call("POST", HERE, body, "root")
    assert answer.status_code == 400
    assert "rack" in answer.json()["metadata"]["errors"][0]["field"]


async def test_lists_are_cut_by_cluster_status_and_expression(office):
    await known(office, a_machine(1), a_machine(2, cluster="c1"))
    await expected(office, "m3", properties={"rack": "7"})
    assert await listed(office, "") == [f"{HERE}/{name}" for name in ("m1", "m2", "m3")]
    assert await listed(office, "cluster=c1") == [f"{HERE}/m2"]
    assert await listed(office, "status=ready") == [f"{HERE}/m1", f"{HERE}/m2"]
    assert await listed(office, 'filter=properties.rack == "7"') == [f"{HERE}/m3"]
    both = 'recursion=1&filter=server_status == "ready" and cluster != "c1"'
    assert [each["name"] for each in await listed(office, both)] == ["m1"]


@pytest.mark.parametrize("query", ["filter=name ==", "recursion=2", "nonsense=1"])
async def test_a_query_that_means_nothing_is_refused_by_its_name(office, query):
    answer = await office.call("GET", f"{HERE}?{query}", None, "root")
    body = answer.json()
    assert (answer.status_code, body["type"]) == (400, "error")
    assert body["metadata"]["errors"][0]["field"] == query.partition("=")[0]


async def test_a_change_is_held_to_what_its_maker_has_seen(office):
    where = await expected(office)
    client = office.clients["all"]
    seen = (await office.call("GET", where, None, "root")).headers["etag"]
    held = {"x-name": "root", "if-match": seen}
    said = {**await shown(office, where), "description": "rack 7"}
    assert (await client.put(where, json=said, headers=held)).status_code == 201
    late = await client.put(where, json=said, headers=held)
    assert (late.status_code, late.json()["error_code"]) == (412, 412)
    rename = await client.post(where, json={"name": "m2"}, headers=held)
    assert rename.status_code == 412
    assert (await shown(office, where))["description"] == "rack 7"


async def test_what_a_server_says_of_itself_does_not_spoil_a_change(office):
    await known(office, a_machine(1))
    where = f"{HERE}/m1"
    seen = (await office.call("GET", where, None, "root")).headers["etag"]
    await known(office, a_machine(1, polls=7, seen_at=office.clock.now(), polled_at=None))
    held = {"x-name": "root", "if-match": seen}
    answer = await office.clients["all"].put(where, json={"description": "x"}, headers=held)
    assert answer.status_code == 201, answer.text


async def test_one_in_a_cluster_keeps_the_channel_of_that(office):
    await known(office, a_machine(1, cluster="c1", channel="stable"))
    await office.call("PUT", f"{HERE}/m1", {"channel": "daily"}, "root")
    assert (await shown(office, f"{HERE}/m1"))["channel"] == "stable"


async def test_a_server_is_renamed_unless_it_is_in_a_cluster(office):
    where = await expected(office)
    answer = await office.call("POST", where, {"name": "m2"}, "root")
    assert (answer.status_code, answer.headers["location"]) == (201, f"{HERE}/m2")
    assert (await office.call("GET", where, None, "root")).status_code == 404
    await known(office, a_machine(3, cluster="c1"))
    answer = await office.call("POST", f"{HERE}/m3", {"name": "m4"}, "root")
    assert (answer.status_code, "c1" in answer.json()["error"]) == (400, True)
    answer = await office.call("POST", f"{HERE}/m2", {"name": "m3"}, "root")
    assert answer.status_code == 400


async def test_the_number_of_a_lost_server_is_nobody_elses_although_that_is_forgotten(
    office,
):
    lost = replace(a_machine(1), owes_reset="it was lost")
    number = HostNumber(domain="", number=1, machine_id=lost.id)

    def put(tx):
        tx.machines.put(lost)
        tx.host_numbers.put(number)

    await office.desk.store.write(put)
    assert (await office.call("DELETE", f"{HERE}/m1", None, "root")).status_code == 200
    given = await office.desk.store.read(lambda tx: tx.host_numbers.find(Query()))
    assert given == [number]
    assert [each.number for each in numbered(given, [a_machine(2).id]) or ()] == [2]


async def test_a_server_is_forgotten_with_its_numbers_unless_it_is_in_a_cluster(office):
    await known(office, a_machine(1), a_machine(2, cluster="c1"))
    numbers = [HostNumber(domain="", number=n, machine_id=a_machine(n).id) for n in (1, 2)]
    await office.desk.store.write(lambda tx: tx.host_numbers.put(*numbers))
    answer = await office.call("DELETE", f"{HERE}/m1", None, "root")
    assert (answer.status_code, answer.json()["metadata"]) == (200, {})
    assert (await office.call("DELETE", f"{HERE}/m2", None, "root")).status_code == 400
    assert (await office.call("DELETE", f"{HERE}/m1", None, "root")).status_code == 404
    left = await office.desk.store.read(lambda tx: tx.host_numbers.find(Query()))
    assert [each.number for each in left] == [2]


async def test_where_nobody_looks_after_machines_that_is_said(office):
    where = await expected(office)
    answer = await office.call("POST", f"{where}/:resync", None, "root")
    assert (answer.status_code, answer.json()["type"]) == (400, "error")
    assert "looks after no machines" in answer.json()["error"]
