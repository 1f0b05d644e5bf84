"""Taking clouds on, and letting go of them, while everything runs."""

from collections.abc import Mapping
from typing import Protocol

from muster.model.admission import Admitted, CloudAsk


# Note [Clouds by rows]
# Which clouds there are, beside those of the settings, is a table. Whoever takes one on makes
# its acquaintance first, writes the row then, and every process, this one too, opens and closes
# what the rows say, as soon as it sees them.
class Admission(Protocol):
    """See Note [Clouds by rows]."""

    def admitted(self) -> Mapping[str, Admitted]:
        """Return the clouds that this process has open because of a row."""
        ...

    async def introduce(self, ask: CloudAsk) -> Admitted:
        """Return the row of a cloud that knows us from now on, and that can be opened.

        Raises `Invalid` naming what is wrong, and what to do; then nothing of it is kept.
        """
        ...

    async def part(self, cloud: Admitted) -> None:
        """Have the cloud know us no more; one that does not answer goes on doing so."""
        ...

    async def refresh(self) -> None:
        """Open and close clouds until they are as the rows say."""
        ...
