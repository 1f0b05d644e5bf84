"""Evacuating and restoring, as Incus really answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from builders import NOW
from machines import a_clusterable_machine, a_server_cluster
from metal import MetalFleet
from muster.base.errors import Permanent, Transient
from muster.decide.server_clusters.jobs import Came
from muster.engine.server_jobs import caring, leaving
from muster.engine.server_jobs.scene import OVER, Scene
from muster.model.server_job import Entry, Verb
from muster.ports.agent import Line, Order

BEGUN = {"class": "task", "id": "9", "status_code": 103}


@dataclass
class Moved(MetalFleet):
    """Servers whose operations are not found when their end is asked for."""

    status: str = "Evacuated"
    asked: int = 0

    def __post_init__(self) -> None:
        super().__init__(1)

    async def call(self, line: Line, order: Order) -> object:
        if order.path.startswith("/1.0/operations/"):
            raise Permanent("Instance not found", status=404)
        if order.path.endswith("/state"):
            self.asked += 1
            return BEGUN
        return {"status": self.status} if "members" in order.path else {}


async def after(fleet: Moved, verb: Verb, do: Callable[..., object]) -> Came:
    """Return what came of a step that is taken until it waits no more."""
    scene = Scene(
        agents=fleet,
        cluster=a_server_cluster(),
        machines={"m1": a_clusterable_machine()},
        entry=Entry(verb=verb, server="m1"),
        now=NOW,
    )
    for _ in range(20):
        came = await do(scene)
        if not came.waits_s:
            return came
        kept = {**scene.entry.kept, **came.kept}
        scene = replace(scene, entry=replace(scene.entry, kept=kept))
    raise AssertionError("it waits for ever")


@pytest.mark.parametrize("status", ["Evacuated", "Online"])
async def test_what_is_not_found_is_over_if_it_is_so_and_else_begun_again(status):
    fleet = Moved(status=status)
    assert await after(fleet, Verb.EVACUATE, caring.evacuate) == (
        OVER if status == "Evacuated" else Came(refused="Instance not found", final=True)
    )
    assert fleet.asked == (0 if status == "Evacuated" else 3)


async def test_a_restoring_that_lost_an_instance_on_its_way_is_begun_again_a_few_times():
    fleet = Moved(status="Evacuated")
    came = await after(fleet, Verb.RESTORE, caring.restore)
    assert (came.refused, came.final, fleet.asked) == ("Instance not found", True, 3)


@dataclass
class Slow(Moved):
    """Servers whose operations take longer than anybody waits for them in one call."""

    looks: int = 0

    async def call(self, line: Line, order: Order) -> object:
        if "/wait" in order.path:
            raise Permanent("context deadline exceeded", status=500)
        if order.path.startswith("/1.0/operations/"):
            self.looks += 1
            return {**BEGUN, "status_code": 103 if self.looks < 3 else 200}
        return await super().call(line, order)


async def test_what_takes_longer_than_it_is_waited_for_has_not_failed():
    fleet = Slow(status="Evacuated")
    assert await after(fleet, Verb.RESTORE, caring.restore) == OVER
    assert (fleet.asked, fleet.looks) == (1, 3)


@dataclass
class Starting(Moved):
    """Servers whose agents are back before their Incus is, and whom the others never missed."""

    left: int = 2

    async def call(self, line: Line, order: Order) -> object:
        if order.path == "/os/1.0":
            return {"environment": {"uptime": 1.0, "system_is_ready": True}}
        if order.path == "/1.0" and line.url == a_clusterable_machine().connection_url:
            self.left -= 1
            if self.left >= 0:
                raise Permanent("Incus does not answer", status=500)
        return {"status": "Online"}


async def test_a_server_has_rebooted_when_its_own_incus_answers():
    fleet = Starting()
    entry = Entry(
        verb=Verb.REBOOT, server="m1", kept={"ordered": True, "was_up_s": 9e4}, begun_at=NOW
    )
    one = a_clusterable_machine()
    machines = {"m1": one, "m2": replace(a_clusterable_machine(2), cluster="c1")}
    scene = Scene(agents=fleet, cluster=a_server_cluster(), machines=machines, entry=entry, now=NOW)
    for _ in range(2):
        came = await caring.reboot(scene)
        assert (came.waits_s > 0, came.waits_for) == (True, "Incus does not answer")
    assert await caring.reboot(scene) == OVER


@dataclass
class Waiting(Moved):
    """Servers whose agents answer, and whose Incus waits for members that are gone."""

    reset: bool = False

    async def call(self, line: Line, order: Order) -> object:
        if not order.path.startswith("/os/"):
            raise Transient("no answer within 5 s")
        self.reset = self.reset or order.path.endswith(":factory-reset")
        return {}


async def test_a_server_is_reset_whose_incus_waits_for_others():
    fleet = Waiting()
    scene = Scene(
        agents=fleet,
        cluster=a_server_cluster(),
        machines={"m1": a_clusterable_machine(owes_reset="it is being reset")},
        entry=Entry(verb=Verb.RESET, server="m1", kept={"token": "t"}, begun_at=NOW),
        now=NOW,
    )
    assert (await leaving.reset(scene), fleet.reset) == (OVER, True)
