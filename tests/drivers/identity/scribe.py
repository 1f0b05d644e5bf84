"""Keystone's part played from its recorded answers: what it says, and what it was asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2

from muster.base.clock import ManualClock

URL = "http://keystone.test:5000/v3"


def said(name: str, expires: datetime, *roles: str, project: str | None = "red") -> dict[str, Any]:
    """Return the body of a token as Keystone 30 writes it."""
    domain = {"id": "default", "name": "Default"}
    token: dict[str, Any] = {
        "methods": ["password"],
        "user": {
            "domain": domain,
            "id": f"id-of-{name}",
            "name": name,
            "password_expires_at": None,
        },
        "audit_ids": ["nKUbGcUVRVuKcoDR-BgbHw"],
        "expires_at": f"{expires:%Y-%m-%dT%H:%M:%S.%f}Z",
        "issued_at": f"{expires - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%f}Z",
    }
    if project is not None:
        token["project"] = {"domain": domain, "id": f"id-of-{project}", "name": project}
        token["is_domain"] = False
        token["roles"] = [{"id": f"id-of-{role}", "name": role} for role in roles]
    return {"token": token}


def refusal(status: int, message: str) -> httpx2.Response:
    body = {"error": {"code": status, "message": message, "title": "Refused"}}
    return httpx2.Response(status, json=body)


@dataclass
class Scribe:
    """Answers as Keystone does. `tokens` are callers'; `ours` those it has given to Muster."""

    clock: ManualClock
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    ours: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    signed_in: list[dict[str, Any]] = field(default_factory=list)
    closed: bool = False  # it lets Muster sign in no more
    instead: Callable[[httpx2.Request], httpx2.Response] | None = None

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._answer)

    def knows(self, token: str, *roles: str, lasts_s: float = 3600, **more: Any) -> str:
        expires = self.clock.now() + timedelta(seconds=lasts_s)
        self.tokens[token] = said(f"holder-of-{token}", expires, *roles, **more)
        return token

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.instead is not None:
            return self.instead(request)
        if request.method == "POST":
            return self._sign_in(json.loads(request.content))
        if request.headers["x-auth-token"] not in self.ours[-1:]:
            return refusal(401, "The request you have made requires authentication.")
        token = request.headers["x-subject-token"]
        self.asked.append(token)
        if token not in self.tokens:
            return refusal(404, "Could not find token: .")
        return httpx2.Response(200, json=self.tokens[token])

    def _sign_in(self, body: dict[str, Any]) -> httpx2.Response:
        self.signed_in.append(body)
        if self.closed:
            return refusal(401, "The request you have made requires authentication.")
        self.ours.append(f"ours-{len(self.ours)}")
        headers = {"X-Subject-Token": self.ours[-1]}
        return httpx2.Response(
            201, headers=headers, json=said("muster", self.clock.now(), "service")
        )
