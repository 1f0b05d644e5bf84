"""What is said to `muster init` by options and files, and what the journal keeps of it."""

import stat
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from muster.base.errors import Conflict, Invalid
from muster.model.enrolment import JoinString
from muster.model.founding import Role, Step, Wish
from muster.wiring.init.asked import Said, password_of, preseed, with_port, without_asking
from muster.wiring.init.journal import Journal, alone

OWN = ("10.0.0.2", "192.168.1.2")
STRING = JoinString(address="10.0.0.1:8779", fingerprint="ab" * 32, id=UUID(int=7), secret="s3cret")


def test_a_control_machine_is_at_the_address_that_is_discovered():
    answers = without_asking(Said(role="control", name="m1"), OWN)
    assert answers.wish == Wish(role=Role.CONTROL, name="m1", address="10.0.0.2")


def test_what_is_said_goes_before_what_is_discovered():
    said = Said(role="control", name="m1", address="192.168.1.2", password="horse", uplink="eth1")
    answers = without_asking(said, OWN)
    assert answers.wish.address == "192.168.1.2"
    assert answers.wish.password
    assert answers.wish.uplink == "eth1"
    assert answers.secret == "horse"


def test_a_string_says_where_to_go_and_whom_to_expect():
    answers = without_asking(Said(role="compute", join=str(STRING), name="m2"), OWN)
    assert answers.wish.control == "10.0.0.1:8779"
    assert answers.step.fingerprint == STRING.fingerprint
    assert "s3cret" not in str(answers.wish)


def test_a_password_goes_with_the_address_of_the_control_machine():
    said = Said(role="compute", password="horse", control_address="10.0.0.1", name="m2")
    answers = without_asking(said, OWN)
    assert answers.step.address == "10.0.0.1:8779"
    assert answers.step.fingerprint == ""
    assert "horse" not in str(answers.wish)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(), "say which role"),
        (Said(role="compute"), "needs --join"),
        (Said(role="compute", password="horse"), "needs --join"),
        (Said(role="control", join=str(STRING)), "which joins nobody"),
        (Said(role="compute", join="nonsense"), "no join string"),
    ],
)
def test_what_is_missing_or_does_not_go_together_is_told(said, why):
    with pytest.raises(Invalid, match=why):
        without_asking(said, OWN)


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("10.0.0.1", "10.0.0.1:8779"),
        ("10.0.0.1:99", "10.0.0.1:99"),
        ("fd00::1", "[fd00::1]:8779"),
        ("[fd00::1]:99", "[fd00::1]:99"),
        ("control", "control:8779"),
    ],
)
def test_an_address_of_a_door_has_its_port(said, where):
    assert with_port(said) == where


def test_a_preseed_file_answers_what_would_be_asked(tmp_path):
    file = tmp_path / "seed.yaml"
    file.write_text("role: compute\njoin: abc\nname: m2\n")
    assert preseed(file) == {"role": "compute", "join": "abc", "name": "m2"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rolle: control\n", "there is no 'rolle'"),
        ("role: [control]\n", "role must be a text"),
        ("- control\n", "must be a table"),
        ("role: {", "seed.yaml"),
        ("role: master\n", "role must be control, compute or alone"),
    ],
)
def test_what_is_wrong_in_a_preseed_file_is_told(tmp_path, text, why):
    file = tmp_path / "seed.yaml"
    file.write_text(text)
    with pytest.raises(Invalid, match=why):
        preseed(file)


def test_the_password_is_the_first_line_of_its_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("correct horse\nbattery\n")
    assert password_of(str(file)) == "correct horse"
    file.write_text("\n")
    with pytest.raises(Invalid, match="holds no password"):
        password_of(str(file))
    with pytest.raises(Invalid, match="No such file"):
        password_of(str(tmp_path / "none"))


def test_the_journal_comes_back_as_it_was_and_only_its_owner_reads_it(tmp_path):
    journal = Journal.opened(tmp_path)
    journal.begin(Wish(role=Role.COMPUTE, name="m2", address="10.0.0.2"))
    journal.note(Step.JOIN, "done", datetime(2030, 1, 1, tzinfo=UTC))
    journal.note(Step.VERIFY, "done", datetime(2030, 1, 1, tzinfo=UTC))
    again = Journal.opened(tmp_path)
    assert (again.role, again.attempt, again.verified) == (Role.COMPUTE, journal.attempt, "m2")
    assert [(each["step"], each["how"]) for each in again.steps] == [
        ("join", "done"),
        ("verify", "done"),
    ]
    assert stat.S_IMODE(Path(again.file).stat().st_mode) == 0o600


def test_a_journal_that_was_cut_short_is_begun_anew(tmp_path):
    (tmp_path / "init.json").write_text('{"wish": ')
    assert Journal.opened(tmp_path).role is None


def test_a_machine_is_set_up_by_one_at_a_time(tmp_path):
    again = alone(tmp_path)
    with alone(tmp_path), pytest.raises(Conflict, match=r"already, as process [0-9]+"), again:
        raise AssertionError("both have it")
    with alone(tmp_path):
        assert Path(tmp_path / "init.lock").read_text()
