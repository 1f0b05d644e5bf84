"""Calls of Incus's API: to a member or to any, each with a deadline, answers as plain JSON."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httpx2

from muster.base.errors import Bug, DriverError, Permanent, Transient
from muster.drivers.incus.answers import MISSING, failure, is_missing, refusal
from muster.drivers.incus.options import Options

READ_S = 2.5  # a member whose link is cut would have us wait for 20
WRITE_S = 10.0  # until it is taken on; what comes then is an operation
WAIT_S = 5  # of one question how an operation goes
RAN_OUT = "context deadline exceeded"
REPAIR_S = 2.0  # until it is asked whether an operation has ended unheard
SETTLE_S = 50.0  # less than the engine gives a step
CONNECT_S = 1.5
AGAIN_S = 0.3
CONNECTIONS = httpx2.Limits(max_connections=32, max_keepalive_connections=16)
RUNNING = 103
SUCCESS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, but for whom it goes to."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content: AsyncIterable[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float = READ_S
    elsewhere: bool = True  # whether another is asked where one takes too long to answer
    on_behalf_of: str = ""  # the call that it is about, where it only asks how that goes
    to_be_seen: bool = False  # its operation ended well only if that was seen

    @property
    def what(self) -> str:
        return self.on_behalf_of or f"{self.method} {self.path}"


def path(*names: str) -> str:
    """Return the path of what the names mean, whatever is in them."""
    return "/1.0/" + "/".join(quote(name, safe="") for name in names)


class Ear(Protocol):
    """Somebody who hears how operations go, by what the call answered that began them."""

    def hears(self, member: str) -> bool:
        """Return whether that member is listened to just now."""
        ...

    async def ended(self, begun: Mapping[str, Any], within_s: float) -> Mapping[str, Any] | None:
        """Return the operation as it ended, None if nothing of it was heard in that time."""
        ...

    def forget(self, begun: Mapping[str, Any]) -> None: ...


class Rest:
    """Speaks to every member that it has met, and to any of them where it does not matter."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tls = _context(options) if options.certificate else None
        self._stamp = _stamp(options)  # of the file that says what the servers show
        self._past: list[httpx2.AsyncClient] = []  # who may still have calls under way
        self._doors: dict[str, httpx2.AsyncClient] = {}
        self._names: dict[str, str] = {}
        self._ear: Ear | None = None
        for url in (options.url, *options.members):
            self._open(url)
        self._order = list(self._doors)

    def meet(self, members: Mapping[str, str]) -> None:
        """Learn the members' URLs by name, as far as we can speak to them directly."""
        if self._tls is None:
            return
        for url in members.values():
            if url not in self._doors:
                self._open(url)
        told = dict.fromkeys((self._options.url, *self._options.members, *members.values()))
        kept = [url for url in self._order if url in told]
        self._order = [*kept, *(url for url in told if url not in kept)]
        self._names = dict(members)

    def listen_by(self, ear: "Ear") -> None:
        """Have the ends of operations be heard by `ear`; without, they are asked for."""
        self._ear = ear

    @property
    def tls(self) -> ssl.SSLContext | None:
        return self._tls

    @property
    def project(self) -> str:
        return self._options.project

    @property
    def urls(self) -> list[str]:
        """Return where we can speak to somebody, who answered last first."""
        return list(self._order)

    def url(self, member: str) -> str:
        """Return where `member` itself is reached, or else somebody who reaches it."""
        return self._names.get(member) or self._order[0]

    def reaches(self, member: str) -> bool:
        """Return whether `member` can be asked itself, and not only through another."""
        return member in self._names

    async def get(self, where: str, at: str = "", **params: str) -> Any:
        """Return what is at `where`; raises `Permanent` with status 404 for nothing."""
        return await self.answer(Call(method="GET", path=where, params=params), at)

    async def stamped(self, where: str) -> tuple[Any, str]:
        """Return what is at `where`, and the stamp by which a change holds to it being so."""
        call = Call(method="GET", path=where)
        answer = await self._any(call)
        return _well(answer, call)["metadata"], answer.headers.get("etag", "")

    async def find(self, where: str, at: str = "", **params: str) -> Any | None:
        try:
            return await self.get(where, at, **params)
        except DriverError as error:
            if is_missing(error):
                return None
            raise

    async def answer(self, call: Call, at: str = "") -> Any:
        """Return what a question brings that is out of the ordinary in its deadline."""
        return (await self._said(call, at))["metadata"]

    async def text(self, where: str) -> str:
        """Return what is at `where` where that is no JSON."""
        answer = await self._any(Call(method="GET", path=where))
        if answer.is_error:
            raise refusal(_json(answer, where), f"GET {where}")
        return answer.text

    async def begin(self, call: Call, at: str = "") -> Mapping[str, Any]:
        """Make the call and return the operation that it begins, which is not waited for."""
        said: Mapping[str, Any] = (await self._said(call, at))["metadata"]
        return said

    async def put_into_effect(self, call: Call, at: str = "") -> Mapping[str, Any]:
        """Make the call, wait for the operation that it begins, and return its metadata.

        An operation that has ended and been forgotten counts as ended well: look at what it
        was to change. A member that starts forgets those that it was at, too: what must not be
        taken for done then is `to_be_seen`, and raises `Transient`.
        """
        said = await self._said(call, at)
        if said.get("type") != "async":
            return said.get("metadata") or {}
        return await self._settled(said, call, at)

    async def close(self) -> None:
        for door in (*self._doors.values(), *self._past):
            await door.aclose()

    # Note [Operation URLs]
    # Where a call was forwarded to another member, the URL of its operation comes with a
    # query. With `/wait` put behind that, Incus takes the words for a part of the query and
    # answers at once that the operation is running, as if it had been waited for.
    async def _settled(self, said: Mapping[str, Any], call: Call, at: str) -> Mapping[str, Any]:
        """See Note [Operation URLs]."""
        begun, where = said["metadata"] or {}, str(said["operation"]).partition("?")[0]
        deadline = asyncio.get_running_loop().time() + max(SETTLE_S, call.deadline_s)
        asked = Call(method="GET", path=where, on_behalf_of=call.what, to_be_seen=call.to_be_seen)
        ear = self._ear if "id" in begun else None
        try:
            while asyncio.get_running_loop().time() < deadline:
                if ear and ear.hears(str(begun.get("location") or "")):
                    heard = await ear.ended(begun, REPAIR_S)
                    ended = _left(heard, call.what) if heard else await self._waited(asked, at)
                else:
                    ended = await self._waited_for(asked, at)
                if ended is not None:
                    return ended
        finally:
            if ear:
                ear.forget(begun)
        raise Transient(f"{call.what}: still under way")

    # Note [A wait that runs out]
    # Incus 6.0 answers a wait that runs out with status 200 and an error, as if the operation had
    # failed of that. So the operation itself is asked then: it tells both apart.
    async def _waited_for(self, asked: Call, at: str) -> Mapping[str, Any] | None:
        """See Note [A wait that runs out]."""
        try:
            return await self._waited(_patient(asked), at)
        except DriverError as error:
            if RAN_OUT not in error.text:
                raise
        return await self._waited(asked, at)

    # Note [Failed, or not heard of]
    # An operation of another member that has failed is told with status 200 and `type: error`
    # in the body. The same body with another status says that the question did not get there,
    # and nothing of the operation, which may well be going on: that is asked again.
    async def _waited(self, question: Call, at: str) -> Mapping[str, Any] | None:
        """Return what the operation left, None while it goes on or nothing was heard.

        See Note [Failed, or not heard of].
        """
        answer = await self._answer(question, at)
        said = _json(answer, question.what)
        if said.get("type") == "error":
            error = refusal(said, question.what)
            if answer.status_code == MISSING:  # the operation is; what it did is not known
                if question.to_be_seen:
                    raise Transient(f"{question.what}: nobody knows how it ended")
                return {}
            if answer.is_error and isinstance(error, Transient):
                await asyncio.sleep(AGAIN_S)
                return None
            raise error
        return _left(said["metadata"], question.what)

    async def _said(self, call: Call, at: str) -> Mapping[str, Any]:
        return _well(await self._answer(call, at), call)

    async def _answer(self, call: Call, at: str) -> httpx2.Response:
        _check(call)
        url = self._names.get(at)
        return await (self._ask(url, call) if url else self._any(call))

    async def _any(self, call: Call) -> httpx2.Response:
        """Ask one after the other until one answers, the last that did first.

        A change is asked of another only where the one before cannot have taken it on.
        """
        errors: list[str] = []
        for url in list(self._order):
            try:
                answer = await self._ask(url, call)
            except Transient as error:
                late = error.details.get("sent", True)
                if late and (call.method != "GET" or not call.elsewhere):
                    raise
                errors.append(error.text)
                continue
            if answer.status_code == 403 and len(self._order) > 1:  # no longer of this cluster
                errors.append(f"{url}: does not trust us")
                continue
            self._order.sort(key=lambda each: each != url)
            return answer
        raise Transient("; ".join(errors))

    # Note [Another certificate]
    # When servers come to show another certificate, whoever knows it replaces the file. From the
    # next call on they are held to what that says now; what is under way ends as it began.
    def _believe(self) -> None:
        """Hold the servers to what the file says by now. See Note [Another certificate]."""
        stamp = _stamp(self._options)
        if stamp in (None, self._stamp):
            return
        try:
            self._tls = _context(self._options)
        except Permanent as error:
            raise Transient(error.text, sent=False) from None
        self._stamp = stamp
        self._past += self._doors.values()
        for url in tuple(self._doors):
            self._open(url)

    async def _ask(self, url: str, call: Call) -> httpx2.Response:
        self._believe()
        door = self._doors[url]
        try:
            async with asyncio.timeout(call.deadline_s):
                return await door.request(
                    call.method,
                    call.path,
                    params={"project": self._options.project, **call.params},
                    json=call.body,
                    content=call.content,
                    headers=dict(call.headers),
                    timeout=httpx2.Timeout(call.deadline_s, connect=CONNECT_S),
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Transient(f"{url} cannot be reached: {_words(error)}", sent=False) from None
        except (TimeoutError, httpx2.TimeoutException):
            text = f"{url} did not answer {call.what} within {call.deadline_s:g} s"
            raise Transient(text) from None
        except httpx2.TransportError as error:
            raise Transient(f"{url}: {call.what}: {_words(error)}") from None

    def _open(self, url: str) -> None:
        scheme, where = urlsplit(url).scheme, urlsplit(url).path
        if scheme == "unix":
            transport = httpx2.AsyncHTTPTransport(uds=where, verify=False, limits=CONNECTIONS)
        else:
            transport = httpx2.AsyncHTTPTransport(
                verify=self._tls or True, limits=CONNECTIONS, trust_env=False
            )
        base = "http://incus" if scheme == "unix" else url
        self._doors[url] = httpx2.AsyncClient(transport=transport, base_url=base, trust_env=False)


# Note [Never PATCH the server]
# A PATCH of /1.0 that Incus 6.0.4 refuses wipes the addresses of the member that got it:
# the others take it for dead, and it does not come back after a restart.
def _check(call: Call) -> None:
    """See Note [Never PATCH the server]."""
    if call.method == "PATCH" and call.path.rstrip("/") == "/1.0":
        raise Bug("PATCH /1.0 is never sent: refused, it takes the member out of the cluster")


def _json(answer: httpx2.Response, what: str) -> Mapping[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Transient(f"{what}: answered {answer.status_code} and no JSON")
    return said


def _well(answer: httpx2.Response, call: Call) -> Mapping[str, Any]:
    """Return what was said, if it was no refusal: a status of 200 alone says nothing."""
    said = _json(answer, call.what)
    if said.get("type") == "error" or answer.is_error:
        raise refusal(said, call.what)
    return said


def _patient(question: Call) -> Call:
    """Return the question that is answered once the operation has ended, or after a while."""
    where, params = f"{question.path}/wait", {"timeout": str(WAIT_S)}
    return replace(question, path=where, params=params, deadline_s=WAIT_S + READ_S)


def _left(operation: Mapping[str, Any], what: str) -> Mapping[str, Any] | None:
    """Return what an operation left, None while it goes on."""
    if operation["status_code"] < SUCCESS:
        return None
    if operation["status_code"] > SUCCESS:
        raise failure(0, str(operation.get("err")), what)
    return operation.get("metadata") or {}


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _stamp(options: Options) -> tuple[int, int] | None:
    """Return another value for another file of what the servers show, None where there is none."""
    if not options.server_certificate or not os.path.exists(options.server_certificate):
        return None
    said = os.stat(options.server_certificate)
    return said.st_ino, said.st_mtime_ns


# Note [Pinned servers]
# Incus servers have signed their own certificates, which name no host of theirs. The file we
# are given is the certificate itself: whoever shows another is turned away, whatever its name.
def _context(options: Options) -> ssl.SSLContext:
    """See Note [Pinned servers]."""
    try:
        if options.server_certificate:
            context = ssl.create_default_context(cafile=options.server_certificate)
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        else:
            context = ssl.create_default_context()
        context.load_cert_chain(options.certificate, options.key)
    except (OSError, ssl.SSLError) as error:
        files = (options.certificate, options.key, options.server_certificate)
        raise Permanent(f"cannot use {', '.join(filter(None, files))}: {error}") from None
    return context
