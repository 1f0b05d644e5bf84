"""A deadline stops a call that waits, and leaves one alone that is answered at once."""

import asyncio
from dataclasses import dataclass, field

import pytest

from muster.engine.deadline import within

LONG = 60.0


async def of(answer: str, *, rests: int = 0) -> str:
    for _ in range(rests):
        await asyncio.sleep(0)
    return answer


@dataclass
class Call:
    """A call that waits for an answer, and tidies up whichever way it ends."""

    answer: asyncio.Future[str] = field(default_factory=lambda: asyncio.Future())
    ended: list[str] = field(default_factory=list)

    async def wait(self) -> str:
        try:
            return await self.answer
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.ended.append("stopped")
            raise
        finally:
            self.ended.append("tidy")


@pytest.mark.parametrize("rests", [0, 1, 3])
async def test_what_a_call_brings_is_what_comes_out(rests):
    assert await within(LONG, of("done", rests=rests)) == "done"


async def test_a_call_that_is_answered_late_brings_its_answer():
    call = Call()
    asyncio.get_running_loop().call_later(0.01, call.answer.set_result, "late")
    assert await within(LONG, call.wait()) == "late"
    assert call.ended == ["tidy"]


async def test_a_call_that_waits_for_too_long_is_stopped_and_tidies_up():
    call = Call()
    with pytest.raises(TimeoutError):
        await within(0.01, call.wait())
    assert call.ended == ["stopped", "tidy"]


@pytest.mark.parametrize("rests", [0, 1])
async def test_what_goes_wrong_in_a_call_goes_wrong_outside(rests):
    async def wrong() -> None:
        await of("", rests=rests)
        raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        await within(LONG, wrong())


async def test_what_is_waited_for_may_fail():
    call = Call()
    asyncio.get_running_loop().call_soon(call.answer.set_exception, LookupError("gone"))
    with pytest.raises(LookupError, match="gone"):
        await within(LONG, call.wait())
    assert call.ended == ["tidy"]


async def test_whoever_is_stopped_stops_his_call():
    call = Call()
    task = asyncio.create_task(within(LONG, call.wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.ended == ["stopped", "tidy"]


async def test_a_call_may_have_deadlines_of_its_own():
    async def impatient() -> str:
        try:
            async with asyncio.timeout(0.01):
                return await Call().wait()
        except TimeoutError:
            return "gave up"

    assert await within(LONG, impatient()) == "gave up"


async def test_a_call_may_wait_for_several_at_once():
    async def several() -> list[str]:
        return await asyncio.gather(of("one", rests=2), of("two"))

    assert await within(LONG, several()) == ["one", "two"]
