"""Whoever looks after load balancers goes on looking, whatever a look meets."""

import asyncio

import pytest

from muster.base.errors import Transient
from muster.drivers.balancers.watching import look_again_and_again

ACCIDENTS = [
    OSError(24, "Too many open files"),
    Transient("it does not answer"),
    ValueError("a bug"),
]


@pytest.mark.parametrize("accident", ACCIDENTS, ids=repr)
async def test_a_look_that_fails_is_followed_by_the_next(accident):
    seen = asyncio.Queue()

    async def look(number: int) -> None:
        seen.put_nowait(number)
        if number == 1:
            raise accident

    watching = asyncio.create_task(look_again_and_again(0.001, look))
    async with asyncio.timeout(5):
        assert [await seen.get(), await seen.get(), await seen.get()] == [1, 2, 3]
    assert not watching.done()
    watching.cancel()
