"""Clusters of servers over the API: made, enlarged, made smaller, looked after, let go."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.pem.made import CERTIFICATE, KEY, OTHER_KEY
from machines import a_machine_template
from muster.engine.server_jobs.turn import advance
from muster.model.machine import Happening
from muster.ports.store import Query
from yard import HERE, Yard, opened_yard

C1 = f"{HERE}/c1"


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with opened_yard(tmp_path) as made:
        yield made


def steps(shown: Any, status: str) -> list[tuple[str, str]]:
    return [(e["step"], e["server"]) for e in shown["job"]["steps"] if e["status"] == status]


async def test_a_cluster_is_pending_until_its_servers_are_one_and_shows_how_far_it_is(yard):
    made = await yard.create("m1", "m2", services_config={"lvm": {"enabled": True}})
    assert (made["status"], made["job"]["kind"], made["job"]["status"]) == (
        "pending",
        "create",
        "running",
    )
    assert {name for name, each in (await yard.machines()).items() if each.cluster == "c1"} == {
        "m1",
        "m2",
    }
    shown = await yard.go_on()
    assert (shown["status"], shown["job"]["status"]) == ("ready", "done")
    assert (shown["server_names"], shown["connection_url"]) == (
        ["m1", "m2"],
        "https://10.0.0.1:8443",
    )
    ids = [yard.fleet.metals[name].services["lvm"]["system_id"] for name in ("m1", "m2")]
    assert ids == [1, 2]
    assert "secret" not in str(shown["job"])
    assert await yard.ask("GET", HERE) == [C1]
    [row] = await yard.ask("GET", f"{HERE}?recursion=1&filter=status%20==%20%22ready%22")
    assert row["name"] == "c1"


async def test_a_cluster_is_made_of_a_template(yard):
    template = a_machine_template()
    await yard.office.desk.store.write(lambda tx: tx.machine_templates.put(template))
    values = {"RACK": 7}
    await yard.create("m1", cluster_template="storage", cluster_template_variable_values=values)
    assert (await yard.go_on())["status"] == "ready"
    union = yard.fleet.metals["m1"].union
    assert union is not None
    assert union.config["user.rack"] == "7"


async def test_whatever_speaks_against_it_is_told_at_once_and_nothing_is_kept(yard):
    yard.fleet.metals["m2"].dead = True
    said = {"name": "c1", "server_names": ["m1", "m2", "m9"], "server_type": "incus-lts-7.0"}
    told = await yard.ask("POST", HERE, said, 400)
    assert ("m2: it does not answer" in told, "m9" in told, "m1: it is of type" in told) == (
        True,
        True,
        True,
    )
    assert (await yard.ask("GET", HERE), yard.fleet.changes) == ([], [])


async def test_a_name_and_a_server_are_of_one_cluster_only(yard):
    await yard.create("m1")
    said = {"name": "c1", "server_names": ["m2"], "server_type": "incus"}
    assert "already" in await yard.ask("POST", HERE, said, 400)
    said = {"name": "c2", "server_names": ["m1"], "server_type": "incus"}
    assert "in cluster 'c1'" in await yard.ask("POST", HERE, said, 400)


async def test_servers_join_with_what_the_cluster_was_made_of(yard):
    await yard.create("m1", "m2", services_config={"lvm": {"enabled": True}})
    await yard.go_on()
    await yard.ask("POST", f"{C1}/:add-servers", {"server_names": ["m3"]})
    shown = await yard.go_on()
    assert (shown["server_names"], shown["job"]["status"]) == (["m1", "m2", "m3"], "done")
    there = yard.fleet.metals["m3"]
    assert there.services["lvm"] == {"enabled": True, "system_id": 3}
    assert there.config["storage.backups_volume"] == "local/backups"
    assert there.union is yard.fleet.metals["m1"].union


async def test_one_that_dies_while_it_joins_leaves_the_cluster_as_it_was(yard):
    await yard.create("m1")
    await yard.go_on()
    there = yard.fleet.metals["m2"]

    def dies(when, metal, order):
        if when == "after" and order.path == "/1.0/cluster":
            there.dead = True

    yard.fleet.meanwhile = dies
    await yard.ask("POST", f"{C1}/:add-servers", {"server_names": ["m2"]})
    shown = await yard.go_on()
    assert (shown["status"], shown["job"]["status"]) == ("ready", "turned back")
    assert shown["server_names"] == ["m1"]
    union = yard.fleet.metals["m1"].union
    assert union is not None
    assert set(union.members) == {"m1"}
    assert (await yard.machines())["m2"].owes_reset
    there.dead, yard.fleet.meanwhile = False, None
    said = {"name": "c2", "server_names": ["m2"], "server_type": "incus"}
    assert "it has to be reset first" in await yard.ask("POST", HERE, said, 400)


async def test_a_server_leaves_once_it_is_evacuated_and_comes_back_new(yard):
    await yard.create("m1", "m2", "m3")
    await yard.go_on()
    said = {"server_names": ["m2"]}
    await yard.ask("POST", f"{C1}/:remove-servers", said)
    shown = await yard.go_on()
    assert (shown["job"]["status"], "evacuated first" in shown["job"]["reason"]) == (
        "stopped",
        True,
    )
    union = yard.fleet.metals["m1"].union
    assert union is not None
    union.members["m2"] = "Evacuated"
    await yard.ask("POST", f"{C1}/:resume")
    shown = await yard.go_on()
    assert (shown["job"]["status"], shown["server_names"]) == ("done", ["m1", "m3"])
    assert set(union.members) == {"m1", "m3"}
    assert yard.fleet.metals["m2"].is_new
    assert (await yard.machines())["m2"].status == "unregistered"


async def test_a_lost_server_is_struck_out_and_reset_when_it_comes_back(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    said = {"server_names": ["m2"], "lost": True}
    assert "answers" in await yard.ask("POST", f"{C1}/:remove-servers", said, 400)
    yard.fleet.metals["m2"].dead = True
    await yard.met("m2", Happening.SILENT)
    await yard.ask("POST", f"{C1}/:remove-servers", said)
    shown = await yard.go_on()
    assert (shown["job"]["status"], shown["server_names"]) == ("done", ["m1"])
    yard.fleet.metals["m2"].dead = False
    await yard.met("m2", Happening.OWES)
    engine = yard.office.engine
    engine.ask_machines_by(yard.fleet)
    for task in await engine.ticks.jobs():
        await task
    assert yard.fleet.metals["m2"].is_new
    assert (await yard.machines())["m2"].owes_reset == ""


async def test_nobody_takes_all_servers_or_strangers_out(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    for names, why in ((["m1", "m2"], "one server at least"), (["m4"], "does not have m4")):
        said = {"server_names": names}
        assert why in await yard.ask("POST", f"{C1}/:remove-servers", said, 400)


async def test_a_cluster_is_renamed_with_all_its_servers(yard):
    await yard.create("m1")
    await yard.go_on()
    await yard.ask("POST", C1, {"name": "c2"}, 201)
    assert (await yard.machines())["m1"].cluster == "c2"
    assert (await yard.ask("GET", f"{HERE}/c2"))["server_names"] == ["m1"]


async def test_what_is_said_of_a_cluster_is_held_to_what_was_seen(yard):
    await yard.create("m1")
    await yard.go_on()
    rolling = {"rolling_restart": {"post_restore_delay": "15m", "drain_timeout": "1h"}}
    said = {"description": "ours", "properties": {"rack": 7}, "config": rolling}
    await yard.ask("PUT", C1, said, 201)
    shown = await yard.ask("GET", C1)
    assert (shown["description"], shown["properties"]) == ("ours", {"rack": "7"})
    in_turn = shown["config"]["rolling_restart"]
    assert (in_turn["post_restore_delay"], in_turn["drain_timeout"]) == ("900s", "3600s")
    client = yard.office.clients["all"]
    headers = {"x-name": "root", "if-match": '"old"'}
    answer = await client.request("PUT", C1, json=said, headers=headers)
    assert answer.status_code == 412


async def test_a_certificate_is_one_with_its_key_and_is_shown_by_all_from_then_on(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    pair = {"cluster_certificate": CERTIFICATE, "cluster_certificate_key": OTHER_KEY}
    assert "no certificate with its key" in await yard.ask("PUT", f"{C1}/certificate", pair, 400)
    pair["cluster_certificate_key"] = KEY
    await yard.ask("PUT", f"{C1}/certificate", pair)
    shown = await yard.go_on()
    assert (shown["job"]["status"], shown["certificate"]) == ("done", CERTIFICATE)
    known = await yard.office.desk.store.read(lambda tx: tx.server_clusters.find(Query()))
    assert KEY not in str(known)


async def test_making_it_can_be_taken_back_while_it_is_under_way(yard):
    await yard.create("m1", "m2", services_config={"nvme": {"enabled": True}})
    site, store = yard.office.engine.site, yard.office.desk.store
    [cluster] = await store.read(lambda tx: tx.server_clusters.find(Query()))
    for _ in range(3):
        await advance(site, yard.fleet, cluster.id)
    await yard.ask("POST", f"{C1}/:rollback")
    shown = await yard.go_on()
    assert (shown["status"], shown["job"]["status"]) == ("failed", "turned back")
    assert all(each.is_new for each in yard.fleet.metals.values())
    await yard.ask("DELETE", C1)
    await yard.create("m1", "m2")
    assert (await yard.go_on())["status"] == "ready"


async def test_a_cluster_goes_forgotten_or_reset_but_not_by_mistake(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    assert "has servers" in await yard.ask("DELETE", C1, None, 400)
    assert "normal" in await yard.ask("DELETE", f"{C1}?mode=all", None, 400)
    await yard.ask("DELETE", f"{C1}?mode=factory-reset", None, 202)
    assert await yard.go_on() is None
    assert all(each.is_new for each in yard.fleet.metals.values())
    await yard.office.call("GET", C1, None, "root")
    assert await yard.ask("GET", HERE) == []


async def test_one_that_is_forgotten_stays_as_it_is(yard):
    await yard.create("m1")
    await yard.go_on()
    await yard.ask("DELETE", f"{C1}?mode=force")
    assert (await yard.machines())["m1"].cluster == ""
    assert yard.fleet.metals["m1"].union is not None


async def test_another_channel_is_told_to_all_servers(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await yard.ask("PUT", C1, {"channel": "daily"}, 201)
    assert (await yard.go_on())["job"]["kind"] == "channel"
    assert [yard.fleet.metals[name].update["channel"] for name in ("m1", "m2")] == ["daily"] * 2
    await yard.ask("PUT", C1, {"description": "ours"}, 201)
    assert (await yard.ask("GET", C1))["channel"] == "daily"


async def test_a_server_of_no_cluster_reboots_goes_off_or_is_reset(yard):
    here = "/1.0/provisioning/servers/{}/system/:{}"
    await yard.ask("POST", here.format("m1", "reboot"))
    assert yard.fleet.metals["m1"].reboots == 1
    assert (await yard.machines())["m1"].detail == "rebooting"
    assert "not ready" in await yard.ask("POST", here.format("m1", "poweroff"), None, 400)
    await yard.ask("POST", here.format("m2", "poweroff"))
    assert (await yard.machines())["m2"].detail == "shut down"
    await yard.ask("POST", here.format("m3", "factory-reset"))
    shown = await yard.ask("GET", "/1.0/provisioning/servers/m3")
    assert (shown["server_status"], shown["server_status_detail"]) == ("pending", "resetting")
    engine = yard.office.engine
    engine.ask_machines_by(yard.fleet)
    for task in await engine.ticks.jobs():
        await task
    assert len(yard.fleet.metals["m3"].resets) == 1
    await yard.create("m4")
    await yard.go_on()
    for verb in ("factory-reset", "poweroff"):
        await yard.ask("POST", here.format("m4", verb), None, 400)


async def test_one_that_only_we_do_not_see_is_not_struck_out(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await yard.met("m2", Happening.SILENT)
    said = {"server_names": ["m2"], "lost": True}
    await yard.ask("POST", f"{C1}/:remove-servers", said)
    shown = await yard.go_on()
    assert shown["job"]["status"] == "stopped"
    assert "the other members still see it" in shown["job"]["reason"]
    assert shown["server_names"] == ["m1", "m2"]


async def test_a_cluster_is_at_one_thing_at_a_time_bulk_updates_included(yard):
    await yard.create("m1", "m2")
    bulk = {"action": "add_application", "arguments": {"name": "debug"}}
    told = await yard.ask("POST", f"{C1}/:bulk-update", bulk, 400)
    assert "pending, and not ready" in told
    await yard.go_on()
    await yard.ask("POST", f"{C1}/:reboot", {})
    told = await yard.ask("POST", f"{C1}/:bulk-update", bulk, 400)
    assert "is at something: reboot" in told


async def test_a_job_that_waits_for_somebody_is_warned_of_until_it_goes_on(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await yard.ask("POST", f"{C1}/:remove-servers", {"server_names": ["m2"]})
    await yard.go_on()
    await yard.follow()
    await yard.follow()
    [warning] = await yard.ask("GET", "/1.0/warnings?recursion=1")
    assert (warning["type"], warning["count"]) == ("Cluster update next action failed", 1)
    assert "remove-servers: m2: check that nothing is left there" in warning["messages"][0]
    yard.fleet.metals["m1"].union.members["m2"] = "Evacuated"
    await yard.ask("POST", f"{C1}/:resume")
    await yard.follow()
    assert await yard.ask("GET", "/1.0/warnings") == []
