"""How moments, ids and numbers are written in every answer."""

from datetime import datetime
from uuid import UUID

import msgspec


def moment(at: datetime | None) -> str | None:
    """Return a moment as the clustering API writes it: UTC, whole seconds, Z."""
    return None if at is None else f"{at.isoformat(timespec='seconds')[:19]}Z"


def exact(at: datetime) -> str:
    return f"{at.isoformat(timespec='milliseconds')[:23]}Z"


def epoch(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def spelled(id: UUID) -> str:
    """Return an id as text, in a third of the time that `str` takes."""
    text: str = msgspec.to_builtins(id)
    return text
