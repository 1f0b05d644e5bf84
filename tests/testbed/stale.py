"""Which testbeds are in use, and which were left by a run of tests that was killed."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


# Note [Stale testbeds]
# A guard takes a testbed down whose test run was killed; one that was killed together with it
# leaves the testbed to the next run. That tells it from one in use by a file that is locked for
# as long as its owner lives: a number may be another process's by then.
def sign_of_life(base: Path) -> Path:
    """Return the file that is locked for as long as the testbed there is in use."""
    return base.with_name(f"{base.name}.held")


@contextmanager
def held(base: Path) -> Iterator[None]:
    """Have it be seen that the testbed there is in use. See Note [Stale testbeds]."""
    path = sign_of_life(base)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_stale(base: Path, pid: str) -> bool:
    """Return whether nobody uses that testbed any more. See Note [Stale testbeds]."""
    if not Path(f"/proc/{pid}").exists():
        return True
    try:
        with sign_of_life(base).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
