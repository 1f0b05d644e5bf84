"""What is set for all servers together: shown, set, and refused where it is said elsewhere."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet import FakeFleet
from machines import a_machine
from muster.base.certificates import fingerprint
from muster.drivers.papers import made as made_papers
from muster.model.machine import Happening
from muster.model.system import ADDRESS, SHOWN, SHOWN_KEY, Fixed
from muster.ports.store import Transaction
from muster.store.leases import SECRET
from office import Office, opened
from yard import opened_yard

HERE = "/1.0/system"
SERVERS = "/1.0/provisioning/servers"
TOKENS = "/1.0/provisioning/tokens"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as made:
        fixed = Fixed(listen="127.0.0.1:8778", log_level="warning")
        made.desk = replace(made.desk, agents=FakeFleet(), fixed=fixed)
        made.app.state.desk = made.desk
        yield made


async def ask(office: Office, method: str, part: str, body: Any = None, status: int = 200) -> Any:
    answer = await office.call(method, f"{HERE}/{part}", body, "root")
    assert answer.status_code == status, answer.text
    return answer.json()["metadata"] if status < 400 else answer.json()["error"]


async def test_what_is_in_force_is_shown_by_the_names_that_users_know(office):
    assert await ask(office, "GET", "network") == {
        "address": "",
        "rest_server_address": "127.0.0.1:8778",
    }
    assert (await ask(office, "GET", "settings"))["log_level"] == "WARN"
    assert (await ask(office, "GET", "updates"))["server_default_channel"] == ""
    assert (await ask(office, "GET", "security"))["oidc"] == {}
    assert "network, security, settings, updates" in await ask(office, "GET", "else", None, 404)
    assert "there is no part" in await ask(office, "PUT", "else", {}, 404)


async def test_what_was_shown_can_be_sent_back_with_what_is_to_be_otherwise(office):
    for part in ("network", "security", "settings", "updates"):
        seen = await ask(office, "GET", part)
        await ask(office, "PUT", part, seen)
        assert await ask(office, "GET", part) == seen
    seen = await ask(office, "GET", "updates")
    await ask(office, "PUT", "updates", {**seen, "server_default_channel": "daily"})
    assert (await ask(office, "GET", "updates"))["server_default_channel"] == "daily"


async def test_the_default_channel_is_that_of_whatever_nobody_names_one_for(office):
    await ask(office, "PUT", "updates", {"server_default_channel": "daily"})
    token = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
    for said, channel in (({}, "daily"), ({"channel": "slow"}, "slow")):
        answer = await office.call("POST", TOKENS, {**token, **said}, "root")
        assert answer.json()["metadata"]["channel"] == channel
    await office.call("POST", SERVERS, {"name": "m1"}, "root")
    shown = await office.call("GET", f"{SERVERS}/m1", None, "root")
    assert shown.json()["metadata"]["channel"] == "daily"


async def test_servers_are_told_to_find_us_at_the_address_that_is_set(office):
    await ask(office, "PUT", "network", {"address": "https://muster.example:8443"})
    token = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
    made = await office.call("POST", TOKENS, token, "root")
    where = f"{TOKENS}/{made.json()['metadata']['uuid']}/provider-config"
    told = (await office.call("GET", where, None, "root")).json()["metadata"]
    assert told["config"]["server_url"] == "https://muster.example:8443"
    await ask(office, "PUT", "network", {"address": ""})
    told = (await office.call("GET", where, None, "root")).json()["metadata"]
    assert told["config"]["server_url"] == "http://127.0.0.1:8778"


async def test_servers_are_held_to_our_certificate_where_no_authority_vouches_for_it(office):
    ours, _ = made_papers("office", office.clock.now())
    fixed = replace(office.desk.fixed, shown=ours)
    office.app.state.desk = replace(office.desk, fixed=fixed)
    token = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
    made = (await office.call("POST", TOKENS, token, "root")).json()["metadata"]["uuid"]
    await office.call("POST", f"{TOKENS}/{made}/seeds", {"name": "s", "seeds": {}}, "root")
    for address, told in (("https://muster.example:8443", ours), ("", None)):
        await ask(office, "PUT", "network", {"address": address})
        by_token = await office.call("GET", f"{TOKENS}/{made}/provider-config", None, "root")
        assert by_token.json()["metadata"]["config"].get("server_certificate") == told
        where = f"{TOKENS}/{made}/seeds/s?type=json"
        seed = (await office.call("GET", where, None, "root")).json()
        assert seed["provider"]["config"].get("server_certificate") == told


async def test_who_resets_himself_registers_again_at_that_address(tmp_path):
    async with opened_yard(tmp_path) as yard:
        where = "https://muster.example:8443"
        lost = replace((await yard.machines())["m3"], owes_reset="it was lost")
        owing = lost.met(Happening.OWES, yard.office.clock.now())

        def put(tx: Transaction) -> None:
            tx.machines.put(owing)
            tx.settings.put(ADDRESS, where)

        await yard.office.desk.store.write(put)
        await yard.follow()
        [body] = yard.fleet.metals["m3"].resets
        assert body["seeds"]["provider"]["config"]["server_url"] == where


@pytest.mark.parametrize(
    ("part", "said", "why"),
    [
        ("network", {"rest_server_address": "*:7443"}, "setting listen"),
        ("security", {"oidc": {"issuer": "https://id.example"}}, "identity"),
        ("security", {"openfga": {"api_token": "s3cret"}}, "identity"),
        ("settings", {"server_registration_scriptlet": "def f(): pass"}, "no scriptlets"),
        ("settings", {"log_level": "LOUD"}, "must be one of"),
        ("updates", {"source": "https://updates.example"}, "package sources"),
        ("updates", {"address": "https://muster.example"}, "not known here"),
    ],
)
async def test_what_is_said_elsewhere_is_refused_naming_where(office, part, said, why):
    before = await ask(office, "GET", part)
    told = await ask(office, "PUT", part, said, 400)
    assert (why in told, "s3cret" in told) == (True, False)
    assert await ask(office, "GET", part) == before


async def test_a_change_is_held_to_what_was_seen_and_is_the_operators(office):
    client = office.clients["all"]
    headers = {"x-name": "root", "if-match": '"old"'}
    answer = await client.request("PUT", f"{HERE}/network", json={}, headers=headers)
    assert answer.status_code == 412
    for method in ("GET", "PUT"):
        assert (await office.call(method, f"{HERE}/network", {}, "ann")).status_code == 403


@dataclass
class Shown:
    """What a server was told to show."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    def turn(self, chain: str, key: str) -> None:
        self.pairs.append((chain, key))


async def test_another_certificate_is_shown_at_once_and_told_to_who_registers(office):
    face = Shown()
    office.app.state.desk = replace(office.desk, face=face)
    await ask(office, "PUT", "network", {"address": "https://muster.example:8443"})
    chain, key = made_papers("new", office.clock.now())
    seen = await ask(office, "POST", "certificate", {"certificate": chain, "key": key})
    assert seen == await ask(office, "GET", "certificate")
    assert (seen["certificate"], seen["fingerprint"]) == (chain, fingerprint(chain))
    assert seen["expires_at"].startswith("2039-12-30")
    assert face.pairs == [(chain, key)]
    token = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
    made = (await office.call("POST", TOKENS, token, "root")).json()["metadata"]["uuid"]
    told = await office.call("GET", f"{TOKENS}/{made}/provider-config", None, "root")
    assert told.json()["metadata"]["config"]["server_certificate"] == chain


async def test_a_certificate_that_nobody_could_use_changes_nothing(office):
    face = Shown()
    office.app.state.desk = replace(office.desk, face=face)
    chain, key = made_papers("new", office.clock.now())
    _, another = made_papers("another", office.clock.now())
    old = made_papers("old", office.clock.now() - timedelta(days=4000))
    for said, why in (
        ({"certificate": chain, "key": another}, "no certificate with its key"),
        ({"certificate": old[0], "key": old[1]}, "has expired"),
        ({"certificate": chain}, "key: is required"),
    ):
        told = await ask(office, "POST", "certificate", said, 400)
        assert (why in told, key in told, another in told) == (True, False, False)
    assert face.pairs == []
    assert (await ask(office, "GET", "certificate"))["certificate"] == ""


async def test_where_no_https_is_served_no_certificate_is_taken(office):
    chain, key = made_papers("new", office.clock.now())
    told = await ask(office, "POST", "certificate", {"certificate": chain, "key": key}, 400)
    assert "tls_certificate" in told


async def test_machines_are_asked_at_once_which_certificate_they_know(office):
    now = office.clock.now()
    here, expected = a_machine(1, polled_at=now), a_machine(2, polled_at=now, connection_url="")
    await office.desk.store.write(lambda tx: tx.machines.put(here, expected))
    office.app.state.desk = replace(office.desk, face=Shown())
    chain, key = made_papers("new", now)
    await ask(office, "POST", "certificate", {"certificate": chain, "key": key})
    polled = await office.desk.store.read(
        lambda tx: [tx.machines.get(each.id).polled_at for each in (here, expected)]
    )
    assert polled == [None, now]


def test_the_key_lies_sealed_beside_the_certificate():
    assert SHOWN_KEY in SECRET
    assert SHOWN not in SECRET
