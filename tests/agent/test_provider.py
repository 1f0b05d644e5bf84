"""Whom a machine belongs to, and what he hears of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.ground import KNOBS, Full, Ground
from drivers.pem.made import CERTIFICATE, NEXT
from muster.agent import certificate, provider
from muster.agent.calls import Call, HttpCalls, Place
from muster.agent.failures import TurnedAway, Undone
from muster.agent.routes import assembled
from muster.base.errors import Conflict, Invalid, Unsupported

URL = "https://office.example:8443"
SYSTEMD = {**KNOBS, "/run/systemd/system/there": "", "/etc/hostname": "m1.lab.example"}


@dataclass
class Office:
    """Who takes machines in, without a network."""

    certificate: str = NEXT
    fault: Exception | None = None
    heard: list[Call] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)  # where each of those was
    until_registered: bool = False  # the fault goes when somebody registers
    meanwhile: Callable[[], object] | None = None  # happens once, while the next thing is told

    def own_address(self, place: Place) -> str:
        return "fd00::5"

    def call(self, place: Place, call: Call) -> Mapping[str, Any]:
        self.heard.append(call)
        self.places.append(place)
        if call.method == "POST" and self.until_registered:
            self.fault = None
        if call.method == "PUT" and self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        if self.fault:
            raise self.fault
        return {"certificate": self.certificate, "secret": "s3cret", "name": "m1"}

    @property
    def causes(self) -> list[object]:
        return [each.body["cause"] for each in self.heard if each.method == "PUT"]


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def ground(tmp_path: Path, office: Office) -> Ground:
    ground = Ground(tmp_path).begin(SYSTEMD)
    for path in (certificate.CERTIFICATE, certificate.KEY):
        ground.write(path, CERTIFICATE)
    ground.agent.calls, ground.agent.own = office, ("", 8444)
    return ground


def belonging(url: str = URL, token: str = "t0ken") -> dict[str, Any]:
    config = {"server_url": url, "server_token": token}
    return {"config": {"name": "operations-center", "config": config}}


def put(ground: Ground, body: object) -> object:
    return ground.ask("PUT", "/1.0/system/provider", body)


def state(ground: Ground) -> Any:
    return ground.ask("GET", "/1.0/system/provider")["state"]


def test_a_machine_registers_by_its_token_and_trusts_who_took_it_in(
    ground: Ground, office: Office
) -> None:
    assert put(ground, belonging()) == {}
    (call,) = office.heard
    assert (call.method, call.path) == ("POST", "/1.0/provisioning/servers?token=t0ken")
    assert call.body["name"] == "m1"
    assert call.body["connection_url"] == "https://[fd00::5]:8444"
    assert str(call.body["certificate"]).strip() == CERTIFICATE.strip()
    assert list(certificate.trusted(ground.machine)) == [certificate.fingerprint(NEXT)]
    assert state(ground) == {"registered": True}


def test_a_machine_that_listens_at_one_address_is_asked_there(
    ground: Ground, office: Office
) -> None:
    ground.agent.own = ("10.0.0.7", 8444)
    put(ground, belonging())
    assert office.heard[0].body["connection_url"] == "https://10.0.0.7:8444"


def test_the_token_is_not_shown_and_the_same_put_registers_once(
    ground: Ground, office: Office
) -> None:
    put(ground, belonging())
    shown = ground.config("system/provider")
    assert "t0ken" not in str(shown)
    put(ground, {"config": shown})
    assert len(office.heard) == 1


def test_a_machine_is_set_back_to_whom_it_belonged_by_what_it_showed_then(
    ground: Ground, office: Office
) -> None:
    put(ground, belonging())
    shown = ground.config("system/provider")
    put(ground, belonging(token="another"))
    put(ground, {"config": shown})
    assert office.heard[-1].path == "/1.0/provisioning/servers?token=t0ken"
    assert ground.config("system/provider") == shown


def held(pem: str, **more: str) -> dict[str, Any]:
    body = belonging(**more)
    body["config"]["config"]["server_certificate"] = pem
    return body


def test_another_certificate_of_the_provider_is_tried_and_takes_no_token(
    ground: Ground, office: Office
) -> None:
    put(ground, held(NEXT))
    shown = ground.config("system/provider")
    shown["config"]["server_certificate"] = CERTIFICATE
    put(ground, {"config": shown})
    call = office.heard[-1]
    assert (call.method, call.path, call.bearer) == (
        "PUT",
        "/1.0/provisioning/servers/:self",
        "s3cret",
    )
    assert call.body == {"cause": "", "connection_url": "https://[fd00::5]:8444"}
    assert office.places[-1] == Place(URL, CERTIFICATE)
    assert ground.config("system/provider") == shown
    assert state(ground) == {"registered": True}
    put(ground, {"config": shown})
    assert office.heard[-1] is call


def test_a_certificate_that_the_provider_does_not_show_cuts_nobody_off(
    ground: Ground, office: Office
) -> None:
    put(ground, held(NEXT))
    before = ground.picture(), ground.remembered
    office.fault = Undone("certificate verify failed")
    with pytest.raises(Undone, match="as it was before: certificate verify failed"):
        put(ground, held(CERTIFICATE))
    assert (ground.picture(), ground.remembered) == before


def test_a_provider_of_another_certificate_who_forgot_the_machine_takes_it_in_anew(
    ground: Ground, office: Office
) -> None:
    put(ground, held(NEXT))
    office.fault = TurnedAway("no server is known by this", status=403)
    office.until_registered = True
    put(ground, held(CERTIFICATE))
    assert [each.method for each in office.heard] == ["POST", "PUT", "POST"]
    assert state(ground) == {"registered": True}


def test_who_is_not_taken_in_belongs_to_whom_he_did(ground: Ground, office: Office) -> None:
    put(ground, belonging())
    before = ground.picture(), ground.remembered
    office.fault = TurnedAway("no such token", status=403)
    with pytest.raises(Undone, match="as it was before: no such token"):
        put(ground, belonging("https://other.example"))
    assert (ground.picture(), ground.remembered) == before


@pytest.fixture
def full(ground: Ground, office: Office) -> Full:
    """The same machine with a disk that is full at some time, which has a new token by now."""
    put(ground, belonging())
    put(ground, belonging(token="another"))
    office.certificate = CERTIFICATE
    full = Full(ground.runner, ground.root, ground.clock, left=-1, lacking=0)
    ground.machine, ground.agent = full, assembled(full)
    ground.agent.start()
    ground.agent.calls, ground.agent.own = office, ("", 8444)
    return full


FILES = range(3)  # the trusted certificate, what takes it all back, and what is so then


@pytest.mark.parametrize("step", FILES)
def test_on_a_full_disk_a_machine_belongs_to_whom_it_did(
    ground: Ground, full: Full, step: int
) -> None:
    before = ground.remembered
    full.left, full.lacking = step, 1
    with pytest.raises(Undone, match=r"as it was before: .*No space left"):
        put(ground, belonging("https://other.example"))
    assert ground.remembered == ground.agent.keeper.memory == before
    assert list(certificate.trusted(full)) == [certificate.fingerprint(NEXT)]
    put(ground, belonging("https://other.example"))
    assert list(certificate.trusted(full)) == [certificate.fingerprint(CERTIFICATE)]


def test_a_machine_whose_disk_stays_full_belongs_to_whom_it_did_when_its_agent_starts_again(
    ground: Ground, full: Full
) -> None:
    before = ground.remembered
    full.left, full.lacking = 2, 2
    with pytest.raises(Undone, match=r"could not be taken back: .*state\.json"):
        put(ground, belonging("https://other.example"))
    assert ground.agent.keeper.memory == before
    assert ground.remembered.journal
    again = Ground(ground.root)
    again.agent.start()
    assert again.remembered == before


@pytest.mark.parametrize("step", FILES)
def test_a_machine_that_was_to_register_on_a_full_disk_tries_again(
    ground: Ground, office: Office, full: Full, step: int
) -> None:
    messenger = provider.Messenger()
    messenger.tick(ground.agent)
    provider.want(ground.agent, belonging("https://other.example")["config"])
    full.left, full.lacking, office.heard = step, 1, []
    messenger.tick(ground.agent)
    messenger.tick(ground.agent)
    assert "No space left" in state(ground)["registering"]["reason"]
    assert len(office.heard) == 1
    ground.clock.advance(2)
    messenger.tick(ground.agent)
    assert state(ground) == {"registered": True}
    assert ground.config("system/provider")["config"]["server_url"] == "https://other.example"


def test_another_provider_takes_the_place_of_the_first_and_of_his_trust(
    ground: Ground, office: Office
) -> None:
    put(ground, belonging())
    office.certificate = CERTIFICATE
    put(ground, belonging("https://other.example"))
    assert list(certificate.trusted(ground.machine)) == [certificate.fingerprint(CERTIFICATE)]
    put(ground, {"config": {}})
    assert certificate.trusted(ground.machine) == {}
    assert state(ground) == {"registered": False}


def test_whoever_was_trusted_before_stays_so(ground: Ground, office: Office) -> None:
    certificate.trust(ground.machine, NEXT)
    put(ground, belonging())
    put(ground, {"config": {}})
    assert list(certificate.trusted(ground.machine)) == [certificate.fingerprint(NEXT)]


def test_a_machine_that_nobody_could_ask_does_not_register(ground: Ground) -> None:
    ground.agent.own = ("", 0)
    with pytest.raises(Conflict, match="does not listen by TLS"):
        put(ground, belonging())


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"name": "images"}, "config.name"),
        ({"name": "operations-center"}, "config.config.server_url"),
        ({"config": {"server_url": URL}}, "config.name"),
        (belonging("http://office.example")["config"], "config.config.server_url"),
        (belonging("https://office.example/path")["config"], "config.config.server_url"),
        (belonging("https://office:port")["config"], "config.config.server_url"),
        (belonging(token="a b")["config"], "config.config.server_token"),
    ],
)
def test_what_is_wrong_is_named(ground: Ground, office: Office, config: Any, field: str) -> None:
    with pytest.raises(Invalid) as told:
        put(ground, {"config": config})
    assert told.value.details["field"] == field
    assert office.heard == []


def test_a_life_begins_with_being_ready_and_no_longer_about_to_go(
    ground: Ground, office: Office
) -> None:
    put(ground, belonging())
    provider.note(ground.agent, provider.REBOOTING)
    provider.note(ground.agent, provider.NETWORK_CHANGED)
    messenger = provider.Messenger()
    messenger.tick(ground.agent)
    messenger.tick(ground.agent)
    assert office.causes == ["network-config-changed", "system-is-ready"]
    assert office.heard[-1].bearer == "s3cret"


def test_what_was_not_heard_is_told_again_and_later(ground: Ground, office: Office) -> None:
    put(ground, belonging())
    messenger = provider.Messenger()
    office.fault = Undone("nobody there")
    messenger.tick(ground.agent)
    messenger.tick(ground.agent)
    assert office.causes == ["network-config-changed"]
    office.fault = None
    ground.clock.advance(30)
    messenger.tick(ground.agent)
    assert office.causes == ["network-config-changed"] * 2 + ["system-is-ready"]
    assert ground.remembered.notes["provider"]["untold"] == []


def test_who_is_forgotten_there_may_register_again(ground: Ground, office: Office) -> None:
    put(ground, belonging())
    office.fault = TurnedAway("no server is known by this", status=403)
    provider.Messenger().tick(ground.agent)
    assert state(ground) == {"registered": False}
    office.fault = None
    put(ground, belonging())
    assert state(ground) == {"registered": True}


def test_what_he_says_no_to_is_told_once_and_what_he_could_not_hear_again(
    ground: Ground, office: Office
) -> None:
    put(ground, belonging())
    messenger = provider.Messenger()
    office.fault = TurnedAway("internal error", status=500)
    messenger.tick(ground.agent)
    messenger.tick(ground.agent)
    assert office.causes == ["network-config-changed"]
    office.fault = TurnedAway("no such cause", status=400)
    ground.clock.advance(30)
    messenger.tick(ground.agent)
    messenger.tick(ground.agent)
    assert office.causes == ["network-config-changed"] * 2 + ["system-is-ready"]
    assert ground.remembered.notes["provider"]["untold"] == []


def test_a_machine_that_changes_hands_while_it_tells_goes_on_telling(
    ground: Ground, office: Office
) -> None:
    put(ground, belonging())
    messenger = provider.Messenger()
    office.meanwhile = lambda: put(ground, belonging(token="another"))
    messenger.tick(ground.agent)
    assert office.causes == ["network-config-changed"]
    provider.note(ground.agent, provider.UPDATED)
    messenger.tick(ground.agent)
    assert office.causes == ["network-config-changed", "os-update-applied"]


def test_what_two_tell_at_once_is_told(ground: Ground, office: Office) -> None:
    put(ground, belonging())
    provider.note(ground.agent, provider.READY)
    office.meanwhile = lambda: provider.tell(ground.agent)
    assert provider.tell(ground.agent)
    assert ground.remembered.notes["provider"]["untold"] == []


@pytest.mark.parametrize(
    ("verb", "cause"),
    [
        ("reboot", "system-reboot-triggered"),
        ("poweroff", "system-shutdown-triggered"),
        ("suspend", "suspend-triggered"),
    ],
)
def test_a_machine_says_that_it_goes_before_it_goes(
    ground: Ground, office: Office, verb: str, cause: str
) -> None:
    put(ground, belonging())
    ground.ask("POST", f"/1.0/system/:{verb}")
    assert office.causes == [cause]
    assert ground.lines == [f"systemctl {verb}"]


def test_a_machine_goes_also_where_nobody_hears(ground: Ground, office: Office) -> None:
    put(ground, belonging())
    office.fault = Undone("nobody there")
    ground.ask("POST", "/1.0/system/:reboot")
    assert ground.lines == ["systemctl reboot"]


def test_where_no_systemd_is_nobody_restarts(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="no systemd"):
        Ground(tmp_path).begin().ask("POST", "/1.0/system/:reboot")


def test_nobody_at_the_other_end_is_told_as_such() -> None:
    place = Place("http://127.0.0.1:1")
    assert HttpCalls().own_address(place) == "127.0.0.1"
    with pytest.raises(Undone, match=r"http://127\.0\.0\.1:1"):
        HttpCalls().call(place, Call("GET", "/"))
