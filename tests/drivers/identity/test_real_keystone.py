"""The same against Keystone as released. Skipped by name where its packages cannot be had."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from muster.base.clock import SystemClock
from muster.base.errors import Forbidden, Transient, Unknown
from muster.drivers.identity.access import Account, by_cloud, by_password
from muster.drivers.identity.bearer import Bearer
from muster.drivers.identity.keystone import Keystone
from muster.drivers.identity.scopes import KeystoneScopes
from muster.model.rules import Rules, for_keystone
from office import WEB, Office, opened
from testbed import keystone as real

pytestmark = pytest.mark.slow
ACCOUNT = Account(username="muster", password=real.PASSWORD, project="service")


@pytest.fixture(scope="module")
def server() -> Iterator[real.Keystone]:
    with real.running() as started:
        for project in ("service", "red", "blue"):
            started.project(project)
        started.user("muster", service="service")
        started.user("ann", red="member")
        started.user("bob", blue="member")
        started.user("rita", red="reader")
        started.user("root", red="admin")
        started.user("dora", red="member", blue="reader")
        yield started


@pytest.fixture
async def identity(server: real.Keystone) -> AsyncIterator[Keystone]:
    made = Keystone(by_password(server.url, ACCOUNT), SystemClock())
    yield made
    await made.close()


async def ask(office: Office, method: str, path: str, token: str, body: Any = None) -> Any:
    headers = {"x-auth-token": token} if token else {}
    return await office.clients["all"].request(method, path, json=body, headers=headers)


async def test_people_see_their_own_project(server, identity, tmp_path):
    ann, bob = server.token("ann", "red"), server.token("bob", "blue")
    rita, root = server.token("rita", "red"), server.token("root", "red")
    async with opened(tmp_path, identity) as office:
        made = await ask(office, "POST", "/v1/clusters", ann, dict(WEB))
        assert made.status_code == 202, made.text
        seen = {}
        for name, token in (("ann", ann), ("bob", bob), ("rita", rita), ("root", root)):
            listed = await ask(office, "GET", "/v1/clusters", token)
            seen[name] = len(listed.json()["clusters"])
        assert seen == {"ann": 1, "bob": 0, "rita": 1, "root": 1}


@pytest.mark.parametrize(
    ("rules", "status"), [(for_keystone(), 202), (Rules(), 403)], ids=["as of old", "restricted"]
)
async def test_a_reader_does_what_the_rules_say(server, identity, tmp_path, rules, status):
    rita = server.token("rita", "red")
    async with opened(tmp_path, identity) as office:
        office.app.state.door = replace(office.app.state.door, rules=rules)
        answer = await ask(office, "POST", "/v1/clusters", rita, dict(WEB))
        assert answer.status_code == status, answer.text


async def test_nobody_and_strangers_are_told_where_to_go(server, identity, tmp_path):
    async with opened(tmp_path, identity) as office:
        for token in ("", "gAAAAABstranger", server.token("ann", "red")[:-4] + "AAAA"):
            answer = await ask(office, "GET", "/v1/clusters", token)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == f'Keystone uri="{server.url}/v3"'
            assert answer.json()["error"]["code"] == 401


async def test_a_token_for_no_project_is_refused(server, identity, tmp_path):
    async with opened(tmp_path, identity) as office:
        answer = await ask(office, "GET", "/v1/clusters", server.token("ann"))
        assert answer.status_code == 403
        assert "scoped" in answer.json()["error"]["message"]


async def test_a_revoked_token_is_refused(server, identity):
    token = server.token("ann", "red")
    server.revoke(token)
    with pytest.raises(Unknown):
        await identity.who({"x-auth-token": token})


async def test_our_own_token_is_renewed_when_it_was_revoked(server, identity):
    await identity.who({"x-auth-token": server.token("ann", "red")})
    server.revoke(identity._token)
    assert (await identity.who({"x-auth-token": server.token("bob", "blue")})).roles == (
        "member",
        "reader",
    )


async def test_an_entry_of_clouds_yaml_lets_muster_sign_in(server, tmp_path):
    auth = {"auth_url": server.url, "username": "muster", "password": real.PASSWORD}
    auth |= {
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_id": "default",
    }
    entries = {
        "password": {"auth": auth},
        "credential": {"auth_type": "v3applicationcredential", "auth": server.credential("muster")},
    }
    path = tmp_path / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": entries}))
    for name in entries:
        identity = Keystone(by_cloud(name, str(path)), SystemClock())
        who = await identity.who({"x-auth-token": server.token("ann", "red")})
        assert "member" in who.roles
        await identity.close()


async def test_a_wrong_password_of_ours_is_said(server):
    wrong = replace(ACCOUNT, password="wrong")
    identity = Keystone(by_password(server.url, wrong), SystemClock())
    with pytest.raises(Transient, match="does not let Muster sign in"):
        await identity.who({"x-auth-token": server.token("ann", "red")})
    await identity.close()


async def test_a_token_of_musters_own_is_good_beside_keystones(server, identity, tmp_path):
    ann = server.token("ann", "red")
    async with opened(tmp_path, identity) as plain:
        bearer = Bearer(plain.desk.store, plain.clock, identity)
        made = await ask(plain, "POST", "/v1/tokens", ann, {"note": "script"})
        secret = made.json()["token"]["secret"]
        by_keystone = await bearer.who({"x-auth-token": ann})
        assert await bearer.who({"x-auth-token": secret}) == by_keystone


async def test_keystone_being_away_is_said_and_passes(server, tmp_path):
    identity = Keystone(by_password(server.url, ACCOUNT), SystemClock())
    ann, bob = server.token("ann", "red"), server.token("bob", "blue")
    async with opened(tmp_path, identity) as office:
        assert (await ask(office, "GET", "/v1/clusters", ann)).status_code == 200
        server.stop()
        try:
            away = await ask(office, "GET", "/v1/clusters", bob)
            assert away.status_code == 503
            assert "Keystone" in away.json()["error"]["message"]
            assert "retry-after" in away.headers
            remembered = await ask(office, "GET", "/v1/clusters", ann)
            assert remembered.status_code == 200
        finally:
            server.start()
        assert (await ask(office, "GET", "/v1/clusters", bob)).status_code == 200
    await identity.close()


async def test_who_is_in_two_projects_goes_on_in_the_other(server, identity):
    token = server.token("dora", "red")
    scopes = KeystoneScopes(by_password(server.url, ACCOUNT))
    try:
        before = await identity.who({"x-auth-token": token})
        named = await scopes.projects(token)
        assert sorted(named.values()) == ["blue", "red"]
        [blue] = [id for id, name in named.items() if name == "blue"]
        after = await identity.who({"x-auth-token": await scopes.scoped(token, blue)})
        assert (after.user, after.project, after.roles) == (before.user, blue, ("reader",))
        assert before.project != blue
        with pytest.raises(Forbidden):
            await scopes.scoped(server.token("ann", "red"), blue)
        with pytest.raises(Unknown):
            await scopes.projects("gAAAA-nothing")
    finally:
        await scopes.close()
