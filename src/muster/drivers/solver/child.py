"""The solving process: takes problems from its input, and ends when that does."""

import os
import sys
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from muster.drivers.solver.frames import framed, taken
from muster.model.placing import Answer, Limit, Problem, Progress

NICE = 5  # the engine comes first
EVERY_S = 0.25  # progress is told no more often


class Watching:
    """The time since a problem was taken up; passes on how far it is."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._began = self._told = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, progress: Progress) -> None:
        if time.monotonic() - self._told >= EVERY_S:
            self._told = time.monotonic()
            _say(self._output, progress)


Solve = Callable[[Problem, Limit, Watching], Answer]


def serve(solve: Solve) -> None:
    """Solve one problem after another until nobody is there to send any."""
    os.nice(NICE)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    asked: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        problem, limit = asked.get()
        _say(output, solve(problem, limit, Watching(output)))


# Note [Ends with its parent]
# A search may go on for long, and nobody would want its answer once the asking process is
# gone, however that ended. Its end of the pipe closes then, which the listening thread sees
# at once, also while the other one searches.
def _listen(asked: "SimpleQueue[Any]") -> None:
    """Hand on what is asked; end the process with its input. See Note [Ends with its parent]."""
    while (question := taken(sys.stdin.buffer)) is not None:
        asked.put(question)
    os._exit(0)


def _say(output: BinaryIO, value: object) -> None:
    output.write(framed(value))
    output.flush()
