"""Sessions of browsers: tokens that are made at a sign-in and gone at the sign-out."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from muster.base.errors import Forbidden
from muster.model.who import Who
from muster.ports.store import Query, Token, Transaction
from muster.service import tokens
from muster.service.desk import Desk
from muster.service.lookup import as_id

LASTS = timedelta(hours=12)
NOTE = "signed in to the console"


async def begin(desk: Desk, who: Who) -> str:
    """Return the secret of a new session; those of the same user that have expired go."""
    made = await tokens.creation(desk, who, NOTE, LASTS).do()
    now = desk.clock.now()
    await desk.store.write(lambda tx: _forget_expired(tx, who, now))
    return made.secret


async def moved(
    desk: Desk, who: Who, secret: str, to: tuple[str, Mapping[str, tuple[str, ...]]]
) -> tuple[Who, str]:
    """Return who goes on in another of his projects, and the secret of that session.

    `to` is the project and the roles that he has, by project. What he signed in with as a token
    was made for one project and stays there: `Forbidden`, as for a project that is not his.
    """
    project, roles = to
    if not await is_session(desk, who, secret):
        raise Forbidden("a token is for one project; sign in with a password to change")
    if project not in roles:
        raise Forbidden(f"{who.user} is not in project {project!r}")
    then = Who(user=who.user, project=project, roles=roles[project])
    new = await begin(desk, then)
    await end(desk, who, secret)
    return then, new


async def is_session(desk: Desk, who: Who, secret: str) -> bool:
    """Whether a secret was made at a sign-in with a password."""
    own = await tokens.listing(desk, who)
    return any(each.note == NOTE and secret.startswith(f"{each.id.hex}.") for each in own)


def is_ours(secret: str) -> bool:
    """Whether a secret has the form of Muster's own tokens, and not that of another service's."""
    id, dot, _ = secret.partition(".")
    return bool(dot) and as_id(id) is not None


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
