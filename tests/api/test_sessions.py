"""Browsers sign in: a cookie that scripts cannot read, taken from pages of this service only."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import scrypt
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from muster.base.errors import Forbidden, Transient
from muster.drivers.identity.basic import Basic
from muster.drivers.identity.bearer import Bearer
from muster.drivers.identity.none import NoIdentity
from muster.drivers.identity.users import add_user
from muster.service.sessions import LASTS
from office import HERE, Office, opened
from server import served

PASSWORD = "correct horse"
OURS = {"origin": HERE}


class Late:
    """An identity that can be put in once the office is open."""

    inner: Any = NoIdentity()

    @property
    def challenge(self) -> str:
        return str(self.inner.challenge)

    async def who(self, headers: Any) -> Any:
        return await self.inner.who(headers)

    def projects(self, user: str) -> Any:
        return self.inner.projects(user)


class Keystone:
    """An identity that knows one token of its own."""

    challenge = 'Keystone uri="https://keystone"'

    def __init__(self, otherwise: Basic) -> None:
        self._otherwise = otherwise

    async def who(self, headers: Any) -> Any:
        if headers.get("x-auth-token") == "gAAAA-good":
            return await self._otherwise.who(basic())
        if headers.get("x-auth-token") == "gAAAA-lab":
            return await self._otherwise.who(basic() | {"x-project": "lab"})
        return await self._otherwise.who({})

    def projects(self, user: str) -> Any:
        return None


class InTwo:
    """Projects of who has the token of that Keystone; it can be out of order."""

    trouble = ""

    async def projects(self, token: str) -> dict[str, str]:
        if self.trouble:
            raise Transient(self.trouble)
        assert token in ("gAAAA-good", "gAAAA-lab")
        return {"demo": "The demo", "lab": "The lab"}

    async def scoped(self, token: str, project: str) -> str:
        if project not in await self.projects(token):
            raise Forbidden(f"Keystone gives no token for project '{project}'")
        return "gAAAA-lab"


def basic() -> dict[str, str]:
    pair = b64encode(f"ann:{PASSWORD}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of users with passwords that cost little to look at."""
    file = tmp_path_factory.mktemp("users") / "users.toml"
    add_user(file, "ann", PASSWORD, {"demo": ("member",), "lab": ("reader",)})
    salt = b"of a test"
    kept = scrypt(PASSWORD.encode(), salt=salt, n=2, r=8, p=1)
    cheap = f"scrypt$2${b64encode(salt).decode()}${b64encode(kept).decode()}"
    file.write_text(re.sub(r"scrypt\$16384\$[^\"]+", lambda _: cheap, file.read_text()))
    return file


@asynccontextmanager
async def asking(home: Path, users: Path, kind: str = "basic") -> AsyncIterator[Office]:
    late = Late()
    async with opened(home, late) as office:
        people = Basic(users, office.clock)
        if kind != "none":
            known = Keystone(people) if kind == "keystone" else people
            late.inner = Bearer(office.desk.store, office.clock, known)
        yield office


@pytest.fixture
async def office(tmp_path: Path, users: Path) -> AsyncIterator[Office]:
    async with asking(tmp_path, users) as office:
        yield office


async def sign_in(office: Office, **more: Any) -> Any:
    said = {"user": "ann", "password": PASSWORD, **more}
    return await send(office, "POST", "/v1/session", said, **OURS)


async def send(office: Office, method: str, path: str, said: Any = None, **headers: str) -> Any:
    return await office.clients["all"].request(method, path, json=said, headers=headers)


async def test_a_password_becomes_a_cookie_that_only_the_server_reads(office: Office) -> None:
    answer = await sign_in(office)
    assert answer.status_code == 201
    assert answer.json()["user"] == "ann"
    assert answer.json()["rights"] == ["read", "write"]
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("muster_session=")
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= set(cookie.split("; "))
    assert PASSWORD not in cookie
    assert (await send(office, "GET", "/v1/clusters")).status_code == 200
    assert (await send(office, "GET", "/v1/session")).json()["signed_in"] is True


async def test_under_tls_the_cookie_is_never_sent_in_the_clear(office: Office) -> None:
    behind = {"x-forwarded-proto": "https", **OURS}
    said = {"user": "ann", "password": PASSWORD}
    cookie = (await send(office, "POST", "/v1/session", said, **behind)).headers["set-cookie"]
    assert cookie.startswith("__Host-muster=")
    assert "secure" in cookie.lower().split("; ")
    assert "domain" not in cookie.lower()


async def test_under_tls_a_cookie_that_a_neighbour_could_set_is_nothing(office: Office) -> None:
    await sign_in(office)
    answer = await send(office, "GET", "/v1/clusters", **{"x-forwarded-proto": "https"})
    assert answer.status_code == 401


async def test_one_of_several_projects_is_chosen_at_the_sign_in(office: Office) -> None:
    answer = await sign_in(office, project="lab")
    assert (answer.json()["project"], answer.json()["rights"]) == ("lab", ["read"])
    refused = await send(office, "POST", "/v1/keypairs", {}, **OURS)
    assert refused.status_code == 403


async def test_a_session_goes_on_in_another_project_and_is_over_in_the_first(
    office: Office,
) -> None:
    before = (await sign_in(office)).cookies["muster_session"]
    assert (await send(office, "GET", "/v1/session")).json()["projects"] == ["demo", "lab"]
    answer = await send(office, "PUT", "/v1/session", {"project": "lab"}, **OURS)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["project"], answer.json()["rights"]) == ("lab", ["read"])
    assert (await send(office, "GET", "/v1/whoami")).json()["project"] == "lab"
    refused = await send(office, "GET", "/v1/clusters", None, **{"x-auth-token": before})
    assert refused.status_code == 401
    back = await send(office, "PUT", "/v1/session", {"project": "demo"}, **OURS)
    assert back.json()["rights"] == ["read", "write"]


async def test_a_session_goes_on_in_no_project_that_is_not_its_users(office: Office) -> None:
    await sign_in(office)
    answer = await send(office, "PUT", "/v1/session", {"project": "ops"}, **OURS)
    assert answer.status_code == 403
    assert (await send(office, "GET", "/v1/whoami")).json()["project"] == "demo"


async def test_a_token_that_somebody_signed_in_with_stays_in_its_project(office: Office) -> None:
    made = await office.clients["all"].post("/v1/tokens", json={}, headers=basic() | OURS)
    said = {"token": made.json()["token"]["secret"]}
    assert (await send(office, "POST", "/v1/session", said, **OURS)).status_code == 201
    assert (await send(office, "GET", "/v1/session")).json()["projects"] == ["demo"]
    answer = await send(office, "PUT", "/v1/session", {"project": "lab"}, **OURS)
    assert answer.status_code == 403


async def test_a_page_of_somebody_else_moves_no_session(office: Office) -> None:
    await sign_in(office)
    evil = {"origin": "http://elsewhere.example"}
    answer = await send(office, "PUT", "/v1/session", {"project": "lab"}, **evil)
    assert answer.status_code == 403


async def test_who_is_nobody_yet_is_told_with_what_he_can_sign_in(office: Office) -> None:
    answer = await send(office, "GET", "/v1/session")
    assert answer.status_code == 200
    assert answer.json()["signed_in"] is False
    assert answer.json()["ways"] == ["password", "token"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_password_lets_nobody_in(office: Office) -> None:
    answer = await sign_in(office, password="wrong")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert (await send(office, "GET", "/v1/clusters")).status_code == 401


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "user"),
        ({"user": "ann"}, "password"),
        ({"user": "ann", "password": "x", "token": "y"}, "token"),
        ({"user": "a:b", "password": "x"}, "user"),
        ({"token": "no; such"}, "token"),
        ({"name": "ann"}, "name"),
    ],
)
async def test_a_sign_in_that_makes_no_sense_names_what_is_wrong(
    office: Office, said: dict[str, str], field: str
) -> None:
    answer = await send(office, "POST", "/v1/session", said, **OURS)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field


async def test_a_token_signs_in_and_outlives_the_sign_out(office: Office) -> None:
    made = await send(office, "POST", "/v1/tokens", {"note": "ci"}, **basic())
    secret = made.json()["token"]["secret"]
    answer = await send(office, "POST", "/v1/session", {"token": secret}, **OURS)
    assert answer.status_code == 201
    assert (await send(office, "GET", "/v1/whoami")).json()["user"] == "ann"
    await send(office, "DELETE", "/v1/session", **OURS)
    assert (await send(office, "GET", "/v1/whoami")).status_code == 401
    by_token = {"authorization": f"Bearer {secret}"}
    assert (await send(office, "GET", "/v1/whoami", **by_token)).status_code == 200


async def test_signed_out_is_over_for_whoever_kept_the_cookie(office: Office) -> None:
    cookie = (await sign_in(office)).headers["set-cookie"].partition(";")[0]
    answer = await send(office, "DELETE", "/v1/session", **OURS)
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    office.clients["all"].cookies.clear()
    assert (await send(office, "GET", "/v1/whoami", cookie=cookie)).status_code == 401
    assert (await send(office, "GET", "/v1/tokens", **basic())).json() == {"tokens": []}


async def test_a_session_ends_by_itself_and_leaves_nothing(office: Office) -> None:
    await sign_in(office)
    office.clock.advance(LASTS.total_seconds())
    assert (await send(office, "GET", "/v1/whoami")).status_code == 401
    assert (await send(office, "GET", "/v1/session")).json()["signed_in"] is False
    await sign_in(office)
    assert len((await send(office, "GET", "/v1/tokens")).json()["tokens"]) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {**OURS, "sec-fetch-site": "cross-site"},
    ],
)
async def test_a_cookie_changes_nothing_from_pages_of_others(
    office: Office, headers: dict[str, str]
) -> None:
    await sign_in(office)
    for method, path in (
        ("POST", "/v1/clusters"),
        ("DELETE", "/v1/session"),
        ("POST", "/v1/tokens"),
    ):
        answer = await send(office, method, path, {}, **headers)
        assert answer.status_code == 403, (method, path)
    assert (await send(office, "GET", "/v1/whoami")).status_code == 200


async def test_no_page_of_others_signs_a_browser_in(office: Office) -> None:
    said = {"user": "ann", "password": PASSWORD}
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = await send(office, "POST", "/v1/session", said, **headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_programs_with_credentials_of_their_own_need_no_origin(office: Office) -> None:
    await sign_in(office)
    answer = await send(office, "POST", "/v1/tokens", {"note": "x"}, **basic())
    assert answer.status_code == 201


async def test_a_wrong_header_is_not_made_good_by_a_cookie(office: Office) -> None:
    await sign_in(office)
    answer = await send(office, "GET", "/v1/whoami", authorization="Bearer nonsense")
    assert answer.status_code == 401


async def test_events_are_streamed_to_the_cookie_and_only_to_pages_of_ours(office: Office) -> None:
    cookie = (await sign_in(office)).headers["set-cookie"].partition(";")[0]
    app: Litestar = office.app
    async with served(app) as wire:
        at_home = {"cookie": cookie, "origin": wire.url}
        async with wire.socket("/v1/events/stream", at_home) as socket:
            await send(office, "POST", "/v1/clusters", _WEB, **OURS)
            assert '"cluster.created"' in await socket.recv()
        assert await wire.refused("/v1/events/stream", {"cookie": cookie})
        stranger = {"cookie": cookie, "origin": "http://evil.example"}
        assert await wire.refused("/v1/events/stream", stranger)


_WEB = {
    "name": "web",
    "image": "demo-web",
    "flavor": "tiny",
    "min_size": 1,
    "max_size": 2,
    "port": 8080,
}


async def test_scripts_are_not_answered_with_the_browsers_own_dialog(office: Office) -> None:
    script = await send(office, "GET", "/v1/clusters", **{"sec-fetch-mode": "cors"})
    assert script.headers["www-authenticate"].startswith("Session")
    program = await send(office, "GET", "/v1/clusters")
    assert program.headers["www-authenticate"].startswith("Basic")


async def test_where_nobody_need_say_who_he_is_there_is_no_cookie(
    tmp_path: Path, users: Path
) -> None:
    async with asking(tmp_path, users, "none") as office:
        shown = (await send(office, "GET", "/v1/session", cookie="muster_session=old.one")).json()
        assert (shown["signed_in"], shown["user"], shown["ways"]) == (True, "admin", [])
        answer = await sign_in(office)
        assert answer.status_code == 201
        assert "set-cookie" not in answer.headers
        old = await send(office, "GET", "/v1/clusters", cookie="muster_session=old.one")
        assert old.status_code == 200


async def test_a_token_of_keystone_signs_in(tmp_path: Path, users: Path) -> None:
    async with asking(tmp_path, users, "keystone") as office:
        assert (await send(office, "GET", "/v1/session")).json()["ways"] == ["token"]
        good = await send(office, "POST", "/v1/session", {"token": "gAAAA-good"}, **OURS)
        assert good.status_code == 201
        assert (await send(office, "GET", "/v1/whoami")).json()["user"] == "ann"
        bad = await send(office, "POST", "/v1/session", {"token": "gAAAA-bad"}, **OURS)
        assert bad.status_code == 401


async def test_who_has_a_token_of_keystone_goes_on_in_another_project_of_his(
    tmp_path: Path, users: Path
) -> None:
    async with asking(tmp_path, users, "keystone") as office:
        scopes = InTwo()
        office.app.state.door = replace(office.app.state.door, scopes=scopes)
        await send(office, "POST", "/v1/session", {"token": "gAAAA-good"}, **OURS)
        seen = (await send(office, "GET", "/v1/session")).json()
        assert (seen["project"], seen["projects"]) == ("demo", ["demo", "lab"])
        assert seen["project_names"]["lab"] == "The lab"
        refused = await send(office, "PUT", "/v1/session", {"project": "moon"}, **OURS)
        assert refused.status_code == 403
        moved = await send(office, "PUT", "/v1/session", {"project": "lab"}, **OURS)
        assert (moved.status_code, moved.json()["project"]) == (200, "lab")
        assert moved.cookies["muster_session"] == "gAAAA-lab"
        assert (await send(office, "GET", "/v1/whoami")).json()["project"] == "lab"
        scopes.trouble = "Keystone cannot be asked"
        seen = (await send(office, "GET", "/v1/session")).json()
        assert (seen["projects"], seen["projects_reason"]) == (["lab"], scopes.trouble)


async def test_a_token_of_ours_stays_in_its_project_beside_keystone(
    tmp_path: Path, users: Path
) -> None:
    async with asking(tmp_path, users, "keystone") as office:
        office.app.state.door = replace(office.app.state.door, scopes=InTwo())
        mine = {"x-auth-token": "gAAAA-good"}
        made = await send(office, "POST", "/v1/tokens", {"note": "mine"}, **mine)
        await send(office, "POST", "/v1/session", {"token": made.json()["token"]["secret"]}, **OURS)
        assert (await send(office, "GET", "/v1/session")).json()["projects"] == ["demo"]
        refused = await send(office, "PUT", "/v1/session", {"project": "lab"}, **OURS)
        assert refused.status_code == 403
