"""Questions of lifecycle hooks: into a queue that is here, or to a URL that is elsewhere."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import httpx2

from muster.base.clock import Clock
from muster.base.errors import Permanent, Transient
from muster.model.receiver import Message
from muster.model.removal import HookType
from muster.model.step import PostHook
from muster.ports.store import Store, Transaction

DEADLINE_S = 10.0
# Refusals of now, not for ever: too slow, too early, too often.
_LATER = frozenset({408, 425, 429})


class Post:
    """Delivers to queues by the store, to URLs by HTTP; never longer than the deadline."""

    def __init__(
        self, store: Store, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._http = httpx2.AsyncClient(timeout=DEADLINE_S, transport=transport)

    async def post(self, question: PostHook) -> None:
        if question.hook.type is HookType.QUEUE:
            await self._put(question)
        else:
            await self.send(question.hook.url, question.token, _body(question))

    async def close(self) -> None:
        await self._http.aclose()

    async def _put(self, question: PostHook) -> None:
        if not question.hook.queue:
            raise Permanent("the hook names no queue")
        id = uuid5(question.token, "hook")
        message = Message(
            id=id,
            project=question.project,
            queue=question.hook.queue,
            body=_body(question),
            created_at=self._clock.now(),
        )

        def work(tx: Transaction) -> None:
            if tx.messages.get(id) is None:  # who has taken it keeps it
                tx.messages.put(message)

        await self._store.write(work)

    async def send(self, url: str, token: UUID, body: Mapping[str, Any]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Permanent("the hook's URL must begin with http:// or https://")
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"  # the rest may be secret
        headers = {"Idempotency-Key": str(token)}
        try:
            async with asyncio.timeout(DEADLINE_S):
                answer = await self._http.post(url, json=dict(body), headers=headers)
        except httpx2.InvalidURL as error:
            raise Permanent(f"the hook's URL at {where}: {error}") from None
        except (httpx2.HTTPError, TimeoutError) as error:
            why = str(error) or f"no answer within {DEADLINE_S:g} s"
            raise Transient(f"the hook at {where} cannot be asked: {why}") from None
        _refuse(where, answer.status_code)


def _refuse(where: str, status: int) -> None:
    if 200 <= status < 300:
        return
    text = f"the hook at {where} answered {status}"
    raise (Transient if status >= 500 or status in _LATER else Permanent)(text)


def _body(question: PostHook) -> dict[str, Any]:
    """Return the question in the words that consumers of the retired service know."""
    return {
        "lifecycle_action_token": str(question.token),
        "node_id": str(question.node_id),
        "resource_id": question.ref,
        "lifecycle_transition_type": "termination",
    }
