"""Asking whoever has to agree before a node or a server goes."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from muster.model.step import PostHook


class Hooks(Protocol):
    async def post(self, question: PostHook) -> None:
        """Deliver the question to where its hook says.

        The same token twice is the same question. Raises `Transient` where it may be
        delivered later, `Permanent` where it never will.
        """
        ...

    async def send(self, url: str, token: UUID, body: Mapping[str, Any]) -> None:
        """Tell a URL this, and return once it has agreed. What `post` says of errors holds."""
        ...
