"""Certificates of a real authority: given to whom a name leads, and refused with the reason."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from freeports import free_port
from muster.base.certificates import chain_fault, chain_of, known_as
from muster.base.clock import SystemClock
from muster.base.errors import Permanent, Transient
from muster.drivers.authority import AcmeAuthority
from muster.model.acme import Acme, Given, Order
from pebbles import BLOCKED, Pebble, pebble

NAME = "muster.example.com"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble")) as made:
        yield made


@dataclass
class Asker:
    acme: Acme
    authority: AcmeAuthority
    account: str
    told: list[str] = field(default_factory=list)

    async def ask(self, **but: object) -> Given:
        order = Order(acme=replace(self.acme, **but), account=self.account)  # type: ignore[arg-type]
        return await self.authority.issue(order, self.hear)

    async def hear(self, said: str) -> None:
        self.told.append(said)


@pytest.fixture
def asker(there: Pebble, monkeypatch: pytest.MonkeyPatch) -> Asker:
    monkeypatch.setenv("SSL_CERT_FILE", there.believed)
    acme = Acme(
        agree_tos=True,
        ca_url=there.url,
        domain=NAME,
        email="ops@example.com",
        http_challenge_address=there.proofs,
    )
    authority = AcmeAuthority(SystemClock())
    return Asker(acme, authority, authority.new_account())


async def test_whom_a_name_leads_to_gets_a_certificate_for_it(asker):
    given = await asker.ask()
    assert chain_fault(given.chain, given.key, asker.authority.clock.now()) == ""
    assert len(chain_of(given.chain)) > 1  # who vouches for it is shown as well
    [said] = asker.told
    assert said.partition(".")[2]


async def test_it_is_known_by_its_name_to_whoever_believes_the_authority(
    asker, there, tmp_path, monkeypatch
):
    given = await asker.ask()
    assert known_as(given.chain, given.key) == ()
    (tmp_path / "root.pem").write_text(there.root())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    assert known_as(given.chain, given.key) == (NAME,)


async def test_who_comes_again_is_known_and_gets_another_with_a_key_of_its_own(asker):
    first = await asker.ask()
    second = await asker.ask(email="others@example.com")
    assert (first.chain != second.chain, first.key != second.key) == (True, True)


async def test_whom_a_name_does_not_lead_to_gets_none_and_the_reason(asker):
    with pytest.raises(Permanent, match=f"acme.domain: .*{NAME}: .*refused"):
        await asker.ask(http_challenge_address="")


async def test_where_nobody_can_listen_that_setting_is_named(asker):
    host, _, port = asker.acme.http_challenge_address.partition(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(Permanent, match=r"acme.http_challenge_address: cannot listen on"),
    ):
        await asker.ask()


async def test_an_authority_that_does_not_answer_is_named(asker):
    nowhere = f"https://127.0.0.1:{free_port()}/dir"
    with pytest.raises(Transient, match=f"acme.ca_url: {nowhere}: "):
        await asker.ask(ca_url=nowhere)


async def test_one_that_nobody_vouches_for_is_not_believed(asker, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Transient, match=r"acme.ca_url: .*certificate verify failed"):
        await asker.ask()


async def test_a_name_that_an_authority_does_not_take_is_named(asker):
    with pytest.raises(Permanent, match=r"acme.domain: .*rejectedIdentifier"):
        await asker.ask(domain=BLOCKED)


async def test_one_that_knows_its_guests_beforehand_is_refused(asker, tmp_path, monkeypatch):
    with pebble(tmp_path / "club", by_invitation=True) as club:
        monkeypatch.setenv("SSL_CERT_FILE", club.believed)
        with pytest.raises(Permanent, match=r"acme.ca_url: .*external account binding"):
            await asker.ask(ca_url=club.url)
