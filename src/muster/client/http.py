"""One conversation with a Muster server: requests, answers, and errors in plain words."""

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from time import sleep
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2

from muster.base.backoff import doubled

PATIENCE_S = 60.0
AGAIN_FIRST, AGAIN_LONGEST = timedelta(seconds=0.2), timedelta(seconds=15)
Answer = Any  # JSON: dict, list, str, int, float, bool, None


class ApiError(Exception):
    """The server said no. `code` is stable; `errors` lists every field at fault.

    `ways_out` are requests that would be possible, in words.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: list[Any],
        ways_out: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.ways_out = ways_out


class Unreachable(Exception):
    """Nobody answered at the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the server is and who is asking."""

    url: str = "http://127.0.0.1:8778"
    token: str = ""
    user: str = ""
    password: str = ""
    project: str = ""
    verify: bool | str = True  # or the file of the certificates that may vouch for the server

    @property
    def headers(self) -> dict[str, str]:
        said = {"Accept": "application/json", "OpenStack-API-Version": "clustering latest"}
        if self.token:
            said["Authorization"] = f"Bearer {self.token}"
        if self.project:
            said["X-Project"] = self.project
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    seq: int
    kind: str
    body: Mapping[str, Any]


def at(*names: str, version: str = "v1") -> str:
    """Return the path of what the names mean, whatever is in them.

    Raises `ApiError` for a name that nothing can have and that would lead elsewhere.
    """
    for name in names:
        if name in ("", ".", ".."):
            raise ApiError(404, "not_found", f"nothing can be called {name!r}", [])
    return f"/{version}/" + "/".join(quote(name, safe="") for name in names)


def _trust(verify: bool | str) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


class Session:
    """Speaks to one server. Closing it closes the connections."""

    def __init__(self, access: Access) -> None:
        self.access = access
        auth = (access.user, access.password) if access.user and not access.token else None
        self._http = httpx2.Client(
            base_url=access.url,
            headers=access.headers,
            auth=auth,
            timeout=httpx2.Timeout(PATIENCE_S, connect=5),
            verify=_trust(access.verify),
        )

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, object] | None = None,
        *,
        patience_s: float = 0.0,
    ) -> Answer:
        """Return the JSON of the answer, None where there is none.

        A body that is bytes is sent as it stands. `patience_s` is what the server needs for it
        beyond what is usual. Raises `ApiError` for a refusal and `Unreachable` where nobody
        answers.
        """
        self._http.timeout = httpx2.Timeout(PATIENCE_S + patience_s, connect=5)
        return _read(self._asked(method, path, body, query))

    def wish(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, object] | None = None,
    ) -> tuple[Answer, str]:
        """Return the same, and the id of the action that brings it about; "" if there is none."""
        answer = self._asked(method, path, body, query)
        return _read(answer), answer.headers.get("location", "").rpartition("/")[2]

    def revise(self, path: str, changes: Mapping[str, object]) -> None:
        """Change some fields of what is at a path of provisioning, and leave the others.

        It is held to what was there when we looked: raises `ApiError` where others changed it.
        """
        try:
            seen = self._http.get(path)
            whole = {**_read(seen)["metadata"], **changes}
            held = {"If-Match": seen.headers.get("etag", "*")}
            answer = self._http.put(path, json=whole, headers=held)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None
        _read(answer)

    def _asked(
        self, method: str, path: str, body: object, query: Mapping[str, object] | None
    ) -> httpx2.Response:
        params = {k: _word(v) for k, v in (query or {}).items() if v is not None}
        as_it_stands = {"content-type": "application/json"}
        try:
            if isinstance(body, bytes):
                return self._http.request(
                    method, path, content=body, params=params or None, headers=as_it_stands
                )
            return self._http.request(method, path, json=body, params=params or None)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None

    def send(self, path: str, content: Iterator[bytes], query: Mapping[str, str]) -> Answer:
        """Upload `content` as it comes and return the JSON of the answer."""
        headers = {"Content-Type": "application/octet-stream"}
        try:
            answer = self._http.post(
                path, content=content, params=query, headers=headers, timeout=600
            )
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None
        return _read(answer)

    def text(self, path: str, query: Mapping[str, object] | None = None) -> str:
        params = {k: _word(v) for k, v in (query or {}).items() if v is not None}
        try:
            answer = self._http.get(path, params=params)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None
        if answer.is_error:
            _read(answer)
        return answer.text

    def live(self, after: int | None = None, cluster: str | None = None) -> Iterator[LiveEvent]:
        """Yield events as they happen, beginning behind `after`; reconnects by itself.

        It goes on behind the last one that the server told of, and comes back further and further
        apart while lines break before anything is told.
        """
        tries = 0
        while True:
            try:
                for event in self._stream(after, cluster):
                    after, tries = event.seq, 0
                    if event.kind:
                        yield event
            except (httpx2.RemoteProtocolError, httpx2.ReadTimeout, httpx2.ReadError):
                pass
            except httpx2.TransportError as error:
                raise self._unreachable(error) from None
            tries += 1
            sleep(doubled(tries, AGAIN_FIRST, AGAIN_LONGEST).total_seconds())

    def _stream(self, after: int | None, cluster: str | None) -> Iterator[LiveEvent]:
        params = {k: str(v) for k, v in (("after", after), ("cluster", cluster)) if v is not None}
        timeout = httpx2.Timeout(60, connect=5)
        with self._http.stream(
            "GET", "/v1/events/stream", params=params, timeout=timeout
        ) as answer:
            if answer.is_error:
                answer.read()
                _read(answer)
            yield from _events(answer.iter_lines())

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"no Muster server answers at {self.access.url} ({error}). "
            "Start one with `make run` or `muster serve`, or name another with --url or MUSTER_URL."
        )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(answer: httpx2.Response) -> Answer:
    try:
        said = answer.json() if answer.content else None
    except json.JSONDecodeError:
        said = {"error": {"code": "not_json", "message": answer.text[:200]}}
    if not answer.is_error:
        return said
    fault = said.get("error", said) if isinstance(said, dict) else {}
    if isinstance(fault, str):  # by the words of provisioning
        found = (said or {}).get("metadata") or {}
        raise ApiError(answer.status_code, str(answer.status_code), fault, found.get("errors", []))
    raise ApiError(
        answer.status_code,
        str(fault.get("type") or fault.get("code") or answer.status_code),
        str(fault.get("message") or f"the server answered {answer.status_code}"),
        list(fault.get("errors") or ()),
        tuple(str(each.get("text")) for each in fault.get("relaxations") or ()),
    )


def _events(lines: Iterator[str]) -> Iterator[LiveEvent]:
    """Parse server-sent events: a block of fields ends at an empty line.

    A block of a number alone, which says how far all was told, is an event without a kind.
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            body = json.loads(fields["data"])
            yield LiveEvent(
                seq=int(fields.get("id") or body.get("seq") or 0),
                kind=fields.get("event", "message"),
                body=body,
            )
            fields = {}
        else:
            if "id" in fields:
                yield LiveEvent(seq=int(fields["id"]), kind="", body={})
            fields = {}
