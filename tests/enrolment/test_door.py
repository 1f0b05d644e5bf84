"""The door: who is let in, what he gets, and how often somebody may be wrong."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from enrolment.doors import DOORWAY, TOKEN, Machine, Servers, password_of, string_of
from muster.base.errors import Conflict, Forbidden, NotFound, TooOften
from muster.model.enrolment import PASSWORD_ID, Seat
from muster.ports.store import Query
from muster.service.enrolment import ways
from muster.service.enrolment.door import Door
from office import Office, opened


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as made:
        made.desk = replace(made.desk, doorway=DOORWAY)
        yield made


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def door(office: Office, servers: Servers) -> Door:
    return Door(office.desk, servers, servers.welcome)


def _forgiven(tx, way):
    return replace(tx.enrolments.get(way), tries=0, tried_at=None)


async def told(office: Office) -> list[tuple[str, str]]:
    found = await office.desk.store.read(lambda tx: tx.events.find(Query()))
    return [(each.kind, each.oname) for each in found if each.kind.startswith("member.")]


async def test_a_machine_that_knows_the_password_gets_what_it_joins_with(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    machine = Machine(door, way, "correct horse")
    grant = await machine.join()
    assert grant["token"] == TOKEN
    assert grant["own"] == [
        {"entity": "storage-pool", "name": "local", "key": "source", "value": ""}
    ]
    await machine.tell("joined")
    assert servers.admitted == ["m2"]
    assert servers.welcomed == 1
    assert await told(office) == [("member.joined", "m2")]


async def test_a_password_lets_any_number_in(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    for number in (2, 3):
        name, address = f"m{number}", f"10.0.0.{number}:8443"
        await Machine(door, way, "correct horse", name, address, f"word {number}").join()
    assert servers.admitted == ["m2", "m3"]


async def test_a_wrong_password_brings_nothing_and_is_told_of(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    with pytest.raises(Forbidden, match="wrong password"):
        await Machine(door, way, "battery staple").join()
    assert servers.admitted == []
    assert await told(office) == [("member.refused", "")]


async def test_whoever_is_wrong_again_and_again_has_to_wait_longer_each_time(office, door):
    way = await password_of(office.desk, "correct horse")
    waits = []
    for _ in range(6):
        with pytest.raises((Forbidden, TooOften)) as refused:
            await Machine(door, way, "battery staple").join()
        if isinstance(refused.value, TooOften):
            waits.append(refused.value.details["retry_after_s"])
            office.clock.advance(waits[-1])
    assert waits == [15.0, 30.0]  # the third try, and one after each wait


async def test_no_more_than_five_tries_are_taken_in_a_minute(office, door):
    way = await password_of(office.desk, "correct horse")
    taken = 0
    for _ in range(60):
        try:
            await Machine(door, way, "battery staple").meet()
            taken += 1
        except TooOften:
            office.clock.advance(1)
    assert taken <= 5


async def test_a_meeting_that_nobody_goes_on_with_counts_as_a_try(office, door):
    way = await password_of(office.desk, "correct horse")
    for _ in range(3):
        await Machine(door, way, "battery staple").meet()
    with pytest.raises(TooOften):
        await Machine(door, way, "correct horse").meet()


async def test_who_is_right_after_all_begins_with_a_clean_sheet(office, door):
    way = await password_of(office.desk, "correct horse")
    for _ in range(2):
        with pytest.raises(Forbidden):
            await Machine(door, way, "battery staple").join()
    await Machine(door, way, "correct horse").join()
    for _ in range(3):
        await Machine(door, way, "battery staple").meet()


async def test_a_string_lets_one_machine_in(office, door, servers):
    string = await string_of(office.desk)
    await Machine(door, string.id, string.secret).join()
    other = Machine(door, string.id, string.secret, "m3", "10.0.0.3:8443", "another word")
    with pytest.raises(Forbidden, match="has been used by 'm2'"):
        await other.join()
    assert servers.admitted == ["m2"]


async def test_the_machine_that_used_a_string_can_begin_again_with_it(office, door, servers):
    string = await string_of(office.desk)
    await Machine(door, string.id, string.secret).join()
    await Machine(door, string.id, string.secret).join()
    assert servers.admitted == ["m2", "m2"]


async def test_a_string_expires(office, door, servers):
    string = await string_of(office.desk, minutes=20)
    office.clock.advance(20 * 60)
    with pytest.raises(Forbidden, match="expired"):
        await Machine(door, string.id, string.secret).join()
    assert servers.admitted == []


async def test_a_string_for_one_machine_does_not_do_for_another(office, door):
    string = await string_of(office.desk, "m7")
    with pytest.raises(Conflict, match="for machine 'm7'"):
        await Machine(door, string.id, string.secret).join()
    await Machine(door, string.id, string.secret, "m7").join()


async def test_a_string_that_was_taken_back_lets_nobody_in(office, door):
    string = await string_of(office.desk)
    await (await ways.removal(office.desk, str(string.id))).do()
    with pytest.raises(Forbidden, match="no such string"):
        await Machine(door, string.id, string.secret).join()


async def test_no_password_was_set_is_said(office, door):
    with pytest.raises(Forbidden, match="no password"):
        await Machine(door, PASSWORD_ID, "anything").join()


async def test_what_was_said_once_is_not_taken_again(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    machine = Machine(door, way, "correct horse")
    await machine.meet()
    sealed = machine.request()
    await door.join(machine.session, sealed)
    with pytest.raises(Forbidden):
        await door.join(machine.session, sealed)
    assert servers.admitted == ["m2"]


async def test_what_was_said_to_another_session_is_not_taken(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    one, other = Machine(door, way, "correct horse"), Machine(door, way, "correct horse")
    await one.meet()
    await other.meet()
    with pytest.raises(Forbidden):
        await door.join(other.session, one.request())
    assert servers.admitted == []


async def test_somebody_in_between_with_another_certificate_gets_nowhere(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    with pytest.raises(Forbidden, match="stands between"):
        await Machine(door, way, "correct horse", sees="cd" * 32).join()
    assert servers.admitted == []


async def test_what_was_stolen_from_the_database_lets_nobody_in(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    kept = (await office.desk.store.read(lambda tx: tx.enrolments.get(way))).kept
    thief = Machine(door, way, "correct horse")
    await thief.meet()
    thief.key = bytes.fromhex(kept)
    with pytest.raises(Forbidden):
        await door.join(thief.session, thief.request())
    assert servers.admitted == []


async def test_neither_rows_nor_traffic_hold_a_secret(office, door):
    way = await password_of(office.desk, "correct horse")
    string = await string_of(office.desk)
    one, other = "second-of-three", "third-of-three"  # by chance no cipher spells that
    machines = [
        Machine(door, way, "correct horse", one),
        Machine(door, string.id, string.secret, other, "10.0.0.3:8443", "another word"),
    ]
    for machine in machines:
        await machine.join()
    rows = await office.desk.store.read(lambda tx: tx.enrolments.find(Query()))
    seen = b"".join(each for machine in machines for each in machine.traffic)
    words = ["correct horse", string.secret, TOKEN, *(m.key.hex() for m in machines)]
    words += [*(m.attempt for m in machines), *(m.name for m in machines)]
    assert [word for word in words if word.encode() in seen] == []
    assert [word for word in words[:5] if word in str(rows)] == []
    assert all(machine.key not in seen for machine in machines)


@pytest.mark.parametrize(
    ("name", "address", "why"),
    [
        ("m1", "10.0.0.1:8443", "is a member already"),
        ("m1", "10.0.0.2:8443", "call this machine otherwise"),
        ("m2", "10.0.0.1:8443", "is that of member 'm1'"),
        ("Not A Name", "10.0.0.2:8443", "is called by"),
    ],
)
async def test_whoever_cannot_be_let_in_is_told_why_and_keeps_the_string(
    office, door, servers, name, address, why
):
    string = await string_of(office.desk)
    with pytest.raises(Conflict, match=why):
        await Machine(door, string.id, string.secret, name, address).join()
    assert servers.admitted == []
    await Machine(door, string.id, string.secret).join()


async def test_what_an_earlier_try_left_is_cleared_away_first(office, door, servers):
    servers.there.append(Seat(name="m2", address="10.0.0.2:8443", well=False))
    string = await string_of(office.desk)
    await Machine(door, string.id, string.secret).join()
    assert (servers.withdrawn, servers.admitted) == (["m2"], ["m2"])


async def test_of_a_joining_that_failed_nothing_is_left(office, door, servers):
    string = await string_of(office.desk)
    machine = Machine(door, string.id, string.secret)
    await machine.join()
    await machine.tell("failed", "no room")
    assert servers.withdrawn == ["m2"]
    assert servers.welcomed == 0
    assert await told(office) == [("member.failed", "m2")]


async def test_who_was_not_let_in_has_nothing_to_tell(office, door, servers):
    way = await password_of(office.desk, "correct horse")
    machine = Machine(door, way, "correct horse")
    await machine.meet()
    with pytest.raises(Forbidden):
        await machine.tell("failed")
    assert servers.withdrawn == []


async def test_a_meeting_is_over_after_a_while(office, door):
    way = await password_of(office.desk, "correct horse")
    machine = Machine(door, way, "correct horse")
    await machine.meet()
    office.clock.advance(31)
    with pytest.raises(NotFound, match="begin again"):
        await door.join(machine.session, machine.request())


async def test_callers_who_never_go_on_fill_no_memory(office, door):
    way = await password_of(office.desk, "correct horse")
    first = Machine(door, way, "correct horse")
    await first.meet()
    door.room = 3
    for _ in range(door.room):
        await door.desk.store.write(lambda tx: tx.enrolments.put(_forgiven(tx, way)))
        await Machine(door, way, "correct horse").meet()
    with pytest.raises(NotFound):
        await door.join(first.session, first.request())
