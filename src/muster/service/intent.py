"""An intent: a mutating call that was checked, and may be foretold instead of done."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What a call would do: its steps in order, what is lost, and whether it can be undone."""

    steps: tuple[str, ...]
    loses: tuple[str, ...] = ()
    reversible: bool = True
    stamp: str = ""  # of everything else the call rests on, such as the cluster's generation

    @property
    def hash(self) -> str:
        """The plan's fingerprint. A later call that carries it is done only if nothing moved."""
        whole = msgspec.json.encode([self.steps, self.loses, self.reversible, self.stamp])
        return blake2b(whole, digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Generic[T]):
    """Either of the two is awaited, never both without asking: see Note [One door]."""

    foretell: Callable[[], Awaitable[Foretold]]
    do: Callable[[], Awaitable[T]]


# Note [One door]
# A dry run that is a second implementation lies sooner or later. So every mutating
# service function ends in an intent after all its checks have passed: the preview and
# the deed rest on the very same checks and values, and a surface chooses which to await.
def plain(
    do: Callable[[], Awaitable[T]], *steps: str, loses: Sequence[str] = (), reversible: bool = True
) -> Intent[T]:
    """Return the intent of something whose effect one sentence tells."""
    told = Foretold(steps=steps, loses=tuple(loses), reversible=reversible)

    async def foretell() -> Foretold:
        return told

    return Intent(foretell=foretell, do=do)
