"""What is asked of us to take another cloud on while we run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudAsk:
    """A cloud as somebody describes it. "" is what he leaves to us."""

    name: str
    kind: str
    url: str = ""
    token: str = ""  # a trust token of its servers
    certificate: str = ""  # PEM: who we are to be there, with `key`
    key: str = ""
    fingerprint: str = ""  # of the certificate that its servers show
    options: Mapping[str, Any] = field(default_factory=dict)  # as in the settings
