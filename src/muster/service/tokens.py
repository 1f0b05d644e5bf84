"""Tokens: secrets that stand for a user in a project, shown once and revocable."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from muster.base.errors import Forbidden, NotFound
from muster.base.ids import new_id
from muster.base.secret import digest, new_secret
from muster.model.who import Right, Who
from muster.ports.store import Query, Store, Token, Transaction
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import as_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    token: Token
    secret: str  # here and never again


async def listing(desk: Desk, who: Who) -> list[Token]:
    """Return the caller's own tokens, oldest first."""
    query = _of(who.user, who.project)
    return await desk.store.read(lambda tx: tx.tokens.find(query))


async def listing_of(desk: Desk, who: Who, user: str) -> list[Token]:
    """Return the tokens of a user, oldest first.

    Raises `Forbidden` where that is somebody else and the caller does not operate the service.
    """
    if who.may(Right.OPERATE):
        return await desk.store.read(lambda tx: tx.tokens.find(_of(user, None)))
    if user != who.user:
        raise Forbidden("only who operates Muster sees the tokens of others")
    return await listing(desk, who)


def _of(user: str, project: str | None) -> Query:
    return Query(project=project, where={"user": (user,)}, sort=(("created_at", False),))


async def revoke_all(store: Store, user: str) -> int:
    """Revoke every token and session of a user, and return how many there were."""

    def revoke(tx: Transaction) -> int:
        found = tx.tokens.find(_of(user, None))
        for each in found:
            tx.tokens.drop(each.id)
        return len(found)

    return await store.write(revoke)


def creation(desk: Desk, who: Who, note: str, lasts: timedelta | None) -> Intent[NewToken]:
    """Return the intent to make a token that may what its maker may, and no more."""
    now = desk.clock.now()
    id, secret = new_id(), new_secret()
    whole = f"{id.hex}.{secret}"
    token = Token(
        id=id,
        project=who.project,
        user=who.user,
        roles=who.roles,
        digest=digest(whole),
        created_at=now,
        expires_at=now + lasts if lasts else None,
        note=note,
    )

    async def create() -> NewToken:
        await desk.store.write(lambda tx: tx.tokens.put(token))
        return NewToken(token=token, secret=whole)

    until = f" until {token.expires_at:%Y-%m-%d %H:%M} UTC" if lasts else ""
    return plain(create, f"make a token for {who.user} in {who.project}{until}")


async def deletion(desk: Desk, who: Who, said: str) -> Intent[None]:
    """Return the intent to revoke a token: the caller's own, or any where he operates Muster."""
    seen = await desk.store.read(lambda tx: _revocable(tx, who, said))

    async def delete() -> None:
        await desk.store.write(lambda tx: tx.tokens.drop(seen.id))

    return plain(delete, f"revoke token {seen.id}", loses=("the token",), reversible=False)


def _revocable(tx: Transaction, who: Who, said: str) -> Token:
    token = tx.tokens.get(as_id(said) or UUID(int=0))
    if token is not None:
        own = (token.user, token.project) == (who.user, who.project)
        if own or who.may(Right.OPERATE):
            return token
    raise NotFound(f"there is no token '{said}'")
