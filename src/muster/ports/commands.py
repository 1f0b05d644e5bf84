"""Commands in a server, as far as Muster cares about them."""

from typing import Protocol

from muster.model.command import Command, Ended


class Commands(Protocol):
    async def run_command(self, ref: str, command: Command) -> Ended:
        """Run a program in the server as its administrator, and return how it ended.

        One that takes longer than it may is killed and `Ended.in_time` is False. May raise
        `DriverError`: `Permanent` for a server that is not there or does not run.
        """
        ...
