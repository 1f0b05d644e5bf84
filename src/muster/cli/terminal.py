"""A terminal in an instance, at the terminal that this command was typed at."""

import json
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from muster.client.http import Access

CHUNK = 1 << 16
END_OF_INPUT = b"\x04"  # what ctrl-D types
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
NOT_FOUND = 127


def sit(access: "Access", instance: str, command: Sequence[str]) -> int:
    """Return how `command` ended, at a terminal in the instance, once it has."""
    from muster.client.http import at
    from muster.client.wire import wire

    with wire(access, at("instances", instance, "exec")) as line:
        seat = Seat(line)
        with raw(), seat.heeding():
            line.send(json.dumps({"command": list(command), "environment": _term(), **_size()}))
            Thread(target=seat.pass_on, daemon=True).start()
            Thread(target=seat.listen, daemon=True).start()
            code = seat.watch()
    if code == NOT_FOUND and not seat.shown:
        print(f"{command[0]}: not found", file=sys.stderr)
    return code


# Note [Signals and locks]
# A signal's handler runs amid whatever the main thread does, which may hold the lock that sending
# takes. So handlers only put an order into a queue that knows no locks, and one thread sends.
@dataclass(slots=True)
class Seat:
    """One sitting, as seen from this side. See Note [Signals and locks]."""

    line: "ClientConnection"
    orders: "SimpleQueue[bytes | str]" = field(default_factory=SimpleQueue)
    shown: bool = False

    def watch(self) -> int:
        """Show what comes until the program has ended; return how."""
        from websockets.exceptions import ConnectionClosed

        from muster.client.http import ApiError, Unreachable

        try:
            for message in self.line:
                if isinstance(message, bytes):
                    self.shown = True
                    _write(message)
                    continue
                said = json.loads(message)
                if error := said.get("error"):
                    raise ApiError(0, error["type"], error["message"], [])
                return int(said["exit_code"])
        except ConnectionClosed:
            pass
        raise Unreachable("the line to the server broke; what ran has been hung up on")

    def pass_on(self) -> None:
        """Send order after order, in a thread of its own."""
        from websockets.exceptions import ConnectionClosed

        with suppress(ConnectionClosed):
            while True:
                self.line.send(self.orders.get())

    def listen(self) -> None:
        """Have what is typed be sent, in a thread of its own; its end is typed as ctrl-D."""
        with suppress(OSError):
            while keys := os.read(sys.stdin.fileno(), CHUNK):
                self.orders.put(keys)
        self.orders.put(END_OF_INPUT)

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """Pass on signals and the size of the screen while the block runs."""
        numbers = (*PASSED_ON, signal.SIGWINCH, signal.SIGHUP)
        before = {number: signal.signal(number, self._heed) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:  # nobody sits here any more
            raise SystemExit(128 + number)
        told: Mapping[str, Any] = {"signal": number}
        if number == signal.SIGWINCH:
            told = {"resize": _size()}
        self.orders.put(json.dumps(told))


@contextmanager
def raw() -> Iterator[None]:
    """Have every key go to the program as it is typed, if somebody types."""
    keyboard = sys.stdin.fileno()
    if not os.isatty(keyboard):
        yield
        return
    before = termios.tcgetattr(keyboard)
    tty.setraw(keyboard)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _term() -> dict[str, str]:
    return {"TERM": os.environ["TERM"]} if os.environ.get("TERM") else {}


def _size() -> dict[str, int]:
    """Return how large the screen is, nothing where there is none."""
    for handle in (1, 0, 2):
        with suppress(OSError):
            size = os.get_terminal_size(handle)
            if size.lines and size.columns:
                return {"rows": size.lines, "columns": size.columns}
    return {}


def _write(shown: bytes) -> None:
    while shown:
        shown = shown[os.write(sys.stdout.fileno(), shown) :]
