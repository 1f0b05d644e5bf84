"""Who gives certificates to whoever proves that a name leads to him."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from muster.model.acme import Given, Order

Tell = Callable[[str], Awaitable[None]]


class Authority(Protocol):
    def new_account(self) -> str:
        """Return a new key by which an authority knows whoever asks, PEM."""
        ...

    async def issue(self, order: Order, tell: Tell) -> Given:
        """Return a certificate for the domain, with a key that nobody has had before.

        `tell` is awaited with what is to be answered to the authority before that asks: what
        stands before its first dot is what it is asked for. Raises `DriverError`, which names the
        setting at fault.
        """
        ...
