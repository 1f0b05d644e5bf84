"""Configurations are read from JSON and shown as JSON, but for what is secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from muster.agent.keeper import Keeper
from muster.agent.machine import Machine
from muster.agent.memory import STATE
from muster.agent.noun import Noun
from muster.agent.runner import RecordingRunner
from muster.agent.said import read, ruled, unmasked, written
from muster.agent.steps import Put
from muster.base.errors import Invalid


@dataclass(frozen=True, slots=True)
class Door:
    name: str = ruled("", pattern="[a-z]+")
    password: str = ruled("", secret=True)
    keys: Mapping[str, str] = ruled(None, secret=True)


@dataclass(frozen=True, slots=True)
class House:
    doors: tuple[Door, ...] = ()


SAID = {"doors": [{"name": "front", "password": "sesame"}]}
DIGEST = sha256(b"sesame").hexdigest()


def test_a_secret_is_shown_as_its_digest() -> None:
    assert written(read(House, SAID), masked=True) == {
        "doors": [{"name": "front", "password": {"set": True, "sha256": DIGEST}}]
    }


def test_secrets_by_name_are_shown_each_as_its_digest() -> None:
    house = read(House, {"doors": [{"keys": {"admin": "sesame"}}]})
    shown = written(house, masked=True)
    assert shown == {"doors": [{"keys": {"admin": {"set": True, "sha256": DIGEST}}}]}
    assert read(House, unmasked(shown, house)) == house


def test_what_was_shown_can_be_put_back_with_another_line() -> None:
    old = read(House, SAID)
    shown = written(old, masked=True)
    shown["doors"].insert(0, {"name": "back"})
    new = read(House, unmasked(shown, old))
    assert [(each.name, each.password) for each in new.doors] == [("back", ""), ("front", "sesame")]


def test_a_digest_that_nobody_knows_is_refused_by_its_field() -> None:
    said = {"doors": [{"password": {"set": True, "sha256": "0" * 64}}]}
    with pytest.raises(Invalid, match=r"config\.doors\[0\]\.password: must be text"):
        read(House, unmasked(said, read(House, SAID)))


def test_what_is_no_secret_cannot_be_had_by_its_digest() -> None:
    """Else whoever may put could learn by trying what is not shown; and it means nothing."""
    said = {"doors": [{"name": {"set": True, "sha256": sha256(b"front").hexdigest()}}]}
    with pytest.raises(Invalid, match=r"config\.doors\[0\]\.name: must be text"):
        read(House, unmasked(said, read(House, SAID)))


def test_a_secret_is_on_disk_for_root_alone(tmp_path: Path) -> None:
    machine = Machine(RecordingRunner(), tmp_path)
    noun: Noun[House] = Noun(
        "system/house",
        House,
        lambda config, seen: [Put("/etc/house", each.password) for each in config.doors],
    )
    keeper = Keeper(machine, {noun.name: noun})
    keeper.start()
    keeper.put(noun.name, SAID)
    assert machine.text("/etc/house") == "sesame"
    assert machine.place(STATE).stat().st_mode & 0o777 == 0o600


def test_who_takes_a_change_back_has_seen_masks_alone_and_the_secret_is_there_again(
    tmp_path: Path,
) -> None:
    machine = Machine(RecordingRunner(), tmp_path)
    noun: Noun[House] = Noun(
        "system/house",
        House,
        lambda config, seen: [Put("/etc/house", each.password) for each in config.doors],
    )
    keeper = Keeper(machine, {noun.name: noun})
    keeper.start()
    keeper.put(noun.name, SAID)
    before = written(keeper.config(noun.name), masked=True)
    keeper.put(noun.name, {"doors": [{"name": "front", "password": "other"}]})
    keeper.put(noun.name, before)
    assert machine.text("/etc/house") == "sesame"

    keeper.put(noun.name, {})
    keeper.forget()
    assert "sesame" not in str(machine.text(STATE))
    with pytest.raises(Invalid, match="must be text"):
        keeper.put(noun.name, before)


def test_a_fault_does_not_repeat_a_secret() -> None:
    @dataclass(frozen=True, slots=True)
    class Strict:
        pin: str = ruled("", pattern="[0-9]+", secret=True)

    with pytest.raises(Invalid) as caught:
        read(Strict, {"pin": "sesame"})
    assert "sesame" not in caught.value.text
