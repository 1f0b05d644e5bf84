"""What every cloud promises about commands in its servers, or why it runs none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import anyio
import pytest

from contracts.clouds import Bed
from muster.base.errors import Permanent
from muster.model.cloud import Ability
from muster.model.command import MOST_BYTES, Command, Ended, Screen
from muster.model.step import Operation
from muster.ports.commands import Terminal


@pytest.fixture
async def ref(bed: Bed) -> AsyncIterator[str]:
    """A server that runs, in a cloud that runs commands."""
    if bed.cloud.commands is None:
        assert bed.cloud.about.refusal(Ability.EXEC)
        pytest.skip("nothing runs in the servers of this cloud")
    server = await bed.running(bed.order(uuid4()))
    yield server.ref
    await bed.emptied()


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
    ended = await run(bed, ref, "sh", "-c", script, patience_s=4.0)
    assert not ended.in_time
    assert ended.output == b"begun\n"
    assert ended.code != 0


async def test_a_flood_is_cut_and_said_to_be(bed: Bed, ref: str) -> None:
    script = f"head -c {2 * MOST_BYTES} /dev/zero; exit 4"
    ended = await run(bed, ref, "sh", "-c", script)
    assert (len(ended.output), ended.whole, ended.code) == (MOST_BYTES, False, 4)


DEADLINE_S = 120.0


@dataclass
class Sitting:
    """Somebody before a terminal, and what he has seen on it."""

    terminal: Terminal
    seen: bytes = b""
    codes: list[int] = field(default_factory=list)

    async def types(self, keys: str) -> None:
        await self.terminal.type(keys.encode())

    async def sees(self, words: bytes) -> None:
        """Read until these words have shown, and forget what came before them."""
        with anyio.fail_after(DEADLINE_S):
            while words not in self.seen:
                more = await self.terminal.printed()
                assert more, (words, self.seen)
                self.seen += more
        self.seen = self.seen.partition(words)[2]

    async def ends(self) -> int:
        """Return how it ended by itself."""
        with anyio.fail_after(DEADLINE_S):
            while more := await self.terminal.printed():
                self.seen += more
            self.codes.append(await self.terminal.hang_up())
        return self.codes[0]


@asynccontextmanager
async def sitting(bed: Bed, ref: str, *words: str, **but: Any) -> AsyncIterator[Sitting]:
    assert bed.cloud.commands
    screen = but.pop("screen", Screen())
    terminal = await bed.cloud.commands.open_terminal(ref, Command(words=words, **but), screen)
    it = Sitting(terminal)
    yield it
    if not it.codes:
        with anyio.fail_after(DEADLINE_S):
            await terminal.hang_up()


async def test_a_program_at_a_terminal_is_talked_to_and_ends_as_it_likes(
    bed: Bed, ref: str
) -> None:
    script = "test -t 0 && test -t 1 && echo sits; read x; echo got=$x; exit 5"
    async with sitting(bed, ref, "sh", "-c", script) as it:
        await it.sees(b"sits")
        await it.types("hello\n")
        await it.sees(b"got=hello")
        assert await it.ends() == 5


async def test_the_last_words_are_not_lost_however_many(bed: Bed, ref: str) -> None:
    script = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done; echo last words"
    async with sitting(bed, ref, "sh", "-c", script) as it:
        assert await it.ends() == 0
        assert it.seen.endswith(b"last words\r\n")
        assert it.seen.count(b"\r\n") == 2001


async def test_a_shell_is_interrupted_by_a_key_and_goes_on(bed: Bed, ref: str) -> None:
    async with sitting(bed, ref, "sh", environment={"PS1": "here> "}) as it:
        await it.sees(b"here> ")
        # A key in the moment in which a shell begins a program is lost, so the program says it.
        await it.types("sh -c 'echo be\"\"gun; exec sleep 3217'\n")
        await it.sees(b"begun\r\n")
        await it.types("\x03")
        await it.sees(b"here> ")
        await it.types("echo st''ill\nexit 6\n")
        await it.sees(b"still\r\n")
        assert await it.ends() == 6


async def test_the_screen_is_as_large_as_said_and_may_change(bed: Bed, ref: str) -> None:
    script = "trap 'echo turned; stty size' WINCH; stty size; while :; do sleep 0.1; done"
    screen = Screen(rows=33, columns=99)
    async with sitting(bed, ref, "sh", "-c", script, screen=screen) as it:
        await it.sees(b"33 99")
        await it.terminal.resize(Screen(rows=50, columns=132))
        await it.sees(b"turned")
        await it.sees(b"50 132")


async def test_a_signal_reaches_the_program(bed: Bed, ref: str) -> None:
    script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    async with sitting(bed, ref, "sh", "-c", script) as it:
        await it.sees(b"ready")
        await it.terminal.signal(15)
        assert await it.ends() == 7


async def test_hanging_up_ends_the_program(bed: Bed, ref: str) -> None:
    async with sitting(bed, ref, "sh", "-c", "echo ready; exec sleep 4217") as it:
        await it.sees(b"ready")
        with anyio.fail_after(DEADLINE_S):
            assert await it.terminal.hang_up() != 0
        names = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"
        assert b"sleep 4217" not in (await run(bed, ref, "sh", "-c", names)).output


async def test_a_program_that_is_not_there_ends_as_in_a_shell_at_a_terminal_too(
    bed: Bed, ref: str
) -> None:
    async with sitting(bed, ref, "no-such-program") as it:
        assert await it.ends() == 127


async def test_a_terminal_does_not_hinder_its_instance_from_going(bed: Bed, ref: str) -> None:
    async with sitting(bed, ref, "sh", "-c", "echo ready; exec sleep 5217") as it:
        await it.sees(b"ready")
        await bed.cloud.compute.operate_server(ref, Operation.STOP)
        assert await it.ends() != 0


async def test_nothing_is_run_in_what_does_not_run_or_is_not_ours(bed: Bed, ref: str) -> None:
    assert bed.stranger.commands
    for commands, whom in ((bed.cloud.commands, "never-there"), (bed.stranger.commands, ref)):
        assert commands
        with pytest.raises(Permanent):
            await commands.run_command(whom, Command(words=("true",)))
        with pytest.raises(Permanent):
            await commands.open_terminal(whom, Command(words=("true",)), Screen())
    await bed.cloud.compute.operate_server(ref, Operation.STOP)
    with pytest.raises(Permanent, match="does not run"):
        await run(bed, ref, "true")
