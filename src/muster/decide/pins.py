"""Which certificate of ours a machine is held to, and what it has to be told where that is old."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from muster.base.certificates import chain_of, pinned

_PROVIDER = "operations-center"


# Note [Who knows an authority]
# A chain does not say whether its authority is known: one of a house of its own shows as little of
# itself as one that all the world knows. So it is tried once, when the certificate comes to be
# shown: under which names those vouch for it whom this machine believes. A machine that looks for
# Muster by one of these names is held to nothing more; all others, and those that look for an
# address, are held to the very certificate. A machine that does not believe whom we believe takes
# no other certificate from us than the very one: it has tried.
@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown, and by which names known authorities vouch for it; None: nobody tried."""

    chain: str
    known_as: tuple[str, ...] | None = None

    def very(self) -> str:
        """Return the certificate itself."""
        return next(iter(chain_of(self.chain)), "")

    def pin(self, url: str) -> str:
        """Return what is to be shown to whoever goes there, "" where authorities vouch for it.

        See Note [Who knows an authority].
        """
        if self.known_as is None:
            return pinned(self.chain)
        host = (urlsplit(url).hostname or "").lower()
        return "" if any(_fits(host, name.lower()) for name in self.known_as) else self.very()


def shown_as(chain: str, names: str | None) -> Shown:
    """Return what is shown, of the names as they are kept: in words."""
    return Shown(chain, None if names is None else tuple(names.split()))


def _fits(host: str, name: str) -> bool:
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return host == name


def repinned(provider: Mapping[str, Any], pin: str) -> dict[str, Any] | None:
    """Return what a machine's provider is from now on; None where nothing is to be told.

    `provider` is its configuration, with masks for what is secret; `pin` the certificate that a
    machine is held to, "" where authorities vouch for ours.
    """
    reached = provider.get("config")
    if provider.get("name") != _PROVIDER or not isinstance(reached, Mapping):
        return None
    now = str(reached.get("server_certificate") or "")
    if not str(reached.get("server_url")).startswith("https:") or now.split() == pin.split():
        return None
    return {**provider, "config": {**reached, "server_certificate": pin}}


def tries(provider: Mapping[str, Any], shown: Shown) -> tuple[dict[str, Any], ...]:
    """Return what a machine's provider may be from now on, the best first; () where it is so.

    See Note [Who knows an authority].
    """
    reached = provider.get("config")
    url = str(reached.get("server_url")) if isinstance(reached, Mapping) else ""
    very, best = (repinned(provider, pin) for pin in (shown.very(), shown.pin(url)))
    if very is None or best is None:
        return ()
    return (best,) if best == very else (best, very)
