"""Commands in a server, as far as Muster cares about them."""

from typing import Protocol

from muster.model.command import Command, Ended, Screen


class Terminal(Protocol):
    """A program that somebody sits before. Every call may raise `DriverError`."""

    async def printed(self) -> bytes:
        """Wait for more to show and return it; b"" once nothing more comes."""
        ...

    async def type(self, keys: bytes) -> None:
        """Have the program read these. What it does not read any more is no error."""
        ...

    async def resize(self, screen: Screen) -> None: ...

    async def signal(self, number: int) -> None:
        """Send a signal to the program, or to what it runs in front."""
        ...

    async def hang_up(self) -> int:
        """Return how the program ended, as a shell counts; one that goes on is ended now."""
        ...


class Commands(Protocol):
    async def run_command(self, ref: str, command: Command) -> Ended:
        """Run a program in the server as its administrator, and return how it ended.

        One that takes longer than it may is killed and `Ended.in_time` is False. May raise
        `DriverError`: `Permanent` for a server that is not there or does not run.
        """
        ...

    async def open_terminal(self, ref: str, command: Command, screen: Screen) -> Terminal:
        """Begin a program in the server as its administrator, at a terminal of its own.

        Of `command`, what it reads and its patience do not count: it is typed to, for as long
        as it takes. Whoever opens it hangs up. Raises as `run_command` does; a program that is
        not there ends with 127.
        """
        ...
