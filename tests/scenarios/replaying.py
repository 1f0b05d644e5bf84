"""What was recorded of the retired clustering service, asked again of a Muster, and compared."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

RECORDED = Path(__file__).parent / "recorded.jsonl"
HEADERS = ("location", "openstack-api-version", "vary", "content-type", "x-openstack-request-id")
OPAQUE = ("data", "details")  # what a cloud or a policy notes there is its own
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMED = re.compile(f"{ID.pattern}|[0-9a-f]{{32}}")  # users and projects, too
CUT = re.compile(r"(?<![0-9a-f-])[0-9a-f]{7,8}(?![0-9a-f-])")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
# What clients compare: the texts of faults, and the words of statuses and causes.
WORDS = re.compile(
    r"\.(message|explanation|title|type|status_reason|status|action|cause)$|actions?(\[0\])?\.name$"
)
OURS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any  # text where it is no JSON


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to the retired service, and what it answered."""

    number: int
    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    answer: Answer


def recorded() -> Iterator[Exchange]:
    """Yield every exchange in the order in which it was recorded."""
    for line in RECORDED.read_text().splitlines():
        said = json.loads(line)
        body = said["body"]
        if "padding" in said:
            body = body.replace("{padding}", "z" * said["padding"])
        yield Exchange(
            number=said["n"],
            name=said["name"],
            method=said["method"],
            path=said["path"],
            headers=said["headers"],
            body=body,
            answer=Answer(**said["answer"]),
        )


@dataclass(slots=True)
class Replay:
    """Asks one server; what had an id then has another one now, which is learned on the way."""

    port: int
    people: Mapping[str, str]  # a recorded user's id ("" for the admin) to name and password
    ids: dict[str, str] = field(default_factory=dict)

    def ask(self, exchange: Exchange) -> Answer:
        """Return what this server answers, having learned the ids in it."""
        headers = {k: v for k, v in exchange.headers.items() if not k.startswith("X-")}
        who = self.people[exchange.headers.get("X-User-Id", "")]
        headers["Authorization"] = "Basic " + b64encode(who.encode()).decode()
        body = exchange.body
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        given = None if body is None else self.now(body).encode()
        answer = self._sent(exchange.method, self.now(exchange.path), given, headers)
        self._learn(exchange.answer.body, answer.body)
        self._learn(exchange.answer.headers.get("location"), answer.headers.get("location"))
        return answer

    def now(self, text: str) -> str:
        """Return what was said then with the ids of today, also where one is cut short."""
        text = NAMED.sub(lambda found: self.ids.get(found[0], found[0]), text)
        return CUT.sub(self._short, text)

    def _short(self, found: re.Match[str]) -> str:
        whole = [now for then, now in self.ids.items() if then.startswith(found[0])]
        return whole[0][: len(found[0])] if whole else found[0]

    def get(self, path: str) -> Any:
        who = "Basic " + b64encode(self.people[""].encode()).decode()
        return self._sent("GET", path, None, {"Authorization": who}).body

    def _sent(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        asking = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            asking.request(method, path, body, dict(headers))
            answer = asking.getresponse()
            text = answer.read().decode()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, told, _read(text))
        finally:
            asking.close()

    def _learn(self, then: Any, now: Any) -> None:
        if isinstance(then, dict) and isinstance(now, dict):
            for key in then.keys() & now.keys():
                self._learn(then[key], now[key])
        elif isinstance(then, list) and isinstance(now, list):
            for one, other in zip(then, now, strict=False):
                self._learn(one, other)
        elif isinstance(then, str) and isinstance(now, str):
            for one, other in zip(ID.findall(then), ID.findall(now), strict=False):
                self.ids.setdefault(one, other)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def differences(exchange: Exchange, answer: Answer, now: Replay) -> list[str]:
    """Say in which ways the answer has another shape than the one that was recorded."""
    then = exchange.answer
    told = []
    if then.status != answer.status:
        told.append(f"status {then.status}: {answer.status}")
    for name in HEADERS:
        one, other = then.headers.get(name), answer.headers.get(name)
        if one is not None and _header(name, one) != _header(name, other or ""):
            told.append(f"{name} {one}: {other}")
    return told + list(_compared("", then.body, answer.body, now))


def _header(name: str, value: str) -> str:
    if name == "location":
        path = urlsplit(value).path
        return ID.sub("id", path)
    return ID.sub("id", value).lower()


def _compared(where: str, then: Any, ours: Any, now: Replay) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(ours, dict):
        yield from _maps(where, then, ours, now)
    elif isinstance(then, list) and isinstance(ours, list):
        if bool(then) != bool(ours):
            yield f"{where}: {len(then)} items: {len(ours)}"
        elif then:
            yield from _compared(f"{where}[0]", then[0], _same(then[0], ours, now), now)
    elif type(then) is not type(ours):
        yield f"{where} {then!r:.80}: {ours!r:.80}"
    elif WORDS.search(where) and now.now(str(then)) != str(ours):
        yield f"{where} {now.now(str(then))!r}: {ours!r}"
    elif isinstance(then, str) and MOMENT.match(then) and not OURS.fullmatch(ours):
        yield f"{where} {then!r}: {ours!r}"


def _same(then: Any, ours: list[Any], now: Replay) -> Any:
    """Return the item that goes by the same id, or the first one."""
    if isinstance(then, dict) and then.get("id") in now.ids:
        same = [each for each in ours if each.get("id") == now.ids[then["id"]]]
        return same[0] if same else ours[0]
    return ours[0]


def _maps(
    where: str, then: Mapping[str, Any], ours: Mapping[str, Any], now: Replay
) -> Iterator[str]:
    if lost := sorted(then.keys() - ours.keys()):
        yield f"{where}: without {', '.join(lost)}"
    if more := sorted(ours.keys() - then.keys()):
        yield f"{where}: also {', '.join(more)}"
    for key in sorted(then.keys() & ours.keys()):
        if key not in OPAQUE:
            yield from _compared(f"{where}.{key}", then[key], ours[key], now)
