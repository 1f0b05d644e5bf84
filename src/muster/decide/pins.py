"""Which certificate of ours a machine is held to, and what it has to be told where that is old."""

from collections.abc import Mapping
from typing import Any

_PROVIDER = "operations-center"


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
