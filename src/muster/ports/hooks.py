"""Asking whoever has to agree before a node goes."""

from typing import Protocol

from muster.model.step import PostHook


class Hooks(Protocol):
    async def post(self, question: PostHook) -> None:
        """Deliver the question to where its hook says.

        The same token twice is the same question. Raises `Transient` where it may be
        delivered later, `Permanent` where it never will.
        """
        ...
