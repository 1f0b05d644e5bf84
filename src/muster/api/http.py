"""What happens around every request: an id, a line in the log, a count."""

import time
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram

from muster.api.words import spelled
from muster.base.ids import passing_id
from muster.base.log import log

_QUIET = frozenset({"/healthz", "/metrics"})


class Watched:
    """The application with every answer numbered, logged and counted."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._log = log()
        self._answers = Counter(
            "muster_http_answers",
            "Answers by method and status",
            ["method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "muster_http_seconds", "Until the answer began", registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        id = f"req-{spelled(passing_id())}"
        scope["state"]["request_id"] = id
        if str(scope["type"]) != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        header = (b"x-openstack-request-id", id.encode())

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
                self._note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, numbered)

    def _note(self, scope: Any, status: int, seconds: float) -> None:
        self._answers.labels(scope["method"], status).inc()
        self._seconds.observe(seconds)
        if scope["path"] in _QUIET and status < 400:
            return
        who = scope.get("user")
        self._log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(seconds * 1000, 2),
            user=who.user if who else None,
            project=who.project if who else None,
            request=scope["state"]["request_id"],
        )
