"""Certificates of an authority by ACME (RFC 8555), whom HTTP-01 proves that a name leads here."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from muster.base.clock import Clock
from muster.base.errors import Permanent, Transient
from muster.drivers.challenge import answering
from muster.model.acme import HTTP_01, Acme, Given, Order
from muster.ports.authority import Tell

if TYPE_CHECKING:
    from acme.client import ClientV2
    from acme.messages import AuthorizationResource, OrderResource

CALL_S = 15
POLL_S = 1.0
# What an authority says no with, and whose fault that is; all else is said of the authority.
_FIELDS = {
    "invalidContact": "email",
    "unsupportedContact": "email",
    "rejectedIdentifier": "domain",
    "unsupportedIdentifier": "domain",
    "malformed": "domain",
    "caa": "domain",
    "dns": "domain",
    "userActionRequired": "agree_tos",
}


# Note [Loaded when it is asked for]
# What speaks ACME, and signs, takes some MiB for as long as a process lives, and most never need
# it. It is loaded when an authority is asked. It waits for answers, so that is done in threads,
# call by call: a server that is told to end waits for one call, and not for the authority.
@dataclass(frozen=True, slots=True)
class AcmeAuthority:
    """See Note [Loaded when it is asked for]."""

    clock: Clock

    def new_account(self) -> str:
        return _new_key()

    async def issue(self, order: Order, tell: Tell) -> Given:
        with _naming(order.acme):
            from acme.crypto_util import make_csr
            from acme.messages import STATUS_VALID

            client = await asyncio.to_thread(_signed_in, order)
            key = _new_key()
            request = make_csr(key.encode(), [order.acme.domain])
            ordered = await asyncio.to_thread(client.new_order, request)
            for each in ordered.authorizations:
                if each.body.status != STATUS_VALID:
                    await _prove(client, each, order.acme, tell)
            return Given(chain=await self._finished(client, ordered), key=key)

    async def _finished(self, client: "ClientV2", ordered: "OrderResource") -> str:
        from acme.errors import TimeoutError as NotYet

        while True:
            # The library compares with a clock that knows no zone.
            now = self.clock.now().astimezone().replace(tzinfo=None)
            try:
                done = await asyncio.to_thread(
                    client.poll_finalization, ordered, now + timedelta(seconds=3 * POLL_S)
                )
            except NotYet:
                continue
            return str(done.fullchain_pem)


def _new_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _signed_in(order: Order) -> "ClientV2":
    """Return a line to the authority, on which it knows us."""
    from acme import client, errors, messages
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from josepy.jwa import ES256
    from josepy.jwk import JWKEC

    key = JWKEC(key=load_pem_private_key(order.account.encode(), None))
    net = client.ClientNetwork(key, alg=ES256, user_agent="muster", timeout=CALL_S)
    net.session.mount("https://", _believing())
    acme = order.acme
    line = client.ClientV2(client.ClientV2.get_directory(acme.ca_url, net), net)
    if line.external_account_required():
        why = "asks for an account that it opened beforehand (external account binding)"
        raise Permanent(f"acme.ca_url: {acme.ca_url} {why}, which Muster cannot show")
    us = messages.NewRegistration.from_data(email=acme.email or None, terms_of_service_agreed=True)
    try:
        line.new_account(us)
    except errors.ConflictError as known:
        here = messages.RegistrationResource(uri=known.location, body=messages.Registration())
        line.update_registration(here, messages.Registration(contact=us.contact))
    return line


def _believing() -> Any:
    """Return what believes whom the rest of Muster believes as well, not the library's own."""
    from requests.adapters import HTTPAdapter

    class Believing(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options, ssl_context=ssl.create_default_context())

    return Believing()


async def _prove(client: "ClientV2", of: "AuthorizationResource", acme: Acme, tell: Tell) -> None:
    """Prove to the authority that a name leads here. Raises `Permanent` with why it does not."""
    from acme.challenges import HTTP01
    from acme.messages import STATUS_PENDING, STATUS_PROCESSING, STATUS_VALID

    offered = {each.chall.typ: each for each in of.body.challenges}
    asked = offered.get(HTTP01.typ)
    if asked is None:
        why = f"offers {', '.join(sorted(offered)) or 'nothing'} for {acme.domain}"
        raise Permanent(f"acme.challenge: {acme.ca_url} {why}, and not {HTTP_01}")
    response, answer = asked.chall.response_and_validation(client.net.key)
    await tell(answer)
    async with answering(acme.http_challenge_address, answer):
        await asyncio.to_thread(client.answer_challenge, asked, response)
        while True:
            seen, _ = await asyncio.to_thread(client.poll, of)
            if seen.body.status not in (STATUS_PENDING, STATUS_PROCESSING):
                break
            await asyncio.sleep(POLL_S)
    if seen.body.status != STATUS_VALID:
        whys = [str(each.error.detail) for each in seen.body.challenges if each.error]
        said = "; ".join(whys) or f"it is {seen.body.status.name}"
        raise Permanent(f"acme.domain: the authority does not believe in {acme.domain}: {said}")


@contextmanager
def _naming(acme: Acme) -> Iterator[None]:
    """Have what goes wrong on the way name the setting at fault."""
    import requests
    from acme import errors, messages
    from josepy.errors import Error as Unreadable

    try:
        yield
    except messages.Error as error:
        field = _FIELDS.get(error.code or "", "ca_url")
        text = f"acme.{field}: {acme.ca_url} says {error.code or 'no'}: {error.detail}"
        raise Permanent(text) from error
    except (errors.Error, Unreadable, requests.RequestException, KeyError) as error:
        text = str(error) or type(error).__name__
        raise Transient(f"acme.ca_url: {acme.ca_url}: {text}") from error
