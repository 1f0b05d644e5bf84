"""Polling addresses that tell of a node's health, as users wrote them down."""

import asyncio

import httpx2

from muster.base.patterns import found
from muster.ports.prober import Visit

LONGEST = 1 << 18  # so much of an answer is read at most
AT_ONCE = 64
_ANSWERED = range(200, 300)


class HttpVisitor:
    """Real requests by whichever scheme, a few attempts each."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._clients: dict[bool, httpx2.AsyncClient] = {}

    async def visit(self, visit: Visit) -> str | None:
        why = None
        for attempt in range(max(1, visit.tries)):
            if attempt:
                await asyncio.sleep(visit.pause_s)
            why = await self._try(visit)
            if why is None:
                return None
        return why

    async def close(self) -> None:
        for each in self._clients.values():
            await each.aclose()
        self._clients.clear()

    async def _try(self, visit: Visit) -> str | None:
        """Return why one attempt found the node ill, or None."""
        patience = max(0.1 * visit.pause_s, 1.0)
        client = self._client(visit.verify)  # to read all authorities takes its time
        try:
            async with self._turns, asyncio.timeout(patience):
                status, text = await _got(client, visit.url)
        except TimeoutError:
            return _refused(visit, f"no answer within {patience:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return _refused(visit, str(error) or type(error).__name__)
        if status not in _ANSWERED:
            return _refused(visit, f"answered {status}")
        if visit.expect and not found(visit.expect, text):
            return f"{visit.url}: the answer does not say {visit.expect!r}"
        return None

    def _client(self, verify: bool) -> httpx2.AsyncClient:
        if verify not in self._clients:
            self._clients[verify] = httpx2.AsyncClient(
                verify=verify, timeout=None, follow_redirects=True, trust_env=False
            )
        return self._clients[verify]


async def _got(client: httpx2.AsyncClient, url: str) -> tuple[int, str]:
    async with client.stream("GET", url) as answer:
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) >= LONGEST:
                break
        return answer.status_code, body[:LONGEST].decode("utf-8", "replace")


def _refused(visit: Visit, why: str) -> str | None:
    """Return that the node is ill, unless its owner says that this shows nothing."""
    return f"{visit.url}: {why}" if visit.refused_is_ill else None
