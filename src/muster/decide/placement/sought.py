"""What a search for seats has found."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sought:
    """Seats of all, or of some with the certainty or without it that not all can sit."""

    seats: Mapping[int, int]
    all: bool
    none: bool = False  # proved: not all can sit
    best: bool = False  # proved: nothing is worth less


NO_SEATS = Sought({}, all=False, none=True)
