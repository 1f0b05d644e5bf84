"""What servers of a cluster are desired to be, and who differs from that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from machines import a_clusterable_machine
from office import Office
from racks import (
    ALL,
    DISK,
    HERE,
    opened_racks,
    over,
    server,
    told,
)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened_racks(tmp_path) as made:
        yield made


DESIRED = f"{HERE}/clusters/c1/desired-config"
WANTED = {
    "services": {"nvme": {"enabled": True, "targets": [DISK]}, "tailscale": {"auth_key": "tskey"}},
    "system": {"kernel": {"memory": {"persistent_hugepages": 8}}, "dns": {"domain": "lab"}},
    "applications": ["debug"],
    "vlan_tags": {"mgmt": [7, 9]},
}


async def desire(office, config):
    for number in (1, 2, 3):
        there = server(office, number).answers
        there.setdefault("/os/1.0/services/tailscale", {"config": {}, "state": {}})
    answer = await office.call("PUT", DESIRED, config, "root")
    assert answer.status_code == 201, answer.text


async def drifted(office):
    answer = await office.call("GET", f"{DESIRED}/drift", None, "root")
    told = answer.json()["metadata"]
    found = {
        (each["server"], one["where"]) for each in told["servers"] for one in each["differences"]
    }
    return told["as_desired"], found


async def test_drift_is_told_thing_by_thing_and_goes_when_it_is_applied(office):
    await desire(office, WANTED)
    clean, found = await drifted(office)
    assert not clean
    assert {("m1", "services/nvme.enabled"), ("m3", "system/kernel.memory")} <= found
    answer = await office.call("POST", f"{DESIRED}/:apply", {"parallel": 3}, "root")
    assert answer.status_code == 202, answer.text
    assert told(await over(office, answer)) == ALL
    assert await drifted(office) == (True, set())
    there = server(office, 2)
    assert there.config("system/network")["dns"] == {"hostname": "m2", "domain": "lab"}
    assert there.config("system/network")["interfaces"][0]["vlan_tags"] == [7, 9]
    there.answers["/os/1.0/services/nvme"]["config"] = {"enabled": False, "targets": [DISK]}
    assert await drifted(office) == (False, {("m2", "services/nvme.enabled")})


async def warned(office):
    """Return which servers are warned of now as not as desired, with what is told of them."""
    await office.engine.ticks.drift()
    answer = await office.call("GET", "/1.0/warnings?recursion=1", None, "root")
    return {
        each["scope"]["entity"]: each
        for each in answer.json()["metadata"]
        if each["type"] == "Configuration drift"
    }


SMALL = {"services": {"nvme": {"enabled": True}}}


async def test_who_is_not_as_desired_is_warned_of_from_first_to_last_and_no_longer(office):
    assert await warned(office) == {}
    await desire(office, SMALL)
    first = await warned(office)
    assert set(first) == {"m1", "m2", "m3"}
    assert first["m1"]["messages"] == ["it is not as desired in services/nvme.enabled"]
    office.clock.advance(300)
    server(office, 2).answers["/os/1.0/services/nvme"]["config"] = {"enabled": True}
    again = await warned(office)
    assert set(again) == {"m1", "m3"}
    assert again["m1"]["first_occurrence"] == first["m1"]["first_occurrence"]
    assert again["m1"]["last_occurrence"] > first["m1"]["last_occurrence"]
    assert (again["m1"]["count"], len(again["m1"]["messages"])) == (2, 1)


async def test_who_cannot_be_looked_at_keeps_the_warning_that_he_has(office):
    await desire(office, SMALL)
    server(office, 3).silent = True
    assert set(await warned(office)) == {"m1", "m2"}
    server(office, 1).silent = True
    server(office, 3).silent = False
    assert set(await warned(office)) == {"m1", "m2", "m3"}


async def test_who_is_being_changed_keeps_the_warning_that_he_has(office):
    await desire(office, SMALL)
    assert set(await warned(office)) == {"m1", "m2", "m3"}
    answer = await office.call("POST", f"{DESIRED}/:apply", {}, "root")
    assert answer.status_code == 202, answer.text
    server(office, 2).answers["/os/1.0/services/nvme"]["config"] = {"enabled": True}
    assert set(await warned(office)) == {"m1", "m2", "m3"}


async def test_a_server_that_has_not_what_is_desired_of_it_is_warned_of(office):
    await desire(office, SMALL)
    del server(office, 1).answers["/os/1.0/services/nvme"]
    assert (await warned(office))["m1"]["messages"] == ["it has no services/nvme"]


async def test_nobody_is_warned_of_where_nothing_is_desired_any_more(office):
    await desire(office, SMALL)
    assert await warned(office)
    there = a_clusterable_machine(1, cluster="")
    await office.desk.store.write(lambda tx: tx.machines.put(there))
    assert set(await warned(office)) == {"m2", "m3"}
    await desire(office, {})
    assert await warned(office) == {}


async def test_what_nobody_speaks_of_may_be_anything(office):
    await desire(office, {"system": {"kernel": {"cpu": {"scaling_governor": "performance"}}}})
    kernel = {"cpu": {"scaling_governor": "performance"}, "memory": {"persistent_hugepages": 1}}
    for number in (1, 2, 3):
        server(office, number).answers["/os/1.0/system/kernel"]["config"] = kernel
    assert await drifted(office) == (True, set())


async def test_a_desired_secret_is_shown_by_its_digest_and_kept_when_that_is_said_again(office):
    await desire(office, WANTED)
    seen = await office.call("GET", DESIRED, None, "root")
    assert "tskey" not in seen.text
    shown = seen.json()["metadata"]
    assert shown["services"]["tailscale"]["auth_key"]["set"] is True
    await desire(office, {**shown, "applications": []})
    answer = await office.call("POST", f"{DESIRED}/:apply", {}, "root")
    await over(office, answer)
    assert server(office, 1).config("services/tailscale")["auth_key"] == "tskey"


async def test_a_change_of_what_is_desired_is_held_to_what_was_seen(office):
    await desire(office, {"applications": ["debug"]})
    client = office.clients["all"]
    headers = {"x-name": "root", "if-match": '"another"'}
    answer = await client.put(DESIRED, json={}, headers=headers)
    assert answer.status_code == 412


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"servces": {}}, "config.servces"),
        ({"services": {"smb": {}}}, "config.services.smb"),
        ({"services": []}, "config.services"),
        ({"system": {"dns": {"hostname": "x"}}}, "config.system.dns.hostname"),
        ({"applications": [7]}, "config.applications"),
        ({"vlan_tags": {"mgmt": "7"}}, "config.vlan_tags"),
    ],
)
async def test_what_cannot_be_desired_is_told_by_its_field(office, config, field):
    answer = await office.call("PUT", DESIRED, config, "root")
    assert answer.status_code == 400
    assert answer.json()["metadata"]["errors"][0]["field"] == field
