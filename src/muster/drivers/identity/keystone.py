"""Identity `keystone`: tokens of OpenStack, checked at its identity service."""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from secrets import token_bytes
from typing import Any

import httpx2

from muster.base.clock import Clock
from muster.base.errors import Forbidden, Invalid, Transient, Unknown
from muster.drivers.identity.access import Access
from muster.model.who import RIGHTS, Who

DEADLINE_S = 10.0  # of everything that is asked of Keystone for one request
KEPT = 10_000  # tokens remembered
LONGEST = 4096  # characters of a token; Fernet's have some two hundred, JWS's some seven hundred
_OURS = 401  # Keystone's answer when the token we ask with is no good


@dataclass(frozen=True, slots=True)
class _Known:
    who: Who
    until: datetime


# Note [Tokens remembered]
# Asking Keystone takes tens of milliseconds and would be asked at every request. A token
# that was good is remembered by its keyed digest until it expires, and not longer than
# `remember`: so long may one be used that was revoked meanwhile. Tokens that were refused
# are not remembered: their holder may only have been too early.
class Keystone:
    """Callers by `X-Auth-Token`, scoped to a project. See Note [Tokens remembered]."""

    def __init__(
        self,
        access: Access,
        clock: Clock,
        remember: timedelta = timedelta(minutes=5),
        transport: httpx2.AsyncBaseTransport | None = None,
        room: int = KEPT,
    ) -> None:
        self._access = access
        self._clock = clock
        self._remember = remember
        self._room = room
        verify = trust(access) if transport is None else True  # who brings a way has its own
        self._http = httpx2.AsyncClient(timeout=DEADLINE_S, transport=transport, verify=verify)
        self._key = token_bytes(32)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Who]] = {}
        self._token = ""  # our own
        self._signing_in = asyncio.Lock()

    @property
    def challenge(self) -> str:
        return f'Keystone uri="{self._access.url}"'

    def projects(self, user: str) -> None:
        return None  # a token is for one project; another takes another token

    async def who(self, headers: Mapping[str, str]) -> Who:
        token = headers.get("x-auth-token", "")
        if not token:
            raise Unknown("The request you have made requires authentication.")
        if len(token) > LONGEST or not token.isascii() or not token.isprintable():
            raise Unknown("this is no token of Keystone")
        key = blake2b(token.encode(), key=self._key).digest()
        known = self._known.get(key)
        if known is not None and self._clock.now() < known.until:
            self._known.move_to_end(key)
            return known.who
        self._known.pop(key, None)
        return await self._asked_once(key, token)

    async def close(self) -> None:
        await self._http.aclose()

    async def _asked_once(self, key: bytes, token: str) -> Who:
        """Ask Keystone, once for all who wait for the same token."""
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._asked(key, token))
            task.add_done_callback(partial(self._answered, key))
        return await asyncio.shield(task)  # others may wait when this caller gives up

    def _answered(self, key: bytes, task: "asyncio.Task[Who]") -> None:
        self._asking.pop(key, None)
        task.exception()  # looked at, so that nobody misses it where all callers have gone

    async def _asked(self, key: bytes, token: str) -> Who:
        said = await self._in_time(token)
        who, expires = _caller(said)
        now = self._clock.now()
        if expires <= now:
            raise Unknown("this token has expired; ask Keystone for another")
        self._known[key] = _Known(who, min(expires, now + self._remember))
        while len(self._known) > self._room:
            self._known.popitem(last=False)
        return who

    async def _in_time(self, token: str) -> Mapping[str, Any]:
        """Return what Keystone says of the token. Raises `Transient` if it says nothing."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._validated(token)
        except (httpx2.HTTPError, TimeoutError) as error:
            why = str(error) or f"no answer within {DEADLINE_S:g} s"
            raise Transient(self._down(why)) from None

    async def _validated(self, token: str) -> Mapping[str, Any]:
        """Ask with our own token, and once more with a new one if that was no longer good."""
        ours = self._token or await self._signed_in("")
        answer = await self._ask(ours, token)
        if answer.status_code == _OURS:
            answer = await self._ask(await self._signed_in(ours), token)
        if answer.status_code == 404:
            raise Unknown("Keystone does not know this token; it may have expired or been revoked")
        if answer.status_code == _OURS:
            # Some releases answer so of the caller's token too.
            raise Unknown("Keystone refuses this token")
        if answer.status_code != 200:
            raise Transient(self._down(f"it answered {answer.status_code}"))
        return self._token_of(answer)

    async def _ask(self, ours: str, token: str) -> httpx2.Response:
        headers = {"X-Auth-Token": ours, "X-Subject-Token": token}
        return await self._http.get(
            f"{self._access.url}/auth/tokens", params={"nocatalog": ""}, headers=headers
        )

    async def _signed_in(self, old: str) -> str:
        """Return a token of our own that is not `old`."""
        async with self._signing_in:
            if self._token and self._token != old:
                return self._token
            url = f"{self._access.url}/auth/tokens"
            answer = await self._http.post(
                url, params={"nocatalog": ""}, json=dict(self._access.auth)
            )
            made = answer.headers.get("x-subject-token", "")
            if answer.status_code != 201 or not made:
                raise Transient(
                    f"Keystone at {self._access.url} does not let Muster sign in "
                    f"(it answered {answer.status_code}); see the settings keystone_... or os_cloud"
                )
            self._token = made
            return made

    def _token_of(self, answer: httpx2.Response) -> Mapping[str, Any]:
        try:
            said = answer.json()["token"]
        except (ValueError, KeyError, TypeError):
            said = None
        if not isinstance(said, dict):
            raise Transient(self._down("its answer is not Keystone's"))
        return said

    def _down(self, why: str) -> str:
        return f"Keystone at {self._access.url} cannot be asked who you are: {why}. Try again."


def trust(access: Access) -> ssl.SSLContext | bool:
    """Return whose certificates a Keystone may show."""
    if not access.verify:
        return False
    try:
        return ssl.create_default_context(cafile=access.ca or None)
    except OSError as error:
        raise Invalid(f"{access.ca}: {error}", field="keystone_ca") from None


# Note [Roles of others]
# A Keystone has roles of its own: `_member_`, `creator`, what its people made up. Whoever has
# one in a project belongs to it, and the retired service let all of these do everything there.
# So who has no role that means something here is a member; an operator's rules may say else.
def _roles(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the token's roles, with one that is known here. See Note [Roles of others]."""
    named = {str(each["name"]).lower() for each in said.get("roles") or ()}
    return tuple(sorted(named if named & RIGHTS.keys() or not named else {*named, "member"}))


def _caller(said: Mapping[str, Any]) -> tuple[Who, datetime]:
    """Return who the token stands for, and until when."""
    project = said.get("project")
    if not isinstance(project, dict):
        raise Forbidden("this token is good for no project; ask Keystone for one that is scoped")
    try:
        expires = datetime.fromisoformat(str(said["expires_at"]).replace("Z", "+00:00"))
        who = Who(user=str(said["user"]["id"]), project=str(project["id"]), roles=_roles(said))
    except (KeyError, TypeError, ValueError) as error:
        raise Transient(f"Keystone's answer cannot be read: {error!r}") from None
    return who, expires if expires.tzinfo else expires.replace(tzinfo=UTC)
