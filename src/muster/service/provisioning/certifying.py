"""Muster's own certificate from an authority, by ACME: asked for when due, or by somebody."""

import asyncio
from datetime import timedelta

import msgspec

from muster.base.errors import Conflict, Invalid, MusterError, NotFound, Transient
from muster.base.ids import new_id
from muster.base.log import log
from muster.decide.certifying import is_due
from muster.decide.warnings import looked
from muster.model.acme import INTERRUPTED, Acme, Attempt, Order
from muster.model.system import ACME_ACCOUNT, ACME_ANSWER, ACME_ATTEMPT, SHOWN
from muster.model.warning import Finding, Kind
from muster.ports.authority import Authority
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.provisioning import system

WITHIN = timedelta(seconds=90)  # an authority may take its time over a proof
_TURN = "acme"
NOT_SET = (
    "Muster gets no certificate by ACME: say where from (`muster system acme`, or acme of "
    "PUT /1.0/system/security), or give it one with `muster system certificate set`"
)


async def look(desk: Desk) -> None:
    """Get another certificate if that is due; what fails is a warning until one was given."""
    if desk.face is None:
        return
    acme, last, chain = await desk.store.read(
        lambda tx: (system.acme_of(tx), _last(tx), tx.settings.get(SHOWN) or "")
    )
    if not acme.domain and last and last.error:
        await desk.store.write(lambda tx: _note(tx, Attempt(at=desk.clock.now(), acme=acme)))
    if is_due(acme, last, chain, desk.clock.now()):
        try:
            await _renewed(desk, acme)
        except MusterError as error:
            log().warning("acme.failed", domain=acme.domain, code=error.code, reason=error.text)


async def renew(desk: Desk) -> None:
    """Get another certificate now.

    Raises `Conflict` where another is being got, or nobody said where from, and what the
    authority says no with.
    """
    acme = await desk.store.read(system.acme_of)
    if desk.face is None:
        raise Conflict(system.NO_HTTPS)
    if not acme.domain:
        raise Conflict(NOT_SET, field="acme.domain")
    await _renewed(desk, acme)


async def answer(desk: Desk, token: str) -> str:
    """Return what an authority is to hear that asks for that token. Raises `NotFound`."""
    said = await desk.store.read(lambda tx: tx.settings.get(ACME_ANSWER)) or ""
    if not said or said.partition(".")[0] != token:
        raise NotFound("no authority is to ask for this")
    return said


# Note [One certificate at a time]
# An authority counts what it is asked, and asks one address back. So whoever asks it has a lease
# meanwhile, on which those of the same database agree, and which is over by itself where a server
# was killed. Until a certificate is there whole, with its key, nothing is changed but the answer
# to the authority; both are written, together with what came of it, by one transaction.
async def _renewed(desk: Desk, acme: Acme) -> None:
    """Ask for a certificate, and show it. See Note [One certificate at a time]."""
    if desk.authority is None:
        raise Conflict("this server asks no authority")
    owner, authority = f"{_TURN}/{new_id()}", desk.authority
    order = await desk.store.write(lambda tx: _begun(desk, tx, authority, owner))
    try:
        await _ordered(desk, authority, order)
    except MusterError as error:
        failed = Attempt(at=desk.clock.now(), acme=acme, error=error.text)
        await desk.store.write(lambda tx: _note(tx, failed))
        raise
    finally:
        await desk.store.write(lambda tx: _ended(tx, owner))


async def _ordered(desk: Desk, authority: Authority, order: Order) -> None:
    async def tell(said: str) -> None:
        await desk.store.write(lambda tx: tx.settings.put(ACME_ANSWER, said))

    try:
        async with asyncio.timeout(WITHIN.total_seconds()):
            given = await authority.issue(order, tell)
    except TimeoutError:
        why = f"the authority did not finish within {WITHIN.total_seconds():.0f} s"
        raise Transient(f"acme.ca_url: {order.acme.ca_url}: {why}") from None
    done = Attempt(at=desk.clock.now(), acme=order.acme)
    try:
        await system.certified(desk, given.chain, given.key, lambda tx: _note(tx, done))
    except Invalid as error:
        what = f"acme.ca_url: {order.acme.ca_url}: what it gave"
        raise Transient(f"{what} {error.text}") from error
    log().info("acme.renewed", domain=order.acme.domain)


def _begun(desk: Desk, tx: Transaction, authority: Authority, owner: str) -> Order:
    """Take the turn, with the key by which authorities know us: made once, and kept sealed."""
    now = desk.clock.now()
    if not tx.leases.take(_TURN, owner, now, now + WITHIN + timedelta(seconds=10)):
        raise Conflict("a certificate is being asked for already; try again in two minutes")
    account = tx.settings.get(ACME_ACCOUNT) or authority.new_account()
    tx.settings.put(ACME_ACCOUNT, account)
    order = Order(acme=system.acme_of(tx), account=account)
    _write(tx, Attempt(at=now, acme=order.acme, error=INTERRUPTED))
    return order


def _ended(tx: Transaction, owner: str) -> None:
    tx.leases.give_up(owner)
    tx.settings.put(ACME_ANSWER, "")


def _last(tx: Transaction) -> Attempt | None:
    said = tx.settings.get(ACME_ATTEMPT)
    return msgspec.json.decode(said, type=Attempt) if said else None


def _note(tx: Transaction, came: Attempt) -> None:
    """Write down what came of it, with a warning where nothing did."""
    _write(tx, came)
    there = tx.warnings.find(Query(where={"scope": (_TURN,)}))
    after = looked(_TURN, there, _found(came), came.at)
    tx.warnings.put(*after.put)
    tx.warnings.drop(*(each.id for each in after.over))


def _write(tx: Transaction, came: Attempt) -> None:
    tx.settings.put(ACME_ATTEMPT, msgspec.json.encode(came).decode())


def _found(came: Attempt) -> tuple[Finding, ...]:
    if not came.error:
        return ()
    text = f"{came.acme.domain}: {came.error}"
    return (Finding(kind=Kind.ACME, entity_type="muster", entity="muster", message=text),)
