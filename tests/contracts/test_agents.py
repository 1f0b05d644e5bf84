"""What is asked of machines: by their certificate, in their envelope, within the time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from agents import PLAIN, serving, telling
from drivers.pem.made import CERTIFICATE, KEY, NEXT, NEXT_KEY
from fleet import NETWORK, FakeFleet, FakeMachine
from muster.base.certificates import fingerprint
from muster.base.errors import Permanent, Transient
from muster.drivers.agents.https import HttpsAgents
from muster.ports.agent import Agents, Line, Order
from muster.ports.parts import lacking, present

NOWHERE = "https://127.0.0.1:9"


@dataclass
class Yard:
    """One machine that answers, and how to ask it."""

    agents: Agents
    url: str
    machine: FakeMachine
    telling: str = ""  # where it tells by a websocket, if that is elsewhere

    @property
    def line(self) -> Line:
        return Line(url=self.url, certificate=CERTIFICATE)


@asynccontextmanager
async def in_play() -> AsyncIterator[Yard]:
    fleet = FakeFleet()
    machine = fleet.put("https://10.0.0.1:8443", FakeMachine())
    yield Yard(fleet, "https://10.0.0.1:8443", machine)


@asynccontextmanager
async def over_tls() -> AsyncIterator[Yard]:
    machine, agents = FakeMachine(), HttpsAgents(NEXT, NEXT_KEY)
    async with serving(machine) as url, telling(machine) as elsewhere:
        yield Yard(agents, url, machine, elsewhere)
        await agents.close()


Kind = Callable[[], Any]


@pytest.fixture(params=[in_play, over_tls])
async def yard(request: pytest.FixtureRequest) -> AsyncIterator[Yard]:
    kind: Kind = request.param
    async with kind() as made:
        yield made


async def test_it_shows_its_certificate_before_anybody_trusts_it(yard):
    assert fingerprint(await yard.agents.shown(yard.url)) == fingerprint(CERTIFICATE)
    assert yard.machine.told == []


async def test_an_answer_is_what_is_in_its_envelope(yard):
    assert (
        await yard.agents.call(yard.line, Order(path="/os/1.0")) == yard.machine.answers["/os/1.0"]
    )


async def test_an_order_brings_its_body(yard):
    order = Order(path="/os/1.0/services/lvm", method="PUT", body={"config": {"enabled": True}})
    yard.machine.answers[order.path] = {}
    await yard.agents.call(yard.line, order)
    assert (yard.machine.told[-1].method, yard.machine.told[-1].body) == ("PUT", order.body)


async def test_a_machine_hears_under_which_path_it_is_known(yard):
    await yard.agents.call(yard.line, Order(path="/os/1.0", known_as="/1.0/servers/m1/os"))
    await yard.agents.call(yard.line, Order(path="/os/1.0"))
    assert [each.known_as for each in yard.machine.told] == ["/1.0/servers/m1/os", ""]


async def test_a_complaint_is_told_with_its_status(yard):
    with pytest.raises(Permanent, match="not found") as refused:
        await yard.agents.call(yard.line, Order(path="/os/1.0/nothing"))
    assert refused.value.details["status"] == 404


async def test_whoever_shows_another_certificate_is_told_nothing(yard):
    with pytest.raises(Transient):
        await yard.agents.call(Line(url=yard.url, certificate=NEXT), Order(path="/os/1.0"))
    assert yard.machine.told == []


async def test_silence_is_told_as_such_within_the_time(yard):
    yard.machine.silent = True
    with pytest.raises(Transient):
        await yard.agents.call(yard.line, Order(path="/os/1.0", within_s=0.2))
    yard.machine.silent = False
    assert await yard.agents.call(yard.line, Order(path="/os/1.0"))


async def test_a_part_is_read_with_whether_it_waits_to_be_confirmed(yard):
    state = {"configuration_in_process": True}
    yard.machine.answers[NETWORK] = {"config": {"dns": {}}, "state": state}
    there = await present(yard.agents, yard.line, ("system/network", "applications"))
    assert there.state == {"system/network": {"dns": {}}, "applications": ["incus"]}
    assert there.unconfirmed
    with pytest.raises(Permanent, match="it has no services/smb"):
        await present(yard.agents, yard.line, ("services/smb",))


async def test_what_a_machine_lacks_is_told_and_who_does_not_tell_lacks_nothing(yard):
    wanted = ("network", "network.vlan_tags")
    assert await lacking(yard.agents, yard.line, wanted) == {}
    absent = {"can": "absent", "reason": "no 8021q"}
    yard.machine.answers["/os/1.0/capabilities"] = {
        "network": {"can": "emulated", "reason": "x"},
        "network.vlan_tags": absent,
    }
    assert await lacking(yard.agents, yard.line, wanted) == {"network.vlan_tags": "no 8021q"}


async def test_where_nobody_is_nobody_answers(yard):
    with pytest.raises(Transient):
        await yard.agents.shown(NOWHERE)
    with pytest.raises(Transient):
        await yard.agents.call(Line(url=NOWHERE, certificate=CERTIFICATE), Order(path="/os/1.0"))


EVENT = {"type": "lifecycle", "metadata": {"action": "instance-started"}}


async def heard(yard: Yard, line: Line, into: list[Any]) -> None:
    async for each in yard.agents.listen(line, "/1.0/events?type=lifecycle"):
        into.append(each)


async def test_what_is_told_is_heard_until_the_line_breaks(yard):
    for each in (EVENT, None):
        yard.machine.news.put_nowait(each)
    said: list[Any] = []
    with pytest.raises(Transient):
        await heard(yard, Line(url=yard.telling or yard.url, certificate=CERTIFICATE), said)
    assert said == [EVENT]


async def test_where_nobody_is_nobody_is_heard(yard):
    with pytest.raises(Transient):
        await heard(yard, Line(url=NOWHERE, certificate=CERTIFICATE), [])


GARBAGE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("url", "certificate"), [(NOWHERE, ""), (NOWHERE, GARBAGE), ("https://[", CERTIFICATE)]
)
async def test_of_what_is_no_certificate_or_address_nobody_is_heard(yard, url, certificate):
    with pytest.raises(Transient):
        await heard(yard, Line(url=url, certificate=certificate), [])


async def test_a_machine_that_does_not_know_us_says_so():
    machine = FakeMachine()
    async with serving(machine) as url:
        agents = HttpsAgents(CERTIFICATE, KEY)
        with pytest.raises((Permanent, Transient)):
            await agents.call(Line(url=url, certificate=CERTIFICATE), Order(path="/os/1.0"))
        await agents.close()
    assert machine.told == []


async def test_who_speaks_no_envelope_is_no_agent():
    async with serving(FakeMachine()) as url:
        agents = HttpsAgents(NEXT, NEXT_KEY)
        with pytest.raises(Permanent, match="no agent answers there"):
            await agents.call(Line(url=url, certificate=CERTIFICATE), Order(path=PLAIN))
        await agents.close()
