"""Clouds that are taken on while we run: as somebody describes them, and as we know them then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5


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


def cloud_id(name: str) -> UUID:
    """Return the id of whatever cloud has that name."""
    return uuid5(UUID(int=0), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A cloud that was taken on, with all that any process needs to open it."""

    id: UUID
    name: str
    created_at: datetime  # one that was let go and taken on again is another
    options: Mapping[str, Any]  # as in the settings, its kind among them
    papers: Mapping[str, str] = field(default_factory=dict)  # what the files of options hold
    servers: UUID | None = None  # the cluster of servers that it is, or was when that was forgotten
