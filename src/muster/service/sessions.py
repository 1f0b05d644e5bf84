"""Sessions of browsers: tokens that are made at a sign-in and gone at the sign-out."""

from datetime import datetime, timedelta

from muster.model.who import Who
from muster.ports.store import Query, Token, Transaction
from muster.service import tokens
from muster.service.desk import Desk

LASTS = timedelta(hours=12)
NOTE = "signed in to the console"


async def begin(desk: Desk, who: Who) -> str:
    """Return the secret of a new session; those of the same user that have expired go."""
    made = await tokens.creation(desk, who, NOTE, LASTS).do()
    now = desk.clock.now()
    await desk.store.write(lambda tx: _forget_expired(tx, who, now))
    return made.secret


async def end(desk: Desk, who: Who, secret: str) -> None:
    """Revoke what a session began with. A token that somebody signed in with stays."""
    for token in await tokens.listing(desk, who):
        if token.note == NOTE and secret.startswith(f"{token.id.hex}."):
            await (await tokens.deletion(desk, who, str(token.id))).do()


def _forget_expired(tx: Transaction, who: Who, now: datetime) -> None:
    query = Query(project=who.project, where={"user": (who.user,)})
    for token in tx.tokens.find(query):
        if _is_over(token, now):
            tx.tokens.drop(token.id)


def _is_over(token: Token, now: datetime) -> bool:
    return token.note == NOTE and token.expires_at is not None and token.expires_at <= now
