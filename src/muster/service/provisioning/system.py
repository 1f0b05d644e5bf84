"""What is set for all servers together while they run: shown, and changed as far as that goes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import msgspec

from muster.base.certificates import chain_fault, fingerprint, known_as, validity
from muster.base.errors import Conflict, Invalid, NotFound
from muster.decide.certifying import faults
from muster.decide.pins import shown_as
from muster.model.acme import Acme
from muster.model.system import (
    ACME,
    ADDRESS,
    CHANNEL,
    LOG_LEVEL,
    SHOWN,
    SHOWN_AS,
    SHOWN_KEY,
)
from muster.ports.store import Query, Transaction
from muster.service.ask import Fault, refuse
from muster.service.desk import Desk

Values = Mapping[str, Any]
NO_HTTPS = "this server serves HTTP: it begins with tls_certificate and tls_key"
# What can be set here, by part; all else is said elsewhere.
KEYS: Mapping[str, Mapping[str, str]] = {
    "network": {"address": ADDRESS},
    "security": {"acme": ACME},
    "settings": {"log_level": LOG_LEVEL},
    "updates": {"server_default_channel": CHANNEL},
}
_ELSEWHERE: Mapping[str, str] = {
    "network": "cannot be set here: the setting listen of each server says it",
    "security": "cannot be set here: the settings identity and rules_file say who may ask",
    "settings": "cannot be set here: no scriptlets are run",
    "updates": "cannot be set here: servers get their updates from package sources of their own",
}


async def show(desk: Desk, part: str) -> Values:
    """Return what is in force of a part. Raises `NotFound`."""
    return await desk.store.read(lambda tx: _shown(desk, tx, part))


async def changed(desk: Desk, part: str, said: Values, check: Callable[[Values], None]) -> None:
    """Set this for all servers. Raises `Invalid` for all that cannot be set here."""

    def work(tx: Transaction) -> None:
        now = _shown(desk, tx, part)
        check(now)
        keys = KEYS[part]
        others = [name for name, value in said.items() if name not in keys and value != now[name]]
        if others:
            refuse([Fault(name, _ELSEWHERE[part]) for name in others])
        for name, key in keys.items():
            if name in said and said[name] != now[name]:
                tx.settings.put(key, _kept(desk, name, said[name], now[name]))

    await desk.store.write(work)


def _kept(desk: Desk, name: str, said: Any, now: Any) -> str:
    """Return what is written down of a value, whose parts that nobody names stay what they are."""
    if name != "acme":
        return str(said)
    wanted = msgspec.convert({**now, **said}, Acme)
    if wrong := [Fault(f"acme.{field}", why) for field, why in faults(wanted)]:
        refuse(wrong)
    if wanted.domain and desk.face is None:
        raise Conflict(NO_HTTPS)
    return msgspec.json.encode(wanted).decode()


async def face(desk: Desk) -> Values:
    """Return what servers show by HTTPS, with until when that is good."""
    chain = await desk.store.read(lambda tx: _chain(desk, tx))
    good = validity(chain)
    return {
        "certificate": chain,
        "fingerprint": fingerprint(chain) or "",
        "expires_at": good[1].isoformat() if good else "",
    }


# Note [Who is held to our certificate]
# A machine that was told which certificate Muster shows takes no other. When that is replaced,
# every one of them is asked at once and told the new one, over the line on which Muster asks it,
# which has other certificates; it is told to those that do not answer as soon as they do. A
# machine tries the new certificate by calling before it believes in it.
async def certified(
    desk: Desk, chain: str, key: str, beside: Callable[[Transaction], None] = lambda tx: None
) -> None:
    """Have all servers show another certificate from their next connection on.

    `beside` is written by the same transaction. Raises `Invalid` with what is wrong with it,
    `Conflict` where this one serves no HTTPS. See Note [Who is held to our certificate].
    """
    if desk.face is None:
        raise Conflict(NO_HTTPS)
    if why := chain_fault(chain, key, desk.clock.now()):
        raise Invalid(why, field="certificate")
    names = await asyncio.to_thread(known_as, chain, key)

    def work(tx: Transaction) -> None:
        tx.settings.put(SHOWN, chain)
        tx.settings.put(SHOWN_KEY, key)
        tx.settings.put(SHOWN_AS, " ".join(names))
        beside(tx)
        there = tx.machines.find(Query())
        tx.machines.put(*(replace(each, polled_at=None) for each in there if each.connection_url))

    await desk.store.write(work)
    desk.face.turn(chain, key)


def _chain(desk: Desk, tx: Transaction) -> str:
    return tx.settings.get(SHOWN) or desk.fixed.shown


def address(desk: Desk, tx: Transaction) -> str:
    """Return where servers find Muster, "" where nobody says it."""
    return tx.settings.get(ADDRESS) or desk.public_url


def way_in(desk: Desk, tx: Transaction, otherwise: str) -> dict[str, str]:
    """Return what a machine is told of where Muster is, and what has to be shown to it there.

    `otherwise` is where, if nobody has said it.
    """
    url = address(desk, tx) or otherwise
    pin = (
        shown_as(_chain(desk, tx), tx.settings.get(SHOWN_AS)).pin(url)
        if url.startswith("https:")
        else ""
    )
    return {"server_url": url, **({"server_certificate": pin} if pin else {})}


def default_channel(tx: Transaction) -> str:
    """Return where updates of servers come from for which nobody says it."""
    return tx.settings.get(CHANNEL) or ""


def acme_of(tx: Transaction) -> Acme:
    """Return how Muster gets its certificate."""
    said = tx.settings.get(ACME)
    return msgspec.json.decode(said, type=Acme) if said else Acme()


def _shown(desk: Desk, tx: Transaction, part: str) -> Values:
    if part not in KEYS:
        raise NotFound(f"there is no part '{part}'; there is {', '.join(KEYS)}")
    usual = {"WARNING": "WARN"}.get(desk.fixed.log_level.upper(), desk.fixed.log_level.upper())
    parts: Mapping[str, Values] = {
        "network": {"address": address(desk, tx), "rest_server_address": desk.fixed.listen},
        "security": {**_NOBODY_ELSE, "acme": asdict(acme_of(tx))},
        "settings": {
            "log_level": tx.settings.get(LOG_LEVEL) or usual,
            "server_registration_scriptlet": "",
        },
        "updates": {**_NOTHING_MIRRORED, "server_default_channel": default_channel(tx)},
    }
    return parts[part]


# What the original has and is empty here. Its secrets would be said and never shown.
_NOBODY_ELSE: Values = {
    "trusted_tls_client_cert_fingerprints": (),
    "trusted_https_proxies": (),
    "oidc": {},
    "openfga": {},
}
_NOTHING_MIRRORED: Values = {
    "source": "",
    "signature_verification_root_ca": "",
    "filter_expression": "",
    "file_filter_expression": "",
    "updates_default_channel": "",
    "image_server_authentication_by_query_param": False,
}
