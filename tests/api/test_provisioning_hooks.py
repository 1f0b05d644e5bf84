"""Rounds over servers that tell hooks: before each server, and after it, whatever became of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from muster.base.errors import Permanent, Transient
from muster.model.server_job import Entry
from muster.ports.store import Query
from yard import HERE, Yard, opened_yard

C1 = f"{HERE}/c1"
BEFORE, AFTER = "https://hooks.example/before", "https://hooks.example/after"


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with opened_yard(tmp_path) as made:
        yield made


class Ears:
    """A hook that hears everything, and can say no."""

    def __init__(self, metals: Any) -> None:
        self.heard: list[Any] = []
        self.tokens: list[Any] = []
        self.fault: Exception | None = None
        self._metals = metals

    async def send(self, url: str, token: Any, body: Any) -> None:
        self.tokens.append(token)
        if self.fault:
            raise self.fault
        reboots = self._metals[body["server"]].reboots
        self.heard.append((url, body["server"], body["operation"], reboots, body.get("done")))

    async def post(self, question: Any) -> None:
        raise AssertionError("nobody asks this here")


async def hooked(yard: Yard, *names: str) -> Ears:
    await yard.create(*names)
    await yard.go_on()
    rolling = {"hook_before": BEFORE, "hook_after": AFTER, "post_restore_delay": "1m"}
    await yard.ask("PUT", C1, {"config": {"rolling_restart": rolling}}, 201)
    ears = Ears(yard.fleet.metals)
    yard.office.engine.site.hooks = ears
    return ears


async def test_hooks_are_told_before_each_server_and_after_it(yard):
    ears = await hooked(yard, "m1", "m2")
    await yard.ask("POST", f"{C1}/:reboot", {})
    assert (await yard.go_on())["job"]["status"] == "done"
    assert ears.heard == [
        (BEFORE, "m1", "reboot", 0, None),
        (AFTER, "m1", "reboot", 1, True),
        (BEFORE, "m2", "reboot", 0, None),
        (AFTER, "m2", "reboot", 1, True),
    ]


async def test_hooks_are_told_of_updates_and_of_no_reboot_that_is_not_needed(yard):
    ears = await hooked(yard, "m1")
    there = yard.fleet.metals["m1"]

    def needs_none(when, metal, order):
        if when == "after" and order.path.endswith(":check"):
            there.state["needs_reboot"] = False

    yard.fleet.meanwhile = needs_none
    await yard.ask("POST", f"{C1}/:update", {"reboot": True, "force": True})
    shown = await yard.go_on()
    assert (shown["job"]["status"], there.reboots) == ("done", 0)
    assert [each[:3] for each in ears.heard] == [(BEFORE, "m1", "update"), (AFTER, "m1", "update")]


async def test_a_hook_that_says_later_is_asked_again_the_same_question(yard):
    ears = await hooked(yard, "m1", "m2")
    ears.fault = Transient("the hook at https://hooks.example answered 503")
    await yard.ask("POST", f"{C1}/:reboot", {})
    shown = await yard.go_on(looks=4)
    assert shown["job"]["steps"][0]["reason"].endswith("answered 503")
    ears.fault = None
    assert (await yard.go_on())["job"]["status"] == "done"
    assert len(ears.tokens) > len(set(ears.tokens)) == 4


@pytest.mark.parametrize("ends", [False, True])
async def test_a_hook_that_says_no_stops_the_round_before_anything_leaves(yard, ends):
    ears = await hooked(yard, "m1", "m2")
    ears.fault = Permanent("the hook at https://hooks.example answered 409")
    await yard.ask("POST", f"{C1}/:reboot", {})
    shown = await yard.go_on()
    assert (shown["job"]["status"], "answered 409" in shown["job"]["reason"]) == ("stopped", True)
    assert yard.fleet.metals["m1"].union.members == {"m1": "Online", "m2": "Online"}
    ears.fault = None
    if ends:
        await yard.ask("POST", f"{C1}/:cancel-operation")
        await yard.go_on()
        assert ears.heard == []  # nobody has agreed to anything
    else:
        await yard.ask("POST", f"{C1}/:resume")
        assert (await yard.go_on())["job"]["status"] == "done"


async def test_a_hook_hears_of_the_end_although_the_round_is_given_up(yard):
    ears = await hooked(yard, "m1", "m2")
    yard.fleet.metals["m1"].refuses = frozenset({"/os/1.0/system/:reboot"})
    await yard.ask("POST", f"{C1}/:reboot", {})
    assert (await yard.go_on())["job"]["status"] == "stopped"
    await yard.ask("POST", f"{C1}/:cancel-operation")
    shown = await yard.go_on()
    assert ears.heard == [(BEFORE, "m1", "reboot", 0, None), (AFTER, "m1", "reboot", 0, False)]
    assert shown["job"]["status"] == "done"


async def test_a_hook_shows_no_password(yard):
    await yard.create("m1")
    await yard.go_on()
    rolling = {"hook_before": "https://me:secret@hooks.example/"}
    told = await yard.ask("PUT", C1, {"config": {"rolling_restart": rolling}}, 400)
    assert "with no user in it" in told


@pytest.mark.parametrize("at_first", [True, False])
async def test_whether_a_server_has_to_reboot_is_asked_once_for_all_that_is_done_to_it(
    yard, at_first
):
    ears = await hooked(yard, "m1", "m2")
    metal = yard.fleet.metals["m1"]
    await yard.ask("POST", f"{C1}/:update", {"reboot": True})

    while not all(each.status == "done" for each in await entries(yard) if each.of_update):
        await yard.go_on(looks=1)
    metal.state["needs_reboot"] = at_first
    ears.heard.clear()
    while not any("needed" in each.kept for each in await entries(yard) if not each.of_update):
        await yard.go_on(looks=1)
    metal.state["needs_reboot"] = not at_first
    assert (await yard.go_on())["job"]["status"] == "done"
    told = [each[0] for each in ears.heard if each[1] == "m1"]
    assert (metal.reboots, told) == ((1, [BEFORE, AFTER]) if at_first else (0, []))


async def entries(yard: Yard) -> tuple[Entry, ...]:
    [cluster] = await yard.office.desk.store.read(lambda tx: tx.server_clusters.find(Query()))
    assert cluster.job is not None
    return cluster.job.entries
