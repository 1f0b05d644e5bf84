"""Other projects of who has a token of Keystone, from its recorded answers."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from drivers.identity.scribe import URL, refusal
from muster.base.errors import Forbidden, Transient, Unknown
from muster.drivers.identity.access import Account, by_password
from muster.drivers.identity.scopes import KeystoneScopes

ACCOUNT = Account(username="muster", password="ours", project="service")
PROJECTS = [
    {"id": "id-of-red", "name": "red", "enabled": True, "domain_id": "default"},
    {"id": "id-of-blue", "name": "blue", "enabled": True, "domain_id": "default"},
    {"id": "id-of-old", "name": "old", "enabled": False, "domain_id": "default"},
]
Answer = Callable[[httpx2.Request], httpx2.Response]


class Holder:
    """Answers to the holder of the token `t`, who may have red and blue."""

    def __init__(self) -> None:
        self.instead: Answer | None = None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.instead is not None:
            return self.instead(request)
        if request.method == "GET":
            return self._listed(request)
        said: Any = json.loads(request.content)["auth"]
        wanted = said["scope"]["project"]["id"]
        known = said["identity"] == {"methods": ["token"], "token": {"id": "t"}}
        if not known or wanted not in ("id-of-red", "id-of-blue"):
            return refusal(401, "The request you have made requires authentication.")
        return httpx2.Response(201, headers={"X-Subject-Token": f"t-{wanted}"}, json={"token": {}})

    def _listed(self, request: httpx2.Request) -> httpx2.Response:
        if request.headers["x-auth-token"] != "t":
            return refusal(401, "The request you have made requires authentication.")
        assert request.url.path == "/v3/auth/projects"
        return httpx2.Response(200, json={"projects": PROJECTS, "links": {}})


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
async def scopes(holder: Holder) -> AsyncIterator[KeystoneScopes]:
    opened = KeystoneScopes(by_password(URL, ACCOUNT), httpx2.MockTransport(holder))
    yield opened
    await opened.close()


async def test_projects_that_are_not_disabled_are_told_with_their_names(scopes):
    assert await scopes.projects("t") == {"id-of-red": "red", "id-of-blue": "blue"}


async def test_a_token_becomes_one_for_another_project_of_its_holder(scopes):
    assert await scopes.scoped("t", "id-of-blue") == "t-id-of-blue"
    with pytest.raises(Forbidden, match="no token for project 'id-of-green'"):
        await scopes.scoped("t", "id-of-green")


async def test_a_token_that_is_known_no_more_says_so(scopes):
    with pytest.raises(Unknown):
        await scopes.projects("gone")


async def test_a_keystone_that_lets_no_token_become_another_says_so(scopes, holder):
    holder.instead = lambda _: refusal(403, "rescope a scoped token")
    with pytest.raises(Forbidden, match="lets no token become"):
        await scopes.scoped("t", "id-of-blue")


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500, text="oops"),
        httpx2.Response(200, text="hello"),
        httpx2.Response(200, json={"projects": [{}]}),
    ],
)
async def test_what_is_no_answer_is_trouble_that_may_pass(scopes, holder, answer):
    holder.instead = lambda _: answer
    with pytest.raises(Transient):
        await scopes.projects("t")
    with pytest.raises(Transient):
        await scopes.scoped("t", "id-of-blue")


async def test_nobody_there_is_trouble_that_may_pass(scopes, holder):
    def gone(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    holder.instead = gone
    with pytest.raises(Transient, match="cannot be asked for projects: refused"):
        await scopes.projects("t")
