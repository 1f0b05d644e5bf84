"""What every cloud promises about commands in its servers, or why it runs none."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from contracts.clouds import Bed
from muster.base.errors import Permanent
from muster.model.cloud import Ability
from muster.model.command import MOST_BYTES, Command, Ended
from muster.model.step import Operation


@pytest.fixture
async def ref(bed: Bed) -> AsyncIterator[str]:
    """A server that runs, in a cloud that runs commands."""
    if bed.cloud.commands is None:
        assert bed.cloud.about.refusal(Ability.EXEC)
        pytest.skip("nothing runs in the servers of this cloud")
    server = await bed.running(bed.order(uuid4()))
    yield server.ref
    for each in await bed.cloud.compute.list_servers():
        await bed.cloud.compute.delete_server(each.ref)


async def run(bed: Bed, ref: str, *words: str, **but: Any) -> Ended:
    assert bed.cloud.commands
    return await bed.cloud.commands.run_command(ref, Command(words=words, **but))


async def test_what_is_printed_comes_back_with_how_it_ended(bed: Bed, ref: str) -> None:
    script = "echo out; echo wrong >&2; exit 3"
    ended = await run(bed, ref, "sh", "-c", script)
    assert ended == Ended(code=3, output=b"out\n", errors=b"wrong\n")


async def test_it_reads_what_it_is_given(bed: Bed, ref: str) -> None:
    assert (await run(bed, ref, "cat", given=b"\0hello\n")).output == b"\0hello\n"
    assert (await run(bed, ref, "true", given=b"x" * 500_000)).code == 0


async def test_no_shell_reads_the_words_and_the_environment_is_as_asked(bed: Bed, ref: str) -> None:
    ended = await run(bed, ref, "echo", "$HOME; exit 1", "*")
    assert ended.output == b"$HOME; exit 1 *\n"
    asked = await run(bed, ref, "sh", "-c", "echo $GIVEN", environment={"GIVEN": "a b"})
    assert asked.output == b"a b\n"


async def test_a_program_that_is_not_there_ends_as_in_a_shell(bed: Bed, ref: str) -> None:
    ended = await run(bed, ref, "no-such-program")
    assert (ended.code, ended.in_time) == (127, True)
    assert ended.errors


async def test_what_takes_too_long_is_killed_with_its_children(bed: Bed, ref: str) -> None:
    script = "echo begun; sleep 3217; echo never"
    ended = await run(bed, ref, "sh", "-c", script, patience_s=1.0)
    assert not ended.in_time
    assert ended.output == b"begun\n"
    assert ended.code != 0


async def test_a_flood_is_cut_and_said_to_be(bed: Bed, ref: str) -> None:
    script = f"head -c {2 * MOST_BYTES} /dev/zero; exit 4"
    ended = await run(bed, ref, "sh", "-c", script)
    assert (len(ended.output), ended.whole, ended.code) == (MOST_BYTES, False, 4)


async def test_nothing_is_run_in_what_does_not_run_or_is_not_ours(bed: Bed, ref: str) -> None:
    assert bed.stranger.commands
    for commands, whom in ((bed.cloud.commands, "never-there"), (bed.stranger.commands, ref)):
        assert commands
        with pytest.raises(Permanent):
            await commands.run_command(whom, Command(words=("true",)))
    await bed.cloud.compute.operate_server(ref, Operation.STOP)
    with pytest.raises(Permanent, match="does not run"):
        await run(bed, ref, "true")
