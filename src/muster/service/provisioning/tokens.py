"""Tokens by which machines register: made, listed, changed, taken back, and used."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from muster.base.errors import Forbidden, Invalid, NotFound
from muster.base.ids import new_id
from muster.model.machine_token import MachineToken
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.lookup import as_id
from muster.service.provisioning.system import default_channel, way_in


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAsk:
    uses_remaining: int
    expire_at: datetime
    description: str = ""
    channel: str = ""


async def listing(desk: Desk) -> list[MachineToken]:
    """Return every token, oldest first."""
    query = Query(sort=(("created_at", False),))
    return await desk.store.read(lambda tx: tx.machine_tokens.find(query))


async def show(desk: Desk, said: str) -> MachineToken:
    return await desk.store.read(lambda tx: found(tx, said))


async def provided(desk: Desk, said: str, otherwise: str) -> dict[str, str]:
    """Return what a server has to be told to register by a token.

    `otherwise` is where Muster is, if nobody has said it.
    """

    def work(tx: Transaction) -> dict[str, str]:
        token = found(tx, said)
        return {**way_in(desk, tx, otherwise), "server_token": str(token.id)}

    return await desk.store.read(work)


async def created(desk: Desk, ask: TokenAsk) -> MachineToken:
    """Return a new token. Servers that register by it are of its channel, or the default one."""
    made = MachineToken(
        id=new_id(),
        uses_remaining=ask.uses_remaining,
        expire_at=ask.expire_at,
        description=ask.description,
        channel=ask.channel,
        created_at=desk.clock.now(),
    )

    def work(tx: Transaction) -> MachineToken:
        whole = replace(made, channel=made.channel or default_channel(tx))
        tx.machine_tokens.put(whole)
        return whole

    return await desk.store.write(work)


async def changed(
    desk: Desk, said: str, ask: TokenAsk, check: Callable[[MachineToken], None]
) -> None:
    """Give a token these values. `check` raises where it is not as its changer has seen it."""

    def work(tx: Transaction) -> None:
        there = found(tx, said)
        check(there)
        fields = {name: getattr(ask, name) for name in TokenAsk.__dataclass_fields__}
        tx.machine_tokens.put(replace(there, **fields))

    await desk.store.write(work)


async def removed(desk: Desk, said: str) -> None:
    """Take a token back; machines that have registered by it stay."""
    await desk.store.write(lambda tx: tx.machine_tokens.drop(found(tx, said).id))


def admitting(tx: Transaction, said: str, now: datetime) -> MachineToken:
    """Return the token by which somebody may register now. Raises what says why not."""
    token = tx.machine_tokens.get(as_id(said) or UUID(int=0))
    if token is None:
        raise Forbidden("this token is not known here")
    if now >= token.expire_at:
        raise Invalid(f"this token was good until {token.expire_at:%Y-%m-%d %H:%M} UTC")
    return token


def used(tx: Transaction, token: MachineToken) -> None:
    """Take one of its uses. Raises `Invalid` where none is left."""
    if token.uses_remaining < 1:
        raise Invalid("this token has been used as often as it may be")
    tx.machine_tokens.put(replace(token, uses_remaining=token.uses_remaining - 1))


def found(tx: Transaction, said: str) -> MachineToken:
    """Return a token. Raises `NotFound`."""
    token = tx.machine_tokens.get(as_id(said) or UUID(int=0))
    if token is None:
        raise NotFound(f"there is no token '{said}'")
    return token
