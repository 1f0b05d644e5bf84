"""Asking applications by HTTP, or by connecting only, whether they are well."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from urllib.parse import quote
from uuid import UUID

from muster.model.pool import Traffic
from muster.ports.prober import Question

SAFE = "/?&=%:@!$'()*+,;~"  # in a path; what else is odd is quoted
AT_ONCE = 256
WELL = range(200, 400)


def _unverified() -> ssl.SSLContext:
    """Return a context for members that have signed their own certificates.

    It has no authorities: reading them all takes longer than everything else at a start.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class HttpProber:
    """Real requests, each over a connection of its own, each within `timeout_s`."""

    def __init__(self, timeout_s: float = 2.0) -> None:
        self._timeout_s = timeout_s
        self._tls = _unverified()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(self, questions: Sequence[Question]) -> Mapping[UUID, str | None]:
        answers = await asyncio.gather(*map(self._asked, questions))
        return {each.node_id: said for each, said in zip(questions, answers, strict=True)}

    async def _asked(self, question: Question) -> str | None:
        async with self._turns:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._answer(question)
            except TimeoutError:
                return f"no answer within {self._timeout_s:g} s"
            except ConnectionRefusedError:
                return f"nothing listens on port {question.port}"
            except (OSError, ValueError, EOFError) as error:
                return f"{question.address}:{question.port}: {error or type(error).__name__}"

    async def _answer(self, question: Question) -> str | None:
        tls = self._tls if question.traffic is Traffic.HTTPS else None
        reader, writer = await asyncio.open_connection(question.address, question.port, ssl=tls)
        try:
            if question.traffic is Traffic.TCP:
                return None
            writer.write(_request(question))
            return _judged(await reader.readline(), question)
        finally:
            writer.transport.abort()  # nothing more is wanted of this connection


def _request(question: Question) -> bytes:
    path = quote(question.path or "/", safe=SAFE)
    host = f"{question.address}:{question.port}"
    lines = (
        f"{question.method} {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: muster",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _judged(line: bytes, question: Question) -> str | None:
    if not line:
        return "closed the connection without an answer"
    protocol, _, rest = line.decode("latin-1").strip().partition(" ")
    status = rest.partition(" ")[0]
    if not protocol.startswith("HTTP/") or not status.isdigit():
        return f"answered no HTTP on port {question.port}"
    if not _well(int(status), question.codes):
        return f"answered {status} to {question.method} {question.path or '/'}"
    return None


def _well(status: int, codes: str) -> bool:
    if not codes:
        return status in WELL
    ranges = (part.partition("-") for part in codes.split(","))
    return any(int(low) <= status <= int(high or low) for low, _, high in ranges)
