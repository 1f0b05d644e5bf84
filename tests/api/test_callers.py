"""Who may ask: users with passwords, tokens, pages of other hosts, names that are not ours."""

import asyncio
import re
from base64 import b64encode
from hashlib import scrypt
from pathlib import Path
from shutil import copy2
from typing import Any

import pytest

from muster.base.clock import ManualClock
from muster.base.errors import Conflict, Invalid, NotFound
from muster.drivers.identity.basic import FAILURES, Basic
from muster.drivers.identity.bearer import Bearer
from muster.drivers.identity.none import NoIdentity, listens_beyond_loopback
from muster.drivers.identity.users import add_user, load, remove_user, set_password
from muster.ports.identity import Identity
from office import Office, opened

PASSWORD = "correct horse"


def basic(name: str, password: str = PASSWORD, **more: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode(), **more}


class Late:
    """An identity that can be put in once the office is open."""

    def __init__(self) -> None:
        self.inner: Identity = NoIdentity()

    @property
    def challenge(self) -> str:
        return self.inner.challenge

    async def who(self, headers: Any) -> Any:
        return await self.inner.who(headers)

    def projects(self, user: str) -> Any:
        return self.inner.projects(user)


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of users, made once, with passwords that cost little to look at."""
    file = tmp_path_factory.mktemp("enrolled") / "users.toml"
    add_user(file, "ann", PASSWORD, {"demo": ("member",), "lab": ("reader",)})
    add_user(file, "eve", PASSWORD, {"demo": ("member",)})
    add_user(file, "root", PASSWORD, {"ops": ("admin",)})
    text, cheap = re.subn(r"scrypt\$16384\$[^\"]+", _cheaply(PASSWORD), file.read_text())
    assert cheap == 3
    file.write_text(text)
    return file


def _cheaply(password: str) -> str:
    """Return what is kept of a password where a guess need not cost anything."""
    salt = b"of a test"
    kept = scrypt(password.encode(), salt=salt, n=2, r=8, p=1)
    return f"scrypt$2${b64encode(salt).decode()}${b64encode(kept).decode()}"


@pytest.fixture
def users(enrolled: Path, tmp_path: Path) -> Path:
    """Return a file of users that a test may change."""
    return Path(copy2(enrolled, tmp_path / "users.toml"))


async def guarded(office: Office, late: Late, users: Path) -> None:
    late.inner = Bearer(office.desk.store, office.clock, Basic(users, office.clock))


async def ask(
    office: Office, headers: dict[str, str], method: str = "GET", where: str = "/v1/whoami"
) -> Any:
    body = {} if method == "POST" else None
    return await office.clients["all"].request(method, where, headers=headers, json=body)


async def test_a_user_is_known_by_his_password(tmp_path: Path, users: Path) -> None:
    late = Late()
    async with opened(tmp_path, late) as office:
        await guarded(office, late, users)
        said = (await ask(office, basic("ann"))).json()
        assert (said["user"], said["project"], said["roles"]) == ("ann", "demo", ["member"])
        for headers in (
            {},
            basic("ann", "wrong"),
            basic("nobody"),
            {"authorization": "Basic !"},
            {"authorization": "Basic " + b64encode(b"ann").decode()},
            {"authorization": "Bearer x"},
            {"x-auth-token": "x"},
        ):
            answer = await ask(office, headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic")


async def test_a_user_chooses_one_of_his_projects(tmp_path: Path, users: Path) -> None:
    late = Late()
    async with opened(tmp_path, late) as office:
        await guarded(office, late, users)
        lab = basic("ann", **{"x-project": "lab"})
        assert (await ask(office, lab)).json()["roles"] == ["reader"]
        size = await office.clients["all"].post("/v1/keypairs", headers=lab, json={})
        assert size.status_code == 403
        assert (await ask(office, basic("ann", **{"x-project": "ops"}))).status_code == 403


async def test_a_changed_users_file_is_read_again(tmp_path: Path, users: Path) -> None:
    late = Late()
    async with opened(tmp_path, late) as office:
        await guarded(office, late, users)
        assert (await ask(office, basic("ann"))).status_code == 200
        set_password(users, "ann", "another one")
        assert (await ask(office, basic("ann"))).status_code == 401
        assert (await ask(office, basic("ann", "another one"))).status_code == 200
        remove_user(users, "ann")
        assert (await ask(office, basic("ann", "another one"))).status_code == 401


async def test_guessing_is_stopped_for_a_while(users: Path) -> None:
    clock = ManualClock()
    identity = Basic(users, clock)

    async def tried(password: str) -> str:
        try:
            return (await identity.who(basic("ann", password))).user
        except Exception as error:  # the test wants the words of any refusal
            return str(error)

    for _ in range(FAILURES):
        assert await tried("wrong") == "user or password is wrong"
    assert "too many failures" in await tried(PASSWORD)
    clock.advance(31)
    assert await tried(PASSWORD) == "ann"
    at_once = await asyncio.gather(*(tried(f"wrong {each}") for each in range(FAILURES + 20)))
    assert at_once.count("user or password is wrong") == FAILURES, "each counts before the next"
    assert await tried(PASSWORD) == "ann", "a password that was right is not guessed"


async def test_a_token_stands_for_its_maker_until_it_ends(tmp_path: Path, users: Path) -> None:
    late = Late()
    async with opened(tmp_path, late) as office:
        await guarded(office, late, users)
        client = office.clients["all"]
        body = {"note": "ci", "expires_in_seconds": 60}
        made = (await client.post("/v1/tokens", headers=basic("ann"), json=body)).json()["token"]
        for headers in (
            {"authorization": f"Bearer {made['secret']}"},
            {"x-auth-token": made["secret"]},
        ):
            said = (await ask(office, headers)).json()
            assert (said["user"], said["project"]) == ("ann", "demo")
        listed = (await ask(office, basic("ann"), where="/v1/tokens")).json()["tokens"]
        assert [each["secret"] for each in listed] == [None]
        assert (await ask(office, basic("root"), where="/v1/tokens")).json() == {"tokens": []}
        assert (await ask(office, {"x-auth-token": made["secret"] + "x"})).status_code == 401
        office.clock.advance(61)
        late_answer = await ask(office, {"x-auth-token": made["secret"]})
        assert late_answer.status_code == 401
        assert "expired" in late_answer.json()["error"]["message"]


@pytest.mark.parametrize("said", ["notused", "x", "0" * 32, "gAAAAAB.x", ""])
async def test_where_nobody_is_asked_who_he_is_any_token_will_do(tmp_path: Path, said: str) -> None:
    late = Late()
    async with opened(tmp_path, late) as office:
        late.inner = Bearer(office.desk.store, office.clock, NoIdentity())
        answer = await ask(office, {"x-auth-token": said})
        assert (answer.status_code, answer.json()["roles"]) == (200, ["admin"])


async def test_a_revoked_token_is_worth_nothing(tmp_path: Path, users: Path) -> None:
    late = Late()
    async with opened(tmp_path, late) as office:
        await guarded(office, late, users)
        client = office.clients["all"]
        made = (await client.post("/v1/tokens", headers=basic("ann"), json={})).json()["token"]
        where = f"/v1/tokens/{made['id']}"
        assert (await ask(office, basic("eve"), "DELETE", where)).status_code == 404
        assert (await ask(office, basic("ann"), "DELETE", where)).status_code == 204
        assert (await ask(office, {"x-auth-token": made["secret"]})).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://127.0.0.1:8778"}, 201),
        ({}, 201),
    ],
)
async def test_other_peoples_pages_change_nothing(
    office: Office, headers: dict[str, str], status: int
) -> None:
    answer = await ask(office, {"x-name": "ann", **headers}, "POST", "/v1/tokens")
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8778", 200),
        ("localhost:8778", 200),
        ("[::1]:8778", 200),
        ("evil.example:8778", 403),
        ("127.0.0.1.evil.example", 403),
        ("[", 403),
    ],
)
async def test_without_identity_only_names_of_the_loopback_are_answered(
    tmp_path: Path, host: str, status: int
) -> None:
    async with opened(tmp_path, NoIdentity(), loopback_names=True) as office:
        assert (await ask(office, {"host": host})).status_code == status


@pytest.mark.parametrize(
    ("host", "beyond"),
    [
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("[::1]", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.0.2.7", True),
        ("muster.example.org", True),
        ("", True),
    ],
)
def test_whoever_listens_beyond_the_loopback_is_told_so(host: str, beyond: bool) -> None:
    assert listens_beyond_loopback(host) is beyond


def test_users_are_added_and_removed_with_care(users: Path) -> None:
    assert set(load(users)) == {"ann", "eve", "root"}
    assert PASSWORD not in users.read_text()
    assert users.stat().st_mode & 0o077 == 0
    for name, password, projects, error in (
        ("ann", PASSWORD, {"demo": ("member",)}, Conflict),
        ("a b", PASSWORD, {"demo": ("member",)}, Invalid),
        ("bob", "short", {"demo": ("member",)}, Invalid),
        ("bob", PASSWORD, {"demo": ("king",)}, Invalid),
        ("bob", PASSWORD, {}, Invalid),
    ):
        with pytest.raises(error):
            add_user(users, name, password, projects)
    with pytest.raises(NotFound):
        remove_user(users, "bob")
    remove_user(users, "ann")
    assert set(load(users)) == {"eve", "root"}


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "users = 3",
        '[users.ann]\npassword = "x"\nprojects = 3',
        "[users.ann]\n",
        '[users.ann]\npassword = "x"\nprojects = {demo = ["king"]}',
    ],
)
def test_a_wrong_users_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "users.toml"
    file.write_text(text)
    with pytest.raises(Invalid, match=r"users\.toml"):
        load(file)


async def test_nobody_is_shown_the_tokens_of_others_in_his_project(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        made = await office.call("POST", "/v1/tokens", {"note": "hers"})
        assert made.status_code == 201, made.text
        mine, theirs = [
            (await office.call("GET", "/v1/tokens", who=who)).json()["tokens"]
            for who in ("ann", "rita")
        ]
        assert [each["note"] for each in mine] == ["hers"]
        assert theirs == []
