"""Answers as Incus gives them: a result or an error, in one envelope."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from muster.agent.failures import Undone, WrongMethod
from muster.base.errors import Conflict, Forbidden, Invalid, MusterError, NotFound, Unsupported

# The first that fits. What a machine cannot do is a conflict with what it is.
STATUS: tuple[tuple[type[MusterError], HTTPStatus], ...] = (
    (Invalid, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Unsupported, HTTPStatus.CONFLICT),
    (WrongMethod, HTTPStatus.NOT_IMPLEMENTED),
    (Undone, HTTPStatus.INTERNAL_SERVER_ERROR),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as whoever answers it has to know."""

    names: Mapping[str, str] = field(default_factory=dict)  # of the path
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    prefix: str = ""  # what stands before the paths of answers


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer that is no JSON."""

    text: str


@dataclass(frozen=True, slots=True)
class Binary:
    """An answer that is a file."""

    body: bytes
    kind: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def success(metadata: object) -> Answer:
    if isinstance(metadata, Binary):
        return Answer(200, metadata.body, metadata.kind)
    if isinstance(metadata, Plain):
        return Answer(200, metadata.text.encode(errors="replace"), "text/plain; charset=utf-8")
    return _json(
        200,
        type="sync",
        status="Success",
        status_code=200,
        operation="",
        error_code=0,
        error="",
        metadata={} if metadata is None else metadata,
    )


def failure(error: MusterError | OSError) -> Answer:
    if isinstance(error, MusterError):
        codes = (code for kind, code in STATUS if isinstance(error, kind))
        return refusal(int(next(codes, HTTPStatus.INTERNAL_SERVER_ERROR)), error.text)
    return refusal(500, f"{error.filename or 'the machine'}: {error.strerror or error}")


def refusal(code: int, text: str) -> Answer:
    return _json(
        code,
        type="error",
        status="",
        status_code=0,
        operation="",
        error_code=code,
        error=text,
        metadata=None,
    )


def _json(code: int, **envelope: object) -> Answer:
    return Answer(code, json.dumps(envelope).encode() + b"\n")
