"""What the agent looks after by itself goes on, whatever goes wrong once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from agent.ground import Ground
from muster.agent.agent import Agent, Chore
from muster.agent.durations import no_duration
from muster.agent.server import listen
from muster.agent.update import Update, is_due

GIANTS = ("999999999999h", f"{'9' * 400}s")


@contextmanager
def listening(ground: Ground) -> Iterator[None]:
    running = listen(ground.agent, lambda: [])
    try:
        yield
    finally:
        running.close()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("error", [KeyError("x"), UnicodeError("x"), OverflowError(), OSError()])
def test_a_chore_that_breaks_is_done_again(ground: Ground, error: Exception) -> None:
    done: list[int] = []

    def look(agent: Agent) -> None:
        done.append(1)
        if len(done) == 1:
            raise error

    ground.agent.chores = (Chore(look, 0.01),)
    with listening(ground):
        until(lambda: len(done) > 1)


def test_what_waits_to_be_confirmed_is_taken_back_whatever_broke_before(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    entry = {"files": [], "acts": [], "config": None, "originals": {}}
    later = (ground.clock.now() + timedelta(hours=1)).isoformat()
    with listening(ground):
        journal = ground.agent.keeper.memory.journal
        journal["system/network"] = {**entry, "until": "no moment"}
        until(lambda: "what was not confirmed is still there" in caplog.text)
        assert "system/network" in journal
        journal["system/network"] = {**entry, "until": later}
        ground.clock.advance(3601)
        until(lambda: not journal)


@pytest.mark.parametrize("text", GIANTS)
def test_nothing_is_put_off_for_longer_than_anybody_lives(ground: Ground, text: str) -> None:
    assert no_duration("87600h") is None
    assert "ten years" in str(no_duration(text))
    now = ground.clock.now()
    assert not is_due(Update(check_frequency=text), now - timedelta(days=1), now)
