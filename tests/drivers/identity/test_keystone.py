"""Callers by Keystone's tokens, from its recorded answers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from drivers.identity.scribe import URL, Scribe, refusal
from muster.base.clock import ManualClock
from muster.base.errors import Forbidden, Invalid, Transient, Unknown
from muster.drivers.identity.access import Access, Account, by_password
from muster.drivers.identity.keystone import Keystone
from muster.model.who import Right

ACCOUNT = Account(username="muster", password="ours", project="service")


@pytest.fixture
def scribe() -> Scribe:
    return Scribe(ManualClock())


@pytest.fixture
async def keystone(scribe: Scribe) -> AsyncIterator[Keystone]:
    opened = Keystone(by_password(URL, ACCOUNT), scribe.clock, transport=scribe.transport)
    yield opened
    await opened.close()


def shown(token: str) -> dict[str, str]:
    return {"x-auth-token": token}


async def test_a_token_says_who_and_for_which_project(scribe, keystone):
    who = await keystone.who(shown(scribe.knows("t", "Member", "reader")))
    assert (who.user, who.project) == ("id-of-holder-of-t", "id-of-red")
    assert who.roles == ("member", "reader")
    assert who.scope == "id-of-red"
    assert who.may(Right.WRITE)
    assert not who.may(Right.OPERATE)


async def test_a_role_that_means_nothing_here_is_a_members(scribe, keystone):
    """But to one that is known here none is added: of readers the rules say what they may."""
    theirs = await keystone.who(shown(scribe.knows("t", "_member_", "creator")))
    assert theirs.may(Right.WRITE)
    assert not theirs.may(Right.EVERY_PROJECT)
    reader = await keystone.who(shown(scribe.knows("r", "reader", "auditor")))
    assert not reader.may(Right.WRITE)


async def test_an_admin_sees_every_project(scribe, keystone):
    assert (await keystone.who(shown(scribe.knows("t", "admin")))).scope is None


async def test_who_has_no_role_at_all_may_do_nothing(scribe, keystone):
    who = await keystone.who(shown(scribe.knows("t")))
    assert not any(who.may(right) for right in Right)


async def test_muster_signs_in_once_and_as_it_was_told(scribe, keystone):
    for token in ("one", "two"):
        await keystone.who(shown(scribe.knows(token, "member")))
    (body,) = scribe.signed_in
    user = body["auth"]["identity"]["password"]["user"]
    assert user == {"name": "muster", "domain": {"name": "Default"}, "password": "ours"}
    assert body["auth"]["scope"]["project"]["name"] == "service"


async def test_a_good_token_is_asked_about_once(scribe, keystone):
    token = scribe.knows("t", "member")
    first = await keystone.who(shown(token))
    assert await keystone.who(shown(token)) == first
    assert scribe.asked == ["t"]


async def test_many_who_come_at_once_with_one_token_are_asked_about_once(scribe, keystone):
    token = scribe.knows("t", "member")
    found = await asyncio.gather(*(keystone.who(shown(token)) for _ in range(20)))
    assert len(set(found)) == 1
    assert scribe.asked == ["t"]


async def test_one_caller_who_gives_up_takes_no_answer_from_the_others(scribe, keystone):
    token = scribe.knows("t", "member")
    gone = asyncio.create_task(keystone.who(shown(token)))
    stays = asyncio.create_task(keystone.who(shown(token)))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).user == "id-of-holder-of-t"


async def test_after_a_while_a_token_is_asked_about_again(scribe, keystone):
    token = scribe.knows("t", "member")
    await keystone.who(shown(token))
    scribe.clock.advance(301)
    del scribe.tokens[token]  # revoked meanwhile
    with pytest.raises(Unknown):
        await keystone.who(shown(token))


async def test_a_token_is_good_until_it_expires_and_not_longer(scribe, keystone):
    token = scribe.knows("t", "member", lasts_s=60)
    await keystone.who(shown(token))
    scribe.clock.advance(61)
    with pytest.raises(Unknown, match="expired"):
        await keystone.who(shown(token))


async def test_a_refused_token_is_asked_about_again(scribe, keystone):
    with pytest.raises(Unknown):
        await keystone.who(shown("t"))
    scribe.knows("t", "member")
    assert (await keystone.who(shown("t"))).roles == ("member",)


async def test_as_many_tokens_are_remembered_as_there_is_room_for(scribe):
    access = by_password(URL, ACCOUNT)
    keystone = Keystone(access, scribe.clock, transport=scribe.transport, room=20)
    for number in range(25):
        await keystone.who(shown(scribe.knows(f"t{number}", "member")))
    asked = len(scribe.asked)
    await keystone.who(shown("t5"))
    assert len(scribe.asked) == asked
    await keystone.who(shown("t4"))
    assert len(scribe.asked) == asked + 1
    await keystone.close()


async def test_no_token_is_kept_as_it_is(scribe, keystone):
    scribe.tokens["very-secret"] = scribe.tokens[scribe.knows("t", "member")]
    await keystone.who(shown("very-secret"))
    assert "very-secret" not in repr(vars(keystone))


async def test_our_own_token_is_renewed_when_it_is_no_longer_good(scribe, keystone):
    await keystone.who(shown(scribe.knows("one", "member")))
    scribe.ours.append("another, so that the first is no longer good")
    await keystone.who(shown(scribe.knows("two", "member")))
    assert len(scribe.signed_in) == 2


@pytest.mark.parametrize("token", ["", "no such", "x" * 5000, "t\n", "t\u00e9"])
async def test_what_is_no_token_is_refused(keystone, token):
    with pytest.raises(Unknown):
        await keystone.who(shown(token))


async def test_a_token_for_no_project_is_refused_with_what_to_do(scribe, keystone):
    with pytest.raises(Forbidden, match="scoped"):
        await keystone.who(shown(scribe.knows("t", project=None)))


async def test_the_challenge_says_where_to_get_a_token(keystone):
    assert keystone.challenge == f'Keystone uri="{URL}"'


def _silent(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("connection refused", request=request)


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        (_silent, "connection refused"),
        (lambda _: refusal(500, "oops"), "500"),
        (lambda _: httpx2.Response(201, headers={"x-subject-token": "t"}, text="?"), "201"),
    ],
)
async def test_keystone_being_down_is_no_fault_of_the_caller(scribe, keystone, instead, words):
    scribe.instead = instead
    with pytest.raises(Transient, match=words) as told:
        await keystone.who(shown("t"))
    assert "Keystone" in told.value.text


@pytest.mark.parametrize(
    "body", [[], {}, {"token": 1}, {"token": {"project": {"id": "p"}}}, {"token": {"project": {}}}]
)
async def test_an_answer_that_is_not_keystones_lets_nobody_in(scribe, keystone, body):
    await keystone.who(shown(scribe.knows("one", "member")))
    scribe.instead = lambda _: httpx2.Response(200, json=body)
    with pytest.raises((Transient, Forbidden)):
        await keystone.who(shown("t"))


async def test_muster_not_being_let_in_is_said_so_that_an_operator_can_help(scribe, keystone):
    scribe.closed = True
    with pytest.raises(Transient, match="does not let Muster sign in"):
        await keystone.who(shown("t"))


async def test_a_remembered_token_is_good_while_keystone_is_down(scribe, keystone):
    token = scribe.knows("t", "member")
    await keystone.who(shown(token))
    scribe.instead = _silent
    assert (await keystone.who(shown(token))).roles == ("member",)


async def test_nothing_is_remembered_where_the_setting_says_so(scribe):
    keystone = Keystone(by_password(URL, ACCOUNT), scribe.clock, timedelta(), scribe.transport)
    token = scribe.knows("t", "member")
    for _ in range(2):
        await keystone.who(shown(token))
    assert scribe.asked == ["t", "t"]
    await keystone.close()


def test_a_certificate_that_is_not_there_is_named():
    access = Access(url="https://keystone.test/v3", auth={}, ca="/no/such.pem")
    with pytest.raises(Invalid, match=r"/no/such\.pem"):
        Keystone(access, ManualClock())
