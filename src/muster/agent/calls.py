"""Call whoever looks after this machine, held to his certificate, and Incus on it."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from muster.agent.failures import TurnedAway, Undone

WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    url: str
    certificate: str = ""  # PEM that has to be shown there; without: what authorities vouch for


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    body: Mapping[str, object] = field(default_factory=dict)
    bearer: str = ""


class Calls(Protocol):
    def own_address(self, place: Place) -> str:
        """Return the address that this machine has on the way there."""
        ...

    def call(self, place: Place, call: Call) -> Mapping[str, Any]:
        """Return what is answered, out of its envelope.

        Raises `TurnedAway` where the answer is no, and `Undone` where there is none.
        """
        ...


class HttpCalls:
    def own_address(self, place: Place) -> str:
        said = urlsplit(place.url)
        try:
            found = socket.getaddrinfo(said.hostname, _port(said), type=socket.SOCK_DGRAM)
            family, kind, _, _, there = found[0]
            with socket.socket(family, kind) as way:
                way.connect(there)  # of datagrams this sends nothing
                return str(way.getsockname()[0]).partition("%")[0]
        except OSError as error:
            raise Undone(f"{place.url}: {error}") from error

    def call(self, place: Place, call: Call) -> Mapping[str, Any]:
        line = _line(place)
        headers = {"Content-Type": "application/json"}
        if call.bearer:
            headers["Authorization"] = f"Bearer {call.bearer}"
        try:
            line.request(call.method, call.path, json.dumps(call.body), headers)
            answer = line.getresponse()
            return _meant(place, answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Undone(f"{place.url}: {error or type(error).__name__}") from error
        finally:
            line.close()


def _port(said: SplitResult) -> int:
    return said.port or (443 if said.scheme == "https" else 80)


def _line(place: Place) -> http.client.HTTPConnection:
    said = urlsplit(place.url)
    host = said.hostname or ""
    if said.scheme == "http":
        return http.client.HTTPConnection(host, _port(said), timeout=WITHIN_S)
    context = ssl.create_default_context()
    if place.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=place.certificate)
    return http.client.HTTPSConnection(host, _port(said), timeout=WITHIN_S, context=context)


def _meant(place: Place, status: int, body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Undone(f"{place.url}: no answer of its kind ({status})")
    if said.get("type") == "error" or status >= 400:
        raise TurnedAway(f"{place.url}: {said.get('error') or status}", status=status)
    metadata = said.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
