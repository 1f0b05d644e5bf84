"""Muster's own certificate from an authority: wished for, got when due, shown, and what fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certified import signer
from machines import a_machine
from muster.base.errors import Permanent
from muster.model.acme import CHALLENGES, Given, Order
from muster.model.system import ACME_ACCOUNT, SHOWN_KEY
from muster.ports.authority import Tell
from muster.ports.store import Query
from muster.service.provisioning import certifying
from muster.store.leases import SECRET
from office import Office, opened

HERE = "/1.0/system"
DAY_S = 86400
WISH = {"agree_tos": True, "domain": "muster.example.com", "email": "ops@example.com"}


@dataclass
class FakeAuthority:
    """It asks back, and gives certificates of ninety days for as long as it is not cross."""

    now: Callable[[], Any]
    cross: str = ""
    orders: list[Order] = field(default_factory=list)
    meanwhile: Callable[[str], Any] | None = None

    def new_account(self) -> str:
        return "the key of an account"

    async def issue(self, order: Order, tell: Tell) -> Given:
        self.orders.append(order)
        await tell("token.thumbprint")
        if self.meanwhile:
            await self.meanwhile("token")
        if self.cross:
            raise Permanent(self.cross)
        root = signer("an authority", self.now())
        ours = signer(f"muster {len(self.orders)}", self.now(), root, is_authority=False, days=89)
        return Given(chain=ours.pem, key=ours.private())


@dataclass
class Shown:
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def turn(self, chain: str, key: str) -> None:
        self.pairs.append((chain, key))


@dataclass
class Scene:
    office: Office
    authority: FakeAuthority
    face: Shown

    async def ask(self, method: str, part: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.office.call(method, f"{HERE}/{part}", body, "root")
        assert answer.status_code == status, answer.text
        return answer.json()["metadata"] if status < 400 else answer.json()["error"]

    async def wish(self, **but: Any) -> None:
        await self.ask("PUT", "security", {"acme": {**WISH, **but}})

    async def look(self, after_s: float = 0) -> int:
        """Let time pass, look, and return how many certificates have been asked for."""
        self.office.clock.advance(after_s)
        await certifying.look(self.office.desk)
        return len(self.authority.orders)

    async def heard(self, token: str) -> tuple[int, str]:
        """Return what somebody hears who is nobody's user."""
        answer = await self.office.clients["all"].get(f"{CHALLENGES}/{token}")
        return answer.status_code, answer.text

    async def warnings(self) -> list[tuple[str, str, int]]:
        found = await self.office.desk.store.read(lambda tx: tx.warnings.find(Query()))
        return [(str(each.kind), each.messages[-1], each.count) for each in found]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(tmp_path) as office:
        authority, face = FakeAuthority(office.clock.now), Shown()
        office.app.state.desk = replace(office.desk, face=face, authority=authority)
        office.desk = office.app.state.desk
        yield Scene(office, authority, face)


async def test_what_is_wished_for_is_shown_and_the_rest_is_as_usual(scene):
    await scene.wish()
    seen = (await scene.ask("GET", "security"))["acme"]
    assert {name: seen[name] for name in WISH} == WISH
    assert seen["ca_url"] == "https://acme-v02.api.letsencrypt.org/directory"
    assert (seen["challenge"], seen["http_challenge_address"]) == ("HTTP-01", ":80")
    await scene.ask("PUT", "security", {"acme": {"http_challenge_address": ""}})
    now = (await scene.ask("GET", "security"))["acme"]
    assert now == {**seen, "http_challenge_address": ""}
    await scene.ask("PUT", "security", await scene.ask("GET", "security"))
    assert (await scene.ask("GET", "security"))["acme"] == now


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"challenge": "DNS-01"}, "acme.challenge: must be HTTP-01"),
        ({"provider": "rfc2136"}, "acme.provider: belongs to DNS-01"),
        ({"provider_resolvers": ["10.0.0.1"]}, "acme.provider_resolvers: belongs to DNS-01"),
        ({"ca_url": "http://ca.example"}, "acme.ca_url: must be the https:// address"),
        ({"email": "ops"}, "acme.email: must be an address"),
        ({"http_challenge_address": "80"}, "acme.http_challenge_address: must be host:port"),
        ({"http_challenge_address": ":0"}, "acme.http_challenge_address: must be host:port"),
        ({"domain": "*.example.com"}, "acme.domain: must be one name"),
        ({"domain": "10.0.0.1"}, "acme.domain: must be a name, not an address"),
        ({"domain": "muster"}, "acme.domain: must be a full name"),
        ({"agree_tos": False}, "acme.agree_tos: must be true"),
        ({"agree_tos": "yes"}, "acme.agree_tos: must be true or false"),
        ({"domian": "x"}, "acme.domian: is not known here; did you mean domain?"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_by_name(scene, said, why):
    assert why in await scene.ask("PUT", "security", {"acme": {**WISH, **said}}, 400)
    assert (await scene.ask("GET", "security"))["acme"]["domain"] == ""
    assert await scene.look() == 0


async def test_a_certificate_is_got_shown_with_its_key_and_told_to_machines(scene):
    now = scene.office.clock.now()
    machine = a_machine(1, polled_at=now)
    await scene.office.desk.store.write(lambda tx: tx.machines.put(machine))
    assert await scene.look() == 0
    await scene.wish()
    assert await scene.look() == 1
    [(chain, key)] = scene.face.pairs
    assert (await scene.ask("GET", "certificate"))["certificate"] == chain
    kept, asked = await scene.office.desk.store.read(
        lambda tx: (tx.settings.get(SHOWN_KEY), tx.machines.get(machine.id).polled_at)
    )
    assert (kept, asked) == (key, None)


async def test_it_is_renewed_when_a_third_of_its_time_is_left_and_not_before(scene):
    await scene.wish()
    assert await scene.look() == 1
    assert await scene.look(58 * DAY_S) == 1
    assert await scene.look(DAY_S) == 2
    assert await scene.look(DAY_S) == 2
    assert len({order.account for order in scene.authority.orders}) == 1


async def test_another_name_or_authority_is_asked_for_at_once(scene):
    await scene.wish()
    assert await scene.look() == 1
    await scene.wish(email="others@example.com")
    assert await scene.look() == 1
    await scene.wish(domain="other.example.com")
    assert await scene.look() == 2
    await scene.wish(ca_url="https://ca.example/dir")
    assert await scene.look() == 3


async def test_what_fails_is_a_warning_tried_again_after_a_day_and_over_when_it_succeeds(scene):
    await scene.wish()
    scene.authority.cross = "acme.domain: nobody answers there"
    assert await scene.look() == 1
    assert await scene.look(3600) == 1
    kind, text = "ACME certificate update failed", f"{WISH['domain']}: {scene.authority.cross}"
    assert await scene.warnings() == [(kind, text, 1)]
    assert await scene.look(DAY_S) == 2
    assert await scene.warnings() == [(kind, text, 2)]
    assert scene.face.pairs == []
    scene.authority.cross = ""
    await scene.wish(http_challenge_address=":8080")  # by other settings: at once
    assert await scene.look() == 3
    assert (await scene.warnings(), len(scene.face.pairs)) == ([], 1)


async def test_the_warning_is_over_where_no_certificate_is_wished_for_any_more(scene):
    await scene.wish()
    scene.authority.cross = "no"
    await scene.look()
    await scene.wish(domain="")
    assert (await scene.look(), await scene.warnings()) == (1, [])


async def test_it_is_renewed_when_somebody_says_so_and_he_hears_what_fails(scene):
    assert "gets no certificate by ACME" in await scene.ask("POST", "certificate/:renew", {}, 400)
    await scene.wish()
    first = await scene.ask("POST", "certificate/:renew", {})
    second = await scene.ask("POST", "certificate/:renew", {})
    assert first["fingerprint"] != second["fingerprint"]
    assert await scene.ask("GET", "certificate") == second
    scene.authority.cross = "acme.domain: nobody answers there"
    told = await scene.ask("POST", "certificate/:renew", {}, 500)
    assert "acme.domain: nobody answers there" in told
    assert await scene.ask("GET", "certificate") == second


async def test_an_authority_hears_the_answer_while_it_asks_and_nobody_else_does(scene):
    heard: list[Any] = []

    async def ask(token: str) -> None:
        heard.extend([await scene.heard(token), await scene.heard("another")])

    scene.authority.meanwhile = ask
    await scene.wish()
    await scene.look()
    assert heard[0] == (200, "token.thumbprint")
    assert heard[1][0] == 404
    assert (await scene.heard("token"))[0] == 404


async def test_two_do_not_ask_at_once(scene):
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def pause(token: str) -> None:
        waiting.set()
        await go_on.wait()

    scene.authority.meanwhile = pause
    await scene.wish()
    first = asyncio.create_task(certifying.look(scene.office.desk))
    await waiting.wait()
    assert "already" in await scene.ask("POST", "certificate/:renew", {}, 400)
    go_on.set()
    await first
    assert (len(scene.authority.orders), len(scene.face.pairs)) == (1, 1)


async def test_whoever_is_killed_while_he_asks_shows_what_he_did_and_asks_again_later(scene):
    waiting = asyncio.Event()

    async def killed(token: str) -> None:
        waiting.set()
        await asyncio.Event().wait()

    await scene.wish()
    await scene.look()
    before = await scene.ask("GET", "certificate")
    scene.authority.meanwhile = killed
    under_way = asyncio.create_task(
        scene.office.call("POST", f"{HERE}/certificate/:renew", {}, "root")
    )
    await waiting.wait()
    assert await scene.ask("GET", "certificate") == before
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    scene.authority.meanwhile = None
    assert await scene.look() == 2
    assert await scene.look(3700) == 3
    assert (await scene.ask("GET", "certificate"))["fingerprint"] != before["fingerprint"]


async def test_what_somebody_set_by_hand_stays_until_its_last_third(scene):
    await scene.wish()
    await scene.look()
    mine = signer("by hand", scene.office.clock.now(), days=29)
    pair = {"certificate": mine.pem, "key": mine.private()}
    await scene.ask("POST", "certificate", pair)
    assert await scene.look(18 * DAY_S) == 1
    assert await scene.look(2 * DAY_S) == 2


async def test_a_certificate_that_no_client_would_take_changes_nothing(scene):
    scene.authority.now = lambda: scene.office.clock.now() - timedelta(days=4000)
    await scene.wish()
    await scene.look()
    [(_, told, _)] = await scene.warnings()
    assert "acme.ca_url: " in told
    assert "has expired" in told
    assert scene.face.pairs == []


async def test_where_no_https_is_served_none_is_got(scene):
    scene.office.app.state.desk = replace(scene.office.desk, face=None)
    assert "tls_certificate" in await scene.ask("PUT", "security", {"acme": WISH}, 400)
    assert "tls_certificate" in await scene.ask("POST", "certificate/:renew", {}, 400)


async def test_only_who_operates_has_it_renewed(scene):
    answer = await scene.office.call("POST", f"{HERE}/certificate/:renew", {}, "ann")
    assert answer.status_code == 403


def test_the_key_of_the_account_lies_sealed():
    assert ACME_ACCOUNT in SECRET
