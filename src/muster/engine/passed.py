"""How a pass ended."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Go on with the next one, or give the cluster back until `look_at`."""

    again: bool = False
    look_at: datetime | None = None
