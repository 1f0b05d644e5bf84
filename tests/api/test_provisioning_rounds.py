"""Servers of a cluster that are updated, evacuated and rebooted in turn, over the API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from muster.engine.server_jobs.turn import advance
from muster.ports.store import Query
from yard import HERE, Yard, opened_yard

C1 = f"{HERE}/c1"


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with opened_yard(tmp_path) as made:
        yield made


def steps(shown: Any, status: str) -> list[tuple[str, str]]:
    return [(e["step"], e["server"]) for e in shown["job"]["steps"] if e["status"] == status]


async def test_servers_are_rebooted_in_turn_each_evacuated_before(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await yard.ask("POST", f"{C1}/:reboot", {})
    shown = await yard.go_on()
    assert shown["job"]["status"] == "done", shown["job"]
    verbs = (
        "drain the server",
        "evacuate the server",
        "reboot the server",
        "restore the server",
    )
    assert steps(shown, "done") == [(verb, name) for name in ("m1", "m2") for verb in verbs]
    metals = yard.fleet.metals
    assert [metals[name].reboots for name in ("m1", "m2")] == [1, 1]
    union = metals["m1"].union
    assert union is not None
    assert set(union.members.values()) == {"Online"}
    assert {(e.status, e.detail) for n, e in (await yard.machines()).items()} == {("ready", "")}


async def test_an_update_reboots_those_that_need_it(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await yard.ask("POST", f"{C1}/:update", {"reboot": True})
    shown = await yard.go_on()
    assert shown["job"]["status"] == "done", shown["job"]
    assert [yard.fleet.metals[name].reboots for name in ("m1", "m2")] == [1, 1]


def an_instance(name: str, member: str, **but: Any) -> dict[str, Any]:
    plain = {"name": name, "location": member, "status": "Running", "config": {}}
    return {**plain, **but}


async def test_what_would_have_to_stop_is_told_before_anything_is_evacuated(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    union = yard.fleet.metals["m1"].union
    assert union is not None
    gpu = {"card": {"type": "gpu"}}
    union.instances = [
        an_instance("big", "m1", config={"limits.memory": "8GiB"}),
        an_instance("bound", "m2", devices=gpu),
    ]
    told = await yard.ask("POST", f"{C1}/:reboot", {}, 400)
    assert ("need 8192 MiB" in told, "'bound' cannot move" in told) == (True, True)
    assert "need 8192" in await yard.ask(
        "POST", "/1.0/provisioning/servers/m1/system/:evacuate", {}, 400
    )
    foretold = await yard.ask("POST", f"{C1}/:reboot", {"dry_run": True}, 200)
    assert (foretold["possible"], len(foretold["findings"])) == (False, 2)
    well = await yard.ask("POST", f"{C1}/:reboot", {"dry_run": True, "force": True}, 200)
    assert (well["possible"], [each["server"] for each in well["steps"]]) == (
        True,
        ["m1"] * 4 + ["m2"] * 4,
    )
    assert (await yard.ask("GET", C1))["job"]["kind"] == "create"
    await yard.ask("POST", f"{C1}/:reboot", {"force": True})


async def a_large_cluster(yard: Yard) -> Any:
    await yard.create("m1", "m2", "m3", "m4")
    await yard.go_on()
    union = yard.fleet.metals["m1"].union
    assert union is not None
    return union


async def test_several_servers_are_away_at_once_where_there_is_room(yard):
    union, away = await a_large_cluster(yard), []

    def looks(when, metal, order):
        away.append(sum(each != "Online" for each in union.members.values()))

    yard.fleet.meanwhile = looks
    await yard.ask("PUT", C1, {"config": {"rolling_restart": {"max_parallel": 2}}}, 201)
    assert (await yard.ask("POST", f"{C1}/:reboot", {}))["job"]["max_parallel"] == 2
    shown = await yard.go_on()
    assert (shown["job"]["status"], max(away)) == ("done", 2)
    assert [each.reboots for each in yard.fleet.metals.values()] == [1] * 4


async def test_more_at_once_than_there_is_room_or_a_majority_for_is_refused(yard):
    union = await a_large_cluster(yard)
    told = await yard.ask("POST", f"{C1}/:reboot", {"max_parallel": 3, "force": True}, 400)
    assert "at most 2 of its 4 servers may be away at once" in told
    union.instances = [
        an_instance(f"i{n}", f"m{n}", state={"memory": {"usage": 5 << 30}}) for n in (1, 2, 3, 4)
    ]
    told = await yard.ask("POST", f"{C1}/:update", {"reboot": True, "max_parallel": 2}, 400)
    assert "the instances of m1, m2 need 10240 MiB, and the other servers have 8192" in told
    assert yard.fleet.metals["m1"].reboots == 0


async def test_who_votes_does_not_reboot_while_another_that_votes_is_away(yard):
    await a_large_cluster(yard)
    first = yard.fleet.metals["m1"]

    def goes(when, metal, order):
        if when == "after" and metal is first and order.path == "/os/1.0/system/:reboot":
            first.dead = True

    yard.fleet.meanwhile = goes
    await yard.ask("POST", f"{C1}/:reboot", {"max_parallel": 2})
    shown = await yard.go_on(looks=12)
    waiting = [each for each in shown["job"]["steps"] if each["reason"].startswith("m1: away")]
    assert [(each["step"], each["server"]) for each in waiting] == [("reboot the server", "m2")]
    first.dead, yard.fleet.meanwhile = False, None
    assert (await yard.go_on())["job"]["status"] == "done"


async def test_a_round_goes_on_with_others_where_that_is_wanted(yard):
    await a_large_cluster(yard)
    yard.fleet.metals["m2"].refuses = frozenset({"/os/1.0/system/:reboot"})
    await yard.ask("POST", f"{C1}/:reboot", {"max_parallel": 2, "on_failure": "continue"})
    shown = await yard.go_on()
    assert (shown["job"]["status"], "m2: reboot" in shown["job"]["reason"]) == ("stopped", True)
    assert [each.reboots for each in yard.fleet.metals.values()] == [1, 0, 1, 1]


async def test_a_round_rests_goes_on_and_is_ended_with_the_server_it_is_at(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    await yard.ask("POST", f"{C1}/:reboot", {})
    assert "is at something" in await yard.ask("POST", f"{C1}/:reboot", {}, 400)
    shown = await yard.ask("POST", f"{C1}/:pause")
    assert shown["job"]["status"] == "paused"
    await yard.go_on()
    assert yard.fleet.metals["m1"].reboots == 0
    await yard.ask("POST", f"{C1}/:resume")
    site, store = yard.office.engine.site, yard.office.desk.store
    [cluster] = await store.read(lambda tx: tx.server_clusters.find(Query()))
    await advance(site, yard.fleet, cluster.id)
    await yard.ask("POST", f"{C1}/:cancel-operation")
    shown = await yard.go_on()
    metals = yard.fleet.metals
    assert [metals[name].reboots for name in ("m1", "m2")] == [1, 0]
    assert {server for _, server in steps(shown, "dropped")} == {"m2"}
    assert "it is at nothing" not in await yard.ask("POST", f"{C1}/:pause", None, 400)


async def test_a_round_begins_with_a_server_only_in_a_window(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    now = yard.office.clock.now()
    later = f"{(now.hour + 2) % 24:02}:00-{(now.hour + 3) % 24:02}:00"
    rolling = {"rolling_restart": {"windows": [later]}}
    await yard.ask("PUT", C1, {"config": rolling}, 201)
    assert (await yard.ask("GET", C1))["config"]["rolling_restart"]["windows"] == [later]
    await yard.ask("POST", f"{C1}/:reboot", {})
    shown = await yard.go_on()
    assert (shown["job"]["status"], steps(shown, "done")) == ("running", [])
    yard.office.clock.advance(2 * 3600)
    assert (await yard.go_on())["job"]["status"] == "done"


async def test_one_server_is_evacuated_and_restored(yard):
    await yard.create("m1", "m2")
    await yard.go_on()
    here = "/1.0/provisioning/servers/m1/system"
    assert "not evacuated" in await yard.ask("POST", f"{here}/:reboot", {}, 400)
    await yard.ask("POST", f"{here}/:evacuate")
    await yard.go_on()
    assert (await yard.ask("GET", C1))["update_status"]["in_maintenance"] == ["m1"]
    await yard.ask("POST", f"{here}/:reboot")
    await yard.go_on()
    await yard.ask("POST", f"{here}/:restore")
    await yard.go_on()
    assert (await yard.ask("GET", C1))["update_status"]["in_maintenance"] == []
    assert yard.fleet.metals["m1"].reboots == 1
