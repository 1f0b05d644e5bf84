"""What a testbed is: in use or not, and members that are reached at their own interface only."""

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.incus.scripted import Scripted, refused, told
from testbed.incus import fabric, rest
from testbed.incus.place import PORT, Place, address, lacking, run
from testbed.stale import held, is_stale

GONE = str(2**22 + 1)  # no process has so high a number


def test_a_testbed_in_use_is_left_alone(tmp_path):
    base = tmp_path / "bed"
    with held(base):
        assert not is_stale(base, str(os.getpid()))


def test_a_testbed_whose_run_was_killed_is_stale_even_if_its_number_lives_on(tmp_path):
    base = tmp_path / "bed"
    (tmp_path / "bed.held").touch()  # as left by somebody who was killed
    assert is_stale(base, str(os.getpid()))
    assert is_stale(base, GONE)


def test_a_testbed_of_an_earlier_kind_is_judged_by_its_number(tmp_path):
    assert not is_stale(tmp_path / "bed", str(os.getpid()))
    assert is_stale(tmp_path / "bed", GONE)


async def test_a_question_is_put_again_while_there_is_no_leader_and_a_wish_is_not(tmp_path) -> None:
    incus, door = Scripted(), tmp_path / "socket"
    server = await asyncio.start_unix_server(incus.serve, door)
    away = (500, refused("no available leader", 500))
    for line in ("GET /1.0/instances", "PUT /1.0/instances/one"):
        incus.says(line, away, away, told(["one"]))
    asked = asyncio.to_thread(rest.call, door, "GET", "/1.0/instances")
    assert await asked == ["one"]
    with pytest.raises(RuntimeError, match="no available leader"):
        await asyncio.to_thread(rest.call, door, "PUT", "/1.0/instances/one", {})
    with pytest.raises(RuntimeError, match="not found"):
        await asyncio.to_thread(rest.call, door, "GET", "/1.0/instances/two")
    assert len(incus.requests) == 5
    server.close()


def test_a_member_answers_for_its_address_at_the_interface_that_has_it(tmp_path: Path) -> None:
    """Else it would be reached by another one, until that is taken down."""
    if why := lacking():
        pytest.skip(why)
    place = Place(base=tmp_path, name=f"mt{os.getpid()}arp")
    fabric.lay(place, ["m1"])
    try:
        assert found(place)
        fabric.cut(place, "m1")
        run("ip", "-n", place.fabric, "neigh", "flush", "dev", "fab0")
        assert not found(place)
    finally:
        fabric.take_up(place)


def found(place: Place) -> bool:
    """Return whether anybody there has said that the member's address is theirs."""
    with fabric.entered(place), socket.socket() as line, suppress(OSError):
        line.settimeout(1)
        line.connect((address("m1"), PORT))  # where nobody listens
    known = run("ip", "-n", place.fabric, "neigh", "show", "to", address("m1"))
    return "lladdr" in known
