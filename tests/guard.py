"""Nothing that tests start outlives them, even where the tests themselves are killed.

Run as a program it stands beside the tests and acts when its standard input ends:
`guard.py <folder to remove, or ""> <sign>...`. Needs nothing but the standard library.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import CDLL
from pathlib import Path

MARK = "TESTS_OF"  # a run of tests says in its surroundings, and so in its children's, who it is
_PR_SET_PDEATHSIG = 1
_LIBC = CDLL(None)
_ROUNDS = 100  # against what starts others faster than it is ended


def dying_with(parent_sends: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Return what a child does first so that it ends with the thread that started it.

    Not for what becomes another user by itself: that undoes it.
    """

    def promise() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, parent_sends)

    return promise


# Note [Guards]
# A server dies with its parent where the test is its parent and asks for that. What Muster itself
# starts, balancers and instances, outlives Muster by design; and a server may start others. So a
# guard runs beside each process of tests, which holds the other end of its standard input. When
# that ends, however the tests did, everything goes that has one of the signs in its surroundings,
# its command or its folder: the name of the run, which children inherit, or where its files are.
# A guard itself does not inherit that name: one of a testbed has to finish its work, too.
@contextmanager
def guarded(*signs: str, removing: Path | None = None) -> Iterator[None]:
    """Have whatever shows one of the signs ended after the block. See Note [Guards]."""
    guard = subprocess.Popen(
        [sys.executable, "-I", __file__, str(removing or ""), *signs],
        stdin=subprocess.PIPE,
        start_new_session=True,
        env={name: said for name, said in os.environ.items() if name != MARK},
    )
    try:
        yield
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(180)  # a folder of a whole cloud is large


@contextmanager
def run_of_tests(temporary: Path) -> Iterator[None]:
    """Guard this process of tests, whose files are in that folder."""
    before, name = os.environ.get(MARK), f"{os.getpid()}-{time.time_ns()}"
    with guarded(f"{MARK}={name}", f"{temporary}/"):
        os.environ[MARK] = name
        try:
            yield
        finally:
            os.environ.pop(MARK)
            if before is not None:
                os.environ[MARK] = before


def processes(*signs: str) -> list[int]:
    """Return what shows one of the signs, whoever asks left out."""
    others = [int(each) for each in os.listdir("/proc") if each.isdigit()]
    return [pid for pid in others if pid != os.getpid() and _shows(pid, signs)]


def _shows(pid: int, signs: Sequence[str]) -> bool:
    place = Path(f"/proc/{pid}")
    try:
        said = (place / "environ").read_bytes() + b"\0" + (place / "cmdline").read_bytes()
        said += b"\0" + os.fsencode(os.readlink(place / "cwd")) + b"/"
    except OSError:  # gone, or of somebody else
        return False
    return any(os.fsencode(sign) in said for sign in signs)


def _end(signs: Sequence[str]) -> None:
    for _ in range(_ROUNDS):
        found = processes(*signs)
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.02)


if __name__ == "__main__":
    sys.stdin.read()
    _end(sys.argv[2:])
    if sys.argv[1]:
        shutil.rmtree(sys.argv[1], ignore_errors=True)
