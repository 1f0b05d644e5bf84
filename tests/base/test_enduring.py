"""What a failure must not end goes on, and what failed is told."""

import pytest
from structlog.testing import capture_logs

from muster.base.enduring import enduring
from muster.base.errors import Transient


@pytest.mark.parametrize("error", [Transient("away"), OSError(24, "too many files")], ids=repr)
def test_what_may_happen_is_told_in_a_line(error: Exception) -> None:
    with capture_logs() as told, enduring("looking", OSError):
        raise error
    [line] = told
    assert (line["event"], line["what"], line["reason"]) == ("trouble", "looking", str(error))
    assert "exc_info" not in line


def test_what_must_not_happen_is_told_with_its_traceback() -> None:
    with capture_logs() as told, enduring("looking"):
        raise KeyError("status_code")
    [line] = told
    assert (line["event"], line["what"], line["exc_info"]) == ("broke", "looking", True)


def test_whoever_is_ended_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt), enduring("looking"):
        raise KeyboardInterrupt
