"""Identity by token, in front of another identity that answers where there is none."""

from collections.abc import Mapping
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import Unknown
from muster.base.secret import matches
from muster.model.who import Who
from muster.ports.identity import Identity
from muster.ports.store import Store


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

    def projects(self, user: str) -> Mapping[str, tuple[str, ...]]:
        return self._otherwise.projects(user)

    async def _known(self, secret: str) -> Who:
        id = _id(secret)
        token = await self._store.read(lambda tx: tx.tokens.get(id)) if id else None
        if token is None or not matches(secret, token.digest):
            raise Unknown("this token is not known here; it may have been revoked")
        if token.expires_at is not None and token.expires_at <= self._clock.now():
            raise Unknown("this token has expired; make another")
        return Who(user=token.user, project=token.project, roles=token.roles)


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
