"""Who is removed, or is less than he was, is so by his tokens and sessions too."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import scrypt
from pathlib import Path
from typing import Any

import pytest

from muster.drivers.identity.basic import Basic
from muster.drivers.identity.bearer import Bearer, common
from muster.drivers.identity.users import add_user, remove_user
from muster.service.tokens import revoke_all
from office import HERE, Office, opened

PASSWORD = "correct horse"


class Late:
    """An identity that can be put in once the office is open."""

    inner: Any

    @property
    def challenge(self) -> str:
        return str(self.inner.challenge)

    async def who(self, headers: Any) -> Any:
        return await self.inner.who(headers)

    def projects(self, user: str) -> Any:
        return self.inner.projects(user)


@dataclass
class Staff:
    """A service whose users a test takes on and dismisses."""

    office: Office
    file: Path

    def hire(self, name: str, *roles: str) -> None:
        add_user(self.file, name, PASSWORD, {"ops": roles})
        salt = b"of a test"
        kept = b64encode(scrypt(PASSWORD.encode(), salt=salt, n=2, r=8, p=1)).decode()
        cheap = f"scrypt$2${b64encode(salt).decode()}${kept}"
        self.file.write_text(re.sub(r"scrypt\$16384\$[^\"]+", cheap, self.file.read_text()))

    def dismiss(self, name: str) -> None:
        remove_user(self.file, name)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        client = self.office.clients["all"]
        return await client.request(method, path, json=body, headers=headers)

    async def token(self, name: str) -> dict[str, str]:
        pair = b64encode(f"{name}:{PASSWORD}".encode()).decode()
        made = await self.ask("POST", "/v1/tokens", {}, authorization=f"Basic {pair}")
        assert made.status_code == 201, made.text
        return {"x-auth-token": made.json()["token"]["secret"]}

    async def cookie(self, name: str) -> dict[str, str]:
        said = {"user": name, "password": PASSWORD}
        answer = await self.ask("POST", "/v1/session", said, origin=HERE)
        assert answer.status_code == 201, answer.text
        self.office.clients["all"].cookies.clear()
        return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.fixture
async def staff(tmp_path: Path) -> AsyncIterator[Staff]:
    late = Late()
    async with opened(tmp_path, late) as office:
        file = tmp_path / "users.toml"
        late.inner = Bearer(office.desk.store, office.clock, Basic(file, office.clock))
        there = Staff(office, file)
        there.hire("eve", "admin")
        yield there


async def test_who_is_removed_is_nobody_by_token_and_by_cookie(staff: Staff) -> None:
    for proof in (await staff.token("eve"), await staff.cookie("eve")):
        assert (await staff.ask("GET", "/v1/clusters", **proof)).status_code == 200
        staff.dismiss("eve")
        assert (await staff.ask("GET", "/v1/clusters", **proof)).status_code == 401
        staff.hire("eve", "admin")


async def test_who_loses_a_role_loses_it_by_token_and_by_cookie(staff: Staff) -> None:
    for proof in (await staff.token("eve"), await staff.cookie("eve")):
        assert (await staff.ask("GET", "/metrics", **proof)).status_code == 200
        staff.dismiss("eve")
        staff.hire("eve", "member")
        assert (await staff.ask("GET", "/metrics", **proof)).status_code == 403
        assert (await staff.ask("GET", "/v1/clusters", **proof)).status_code == 200
        staff.dismiss("eve")
        staff.hire("eve", "admin")


@pytest.mark.parametrize(
    ("made_with", "has", "left"),
    [
        (("admin",), ("member",), ("member",)),
        (("member",), ("admin",), ("member",)),
        (("member", "auditor"), ("auditor", "reader"), ("auditor", "reader")),
        (("auditor",), ("admin",), ()),
        (("admin",), (), ()),
    ],
)
def test_a_token_is_what_its_maker_was_and_still_is(
    made_with: tuple[str, ...], has: tuple[str, ...], left: tuple[str, ...]
) -> None:
    assert common(made_with, has) == left


async def test_who_operates_lists_and_revokes_the_tokens_of_others(staff: Staff) -> None:
    staff.hire("ann", "member")
    root, ann = await staff.token("eve"), await staff.token("ann")
    listed = (await staff.ask("GET", "/v1/tokens?user=ann", **root)).json()["tokens"]
    assert [(each["user"], each["secret"]) for each in listed] == [("ann", None)]
    assert (await staff.ask("GET", "/v1/tokens?user=eve", **ann)).status_code == 403
    assert len((await staff.ask("GET", "/v1/tokens?user=ann", **ann)).json()["tokens"]) == 1
    where = f"/v1/tokens/{listed[0]['id']}"
    assert (await staff.ask("DELETE", where, **root)).status_code in (200, 204)
    assert (await staff.ask("GET", "/v1/whoami", **ann)).status_code == 401


async def test_all_that_a_user_signed_in_with_is_revoked_at_once(staff: Staff) -> None:
    staff.hire("ann", "member")
    gone = [await staff.token("ann"), await staff.cookie("ann")]
    stays = await staff.token("eve")
    assert await revoke_all(staff.office.desk.store, "ann") == 2
    for proof in gone:
        assert (await staff.ask("GET", "/v1/whoami", **proof)).status_code == 401
    assert (await staff.ask("GET", "/v1/whoami", **stays)).status_code == 200
