"""What a process shows to whoever connects to it by HTTPS."""

from typing import Protocol


class Face(Protocol):
    def turn(self, chain: str, key: str) -> None:
        """Show this from the next connection on; those that are open stay as they are.

        Raises `Invalid` where the two do not fit.
        """
        ...
