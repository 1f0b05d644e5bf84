"""Servers that answer what nobody expects: it is told as theirs, and the work goes on."""

import pytest

from engine.test_bulk import ADD, NVME, a_yard, three, told
from engine.works import ID, S, works_of
from metal import Metal
from muster.engine.server_jobs.turn import advance
from muster.model.bulk import OnFailure
from muster.ports.agent import Order


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), RecursionError("x")])
async def test_a_step_that_breaks_is_tried_again_and_the_job_says_why(error: Exception) -> None:
    async with works_of(2) as works:
        broken: list[str] = []

        def meanwhile(at: str, metal: Metal, order: Order) -> None:
            if at == "before" and not broken:
                broken.append(order.path)
                raise error

        works.fleet.meanwhile = meanwhile
        while not broken:
            await advance(works.engine.site, works.fleet, ID)
        reasons = {each.reason for each in (await works.job()).entries}
        assert f"internal error: {type(error).__name__}" in reasons
        await works.go_on()
        assert (await works.cluster()).status is S.READY


async def test_one_server_that_answers_nonsense_stops_no_other() -> None:
    async with a_yard("m1", "m2", "m3") as yard:
        yard.servers["m2"].answers[NVME] = {"config": {"targets": 5}, "state": {}}
        bulk = await yard.ended(three(**ADD, on_failure=OnFailure.CONTINUE))
        assert told(bulk) == ["changed", "failed", "changed"]
        assert "internal error" in bulk.turn("m2").error
