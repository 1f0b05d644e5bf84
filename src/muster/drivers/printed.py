"""What a command prints, as much of it as is kept."""

from dataclasses import dataclass, field

from muster.model.command import MOST_BYTES


@dataclass(slots=True)
class Printed:
    kept: bytearray = field(default_factory=bytearray)
    whole: bool = True  # False: more came than is kept

    def add(self, more: bytes) -> None:
        room = MOST_BYTES - len(self.kept)
        self.kept += more[:room]
        self.whole = self.whole and len(more) <= room
