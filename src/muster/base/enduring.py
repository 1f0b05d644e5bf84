"""What a failure must not end: the loops that look after things for as long as a process lives."""

from collections.abc import Iterator
from contextlib import contextmanager

from muster.base.errors import DriverError, StoreError
from muster.base.log import log


@contextmanager
def enduring(what: str, *known: type[Exception]) -> Iterator[None]:
    """Have what fails in this block be told in the log and never raised; what comes after goes on.

    What drivers and the store raise is told in a line, and so are errors of a kind that is
    `known` to happen there; anything else with its traceback.
    """
    expected: tuple[type[Exception], ...] = (DriverError, StoreError, *known)
    try:
        yield
    except expected as error:
        log(what=what).warning("trouble", kind=type(error).__name__, reason=str(error))
    except Exception:
        log(what=what).exception("broke")
