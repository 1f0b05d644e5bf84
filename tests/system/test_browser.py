"""The browser of the tests itself: where a page goes away under a question, and how it ends."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from browser import Gone, Page, end
from guard import dying_with


class Browser:
    """Answers evaluations with what it was given, one by one, and anything else at once."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)
        self._asked: dict[str, Any] = {}

    def send(self, message: str, /) -> None:
        self._asked = json.loads(message)

    def recv(self, timeout: float) -> str:
        is_evaluation = self._asked["method"] == "Runtime.evaluate"
        answer = self._answers.pop(0) if is_evaluation else {"result": {}}
        return json.dumps({"id": self._asked["id"], **answer})


def page(*answers: dict[str, Any]) -> Page:
    return Page(Browser(*answers), "s1", "http://127.0.0.1")


def fault(message: str) -> dict[str, Any]:
    return {"error": {"code": -32000, "message": message}}


HERE = {"result": {"result": {"value": "here"}}}
GONE = [
    fault("Cannot find default execution context"),
    fault("Inspected target navigated or closed"),
    fault("Execution context was destroyed."),
]


def test_what_is_waited_for_comes_also_where_the_page_goes_elsewhere_meanwhile() -> None:
    assert page(*GONE, HERE).comes("location.pathname") == "here"


def test_what_never_comes_is_named_also_where_no_page_is_left_to_be_shown() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s: location\.pathname"):
        page(*GONE).comes("location.pathname", seconds=0)


def test_what_is_asked_once_of_a_page_that_is_gone_fails_as_does_any_other_fault() -> None:
    with pytest.raises(Gone, match="default execution context"):
        page(GONE[0]).run("location.pathname")
    with pytest.raises(AssertionError, match="Internal error"):
        page(fault("Internal error"), HERE).comes("location.pathname")


def test_a_browser_that_does_not_heed_being_asked_to_end_is_ended() -> None:
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); input()"
    )
    words, pipe = [sys.executable, "-c", deaf], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, preexec_fn=dying_with()) as process:
        assert process.stdout is not None
        process.stdout.readline()  # from here on it is deaf
        end(process, patience_s=0.2)
        assert process.returncode == -signal.SIGKILL
