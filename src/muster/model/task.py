"""What a cloud is at just now, and how far it is."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    id: str
    what: str  # in the cloud's words
    since: datetime
    host: str = ""
    ref: str = ""  # of the server that it is about; "": of none, or not told
    node_id: UUID | None = None  # whose server that is; None: of nobody here
    progress: str = ""  # in the cloud's words
    percent: int | None = None
    may_cancel: bool = False
