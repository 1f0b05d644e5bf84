"""Identity by token, in front of another identity that answers where there is none."""

from collections.abc import Mapping
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import Unknown
from muster.base.secret import matches
from muster.model.who import RIGHTS, Who
from muster.ports.identity import Identity
from muster.ports.store import Store, Token


class Bearer:
    """`Authorization: Bearer SECRET` or `X-Auth-Token: SECRET`; all else is for `otherwise`.

    What X-Auth-Token holds may be another service's token, or a word that clients send where
    there is nobody to ask: only what looks like a secret of ours is taken for one.
    """

    def __init__(self, store: Store, clock: Clock, otherwise: Identity) -> None:
        self._store = store
        self._clock = clock
        self._otherwise = otherwise

    @property
    def challenge(self) -> str:
        return self._otherwise.challenge

    async def who(self, headers: Mapping[str, str]) -> Who:
        secret = _secret(headers)
        return await self._known(secret) if secret else await self._otherwise.who(headers)

    def projects(self, user: str) -> Mapping[str, tuple[str, ...]] | None:
        return self._otherwise.projects(user)

    async def _known(self, secret: str) -> Who:
        id = _id(secret)
        token = await self._store.read(lambda tx: tx.tokens.get(id)) if id else None
        if token is None or not matches(secret, token.digest):
            raise Unknown("this token is not known here; it may have been revoked")
        if token.expires_at is not None and token.expires_at <= self._clock.now():
            raise Unknown("this token has expired; make another")
        return Who(user=token.user, project=token.project, roles=self._roles_left(token))

    def _roles_left(self, token: Token) -> tuple[str, ...]:
        """Return what the token's user may still be. See Note [No more than its maker]."""
        now = self._otherwise.projects(token.user)
        if now is None:
            return token.roles
        if token.project not in now:
            raise Unknown(f"{token.user} is not in project {token.project} any more")
        return common(token.roles, now[token.project])


# Note [No more than its maker]
# A token may what its maker could when it was made, and no more than he can now: who is removed
# goes with all his tokens and sessions, who loses a role loses it there too. One that implies
# another stands for both: the token of an admin who is a member now is a member's.
def common(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the roles that both have or imply. See Note [No more than its maker]."""
    every = dict.fromkeys((*ours, *theirs))
    return tuple(each for each in every if _has(ours, each) and _has(theirs, each))


def _has(roles: tuple[str, ...], wanted: str) -> bool:
    implied = RIGHTS.get(wanted)
    if wanted in roles or implied is None:
        return wanted in roles
    return any(implied <= RIGHTS.get(each, frozenset()) for each in roles)


def _secret(headers: Mapping[str, str]) -> str:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return secret.strip() or "-"
    said = headers.get("x-auth-token", "")
    return said if _id(said) else ""


def _id(secret: str) -> UUID | None:
    """Return the id that a secret begins with; it is not secret, and finds the row."""
    id, dot, _ = secret.partition(".")
    try:
        return UUID(hex=id) if dot else None
    except ValueError:
        return None
