"""Virtual clusters on real Incus members: on their hosts, attached, usable, and gone again."""

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.test_chaos import SEED
from chaos.test_vclusters import WHERE, at_rest, claims, play, wanted
from house import House, later, until
from incus_disks import called_so, note, volumes, written_through
from incus_service import beside, instances
from muster.client.http import ApiError, Session
from testbed.incus import machine
from testbed.incus.place import Place
from vclusters import body, one_key, repeated, rule, server, volume

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

KILLS = int(os.environ.get("CHAOS_KILLS", "5"))
FORMS: dict[str, Callable[[Any], str]] = {"list": json.dumps, "keys": repeated, "key": one_key}


@pytest.fixture
def place(incus_testbeds: Callable[[int], Place]) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place: Place, tmp_path: Path) -> Iterator[House]:
    with beside(place, tmp_path / "home") as made:
        yield made


def small(name: str, *names: str) -> dict[str, Any]:
    """Return a use case of the blueprint: data servers of these names, each with its volume."""
    things = [each for n in names for each in (server(n), volume(f"{n}-vol", 1))]
    rules = [rule("affinity", n, f"{n}-vol") for n in names]
    if len(names) > 1:
        rules.append(rule("anti-affinity", *names))
        rules.append(rule("anti-affinity", *(f"{n}-vol" for n in names)))
    return body(things, rules, name=name, cloud="site")


def shown(session: Session, name: str) -> dict[str, Any]:
    found: dict[str, Any] = session.call("GET", f"{WHERE}/{name}")["vcluster"]
    return found


def whole(session: Session, name: str) -> bool:
    found = shown(session, name)
    assert found["status"] in ("CREATING", "ACTIVE"), found
    return found["status"] == "ACTIVE"


def test_the_use_cases_of_the_blueprint_come_to_be_in_every_form(it: House, place: Place) -> None:
    asked = {f"one-{form}": small(f"one-{form}", "db") for form in FORMS}
    asked |= {f"two-{form}": small(f"two-{form}", "db-1", "db-2") for form in FORMS}
    with it.session() as session:
        for name, said in asked.items():
            content = FORMS[name.partition("-")[2]](said).encode()
            session.call("POST", WHERE, content)
        until(lambda: all(whole(session, name) for name in asked), 180, "all are there")
        made, disks = instances(place), volumes(place)
        for name in asked:
            found = shown(session, name)
            assert {each["state"] for each in found["groupings"]} == {"satisfied"}
            hosts = {each["name"]: each["host"] for each in found["instances"]}
            for each in found["instances"]:
                called = f"{name}-{each['name']}"
                if each["type"] == "server":
                    assert called_so(made, called)["location"] == each["host"]
                else:
                    assert disks[called]["location"] == each["host"]
                    assert each["host"] == hosts[each["attached_to"]]
            if name.startswith("two"):
                assert hosts["db-1"] != hosts["db-2"]
        written_through(place, "two-keys-db-1", disks["two-keys-db-1-vol"])
        for name in asked:
            session.call("DELETE", f"{WHERE}/{name}")
        until(lambda: not instances(place) and not volumes(place), 180, "nothing is left")
        until(lambda: not session.call("GET", WHERE)["vclusters"], 180, "no record is left")


def test_one_that_has_to_move_takes_along_what_it_has(it: House, place: Place) -> None:
    """On a member of its own from then on; what was written on its volume is there again."""
    near = [rule("affinity", "a", "a-vol"), rule("affinity", "a", "b", name="near")]
    said = body(
        [server("a"), volume("a-vol", 1), server("b"), volume("b-vol", 1, attach_to="b")],
        near,
        name="moving",
        cloud="site",
    )
    part = {"remove_groupings": ["near"], "groupings": [rule("anti-affinity", "a", "b")]}
    with it.session() as session:
        session.call("POST", WHERE, said)
        until(lambda: whole(session, "moving"), 180, "it is there")
        before = {each["name"]: each["host"] for each in shown(session, "moving")["instances"]}
        written_through(place, "moving-b", volumes(place)["moving-b-vol"])
        written_through(place, "moving-a", volumes(place)["moving-a-vol"])
        with pytest.raises(ApiError) as refused:
            session.call("PATCH", f"{WHERE}/moving", {"vcluster": part})
        assert refused.value.status == 409
        session.call("PATCH", f"{WHERE}/moving", {"vcluster": {**part, "allow_moves": True}})
        until(lambda: shown(session, "moving")["status"] == "ACTIVE", 180, "it has moved")
        found = shown(session, "moving")
        after = {each["name"]: each["host"] for each in found["instances"]}
        [(one, disk)] = [(n, f"{n}-vol") for n in "ab" if after[n] != before[n]]
        assert after["a"] != after["b"]
        assert after[one] == after[disk]
        assert found["status_reason"] == "it is there, whole"
        kept, lies = called_so(instances(place), f"moving-{one}"), volumes(place)[f"moving-{disk}"]
        assert (kept["location"], lies["location"]) == (after[one], after[disk])
        assert note(place, lies) == "kept\n"
        written_through(place, f"moving-{one}", lies)
        session.call("DELETE", f"{WHERE}/moving")
        until(lambda: not instances(place) and not volumes(place), 180, "nothing is left")


def test_a_member_that_dies_while_it_is_made_has_all_of_it_taken_back(
    it: House, place: Place
) -> None:
    """It cannot be elsewhere; and what the member has of it when it is back goes, too."""
    said = small("dying", "db-1", "db-2")
    said["vcluster"]["instances"][0]["spec"]["availability_zone"] = "z2"
    with it.session() as session:
        session.call("POST", WHERE, said)
        machine.crash(place, "m2")
        try:
            until(lambda: shown(session, "dying")["status"] != "CREATING", 180, "it is given up")
            assert shown(session, "dying")["status"] in ("ROLLING_BACK", "ERROR")
        finally:
            machine.boot(place, "m2")
        until(lambda: shown(session, "dying")["status"] == "ERROR", 180, "it is taken back")
        assert "cannot be made" in shown(session, "dying")["status_reason"]
        until(lambda: not standing(place), 180, "nothing is left on any member")
    it.stop()
    assert claims(it) == []
    it.start()


@pytest.mark.chaos
def test_killed_at_some_moments_they_are_whole_or_nothing(it: House, place: Place) -> None:
    """`CHAOS_KILLS` sets at how many, `CHAOS_SEED` plays one game again."""
    print(f"played with CHAOS_SEED={SEED} CHAOS_KILLS={KILLS}")
    dice = random.Random(SEED)
    with it.session() as session:
        for number in range(KILLS):
            cut = later(dice.uniform(0.2, 4.0), it.kill)
            for turn in range(4):
                play(session, dice, 10 * number + turn, cloud="site")
            cut.join()
            it.start()
        rows = until(lambda: at_rest(session), 400, "all is at rest")
        until(lambda: standing(place) == wanted(rows), 180, "there is what is recorded, no more")
        print(f"at rest: {[each['status'] for each in rows]}, {len(wanted(rows))} things there")
    it.stop()
    assert set(claims(it)) == set(wanted(rows))
    it.start()
    with it.session() as session:
        for each in session.call("GET", WHERE)["vclusters"]:
            session.call("DELETE", f"{WHERE}/{each['id']}")
        until(lambda: not session.call("GET", WHERE)["vclusters"], 180, "no record is left")
    until(lambda: not standing(place), 180, lambda: standing(place))


def standing(place: Place) -> dict[str, str]:
    """Return on which member everything of ours is, by its id.

    What is on a member that is just back is called by its name: more is not told of it.
    """
    things = (*instances(place).values(), *volumes(place).values())
    return {_id(each): each["location"] for each in things}


def _id(thing: dict[str, Any]) -> str:
    config = thing["config"] or {}
    marks = (config.get(f"user.muster.{each}") for each in ("volume", "server"))
    return next((str(each) for each in marks if each), str(thing["name"]))
