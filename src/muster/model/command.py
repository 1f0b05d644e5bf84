"""A program that is run once in a server, at a terminal or without, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_BYTES = 1 << 20  # that are kept of what it prints, of each of the two

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    words: tuple[str, ...]  # the program first; no shell reads them
    environment: Mapping[str, str] = field(default_factory=dict)
    given: bytes = b""  # what it reads
    patience_s: float = PATIENCE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    code: int  # as a shell counts: 127 where there is no such program, 128 and more by a signal
    output: bytes = b""
    errors: bytes = b""
    in_time: bool = True
    whole: bool = True  # False: it printed more than is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What is seen at once of a terminal, in characters."""

    rows: int = 24
    columns: int = 80
