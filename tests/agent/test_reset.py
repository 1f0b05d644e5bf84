"""Beginning anew, and looking for faults."""

import json
import socketserver
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agent.ground import KNOBS, NET, Ground
from drivers.pem.made import CERTIFICATE, NEXT
from muster.agent import certificate, incus, reset
from muster.agent.calls import Call, Place
from muster.agent.failures import TurnedAway, Undone
from muster.agent.provider import Messenger
from muster.agent.runner import TOO_LONG, Result, answering
from muster.base.errors import Invalid, NotFound, Unsupported

SYSTEMD = {**KNOBS, "/run/systemd/system/there": "", "/etc/hostname": "m1"}
KERNEL = {"network": {"tcp_congestion_algorithm": "bbr"}}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path).begin(SYSTEMD)


def test_locks_that_hang_are_ended_and_taken_again(ground: Ground) -> None:
    ground.put("services/lvm", {"enabled": True, "system_id": 7})
    ground.lines.clear()
    ground.ask("POST", "/1.0/services/lvm/:reset")
    kill, remove, *starts = ground.lines
    assert kill.startswith("systemctl kill --signal=SIGKILL lvmlockd.service")
    assert remove == "rm -rf /dev/shm/wdmd"
    assert starts[-1] == "vgchange --lock-start"
    assert ground.config("services/lvm") == {"enabled": True, "system_id": 7}


def test_nvme_lets_go_of_what_is_dead_alone(ground: Ground) -> None:
    target = {"address": "10.0.0.9", "nqn": "nqn.2026-01.example:fast"}
    ground.put("services/nvme", {"enabled": True, "targets": [target]})
    ground.lines.clear()
    ground.ask("POST", "/1.0/services/nvme/:reset")
    letting_go, *calling = ground.lines
    assert '!= live; then if test "$(cat $c/subsysnqn)"' in letting_go
    assert calling[-1].startswith("nvme connect ")


@pytest.mark.parametrize(
    ("name", "config", "unit"),
    [
        ("multipath", {}, "multipathd.service"),
        ("tailscale", {"auth_key": "tskey"}, "tailscaled.service"),
        ("netbird", {"setup_key": "AAAA"}, "netbird.service"),
        ("linstor", {}, "linstor-satellite.service"),
        (
            "ovn",
            {"database": "tcp:10.0.0.1:6642", "tunnel_address": "10.0.0.5"},
            "openvswitch-switch.service",
        ),
    ],
)
def test_a_daemon_that_hangs_is_begun_anew(
    ground: Ground, name: str, config: dict[str, object], unit: str
) -> None:
    ground.write("/lib/systemd/system/linstor-satellite.service", "")
    with pytest.raises(Invalid, match="is not enabled"):
        ground.ask("POST", f"/1.0/services/{name}/:reset")
    ground.put(f"services/{name}", {"enabled": True, **config})
    ground.lines.clear()
    ground.ask("POST", f"/1.0/services/{name}/:reset")
    assert ground.lines[0] == f"systemctl restart {unit}"


def test_what_is_no_service_is_not_reset(ground: Ground) -> None:
    with pytest.raises(NotFound, match="there is no services/nope"):
        ground.ask("POST", "/1.0/services/nope/:reset")


def test_a_machine_is_as_nobody_told_it_and_its_data_is_aside(ground: Ground) -> None:
    before = ground.picture()
    ground.put("system/kernel", KERNEL)
    ground.put("services/lvm", {"enabled": True, "system_id": 7})
    ground.write(f"{reset.INCUS}/server.crt", "")
    ground.lines.clear()
    ground.ask("POST", "/1.0/system/:factory-reset", {"confirm": "m1"})
    stop, instances, move, start, *rest = ground.lines
    assert instances.startswith(
        "sh -c for each in $(pgrep -f '^\\[lxc monitor\\] /var/lib/incus/')"
    )
    assert (stop, start) == tuple(
        f"systemctl {verb} incus.socket incus.service" for verb in ("stop", "start")
    )
    assert move == "mv --no-target-directory /var/lib/incus /var/lib/incus.20300101T000000"
    assert "vgchange --lock-stop" in rest
    ground.machine.put(f"{reset.INCUS}/server.crt", None)  # as if it were moved
    assert {k: v.strip() for k, v in ground.picture().items()} == {
        k: v.strip() for k, v in before.items()
    }
    assert ground.machine.line(f"{NET}/ipv4/tcp_congestion_control") == "cubic"


def test_an_incus_that_does_not_end_is_killed(tmp_path: Path) -> None:
    stops = iter((Result(TOO_LONG, err="it took longer than 20 s"), Result()))

    def script(argv: tuple[str, ...]) -> Result | None:
        return next(stops) if argv[:2] == ("systemctl", "stop") else None

    ground = Ground(tmp_path, script).begin(SYSTEMD)
    for path in ("networks/incusbr0/dnsmasq.raw", "networks/eth1/state", "server.crt"):
        ground.write(f"{reset.INCUS}/{path}", "")
    ground.write("/sys/class/net/incusbr0/bridge/stp_state", "0")
    ground.write("/sys/class/net/incusbr0-mesh/mtu", "1500")
    ground.write("/sys/class/net/eth1/mtu", "1500")
    ground.ask("POST", "/1.0/system/:factory-reset", {"confirm": "m1"})
    first, kill, again, _, *devices, move = ground.lines[:7]
    assert devices == [f"ip link delete dev incusbr0{tail}" for tail in ("-mesh", "")]
    assert first == again == "systemctl stop incus.socket incus.service"
    assert kill == "systemctl kill --signal=SIGKILL incus.service"
    assert move.startswith("mv ")


@contextmanager
def an_incus(ground: Ground, *answers_to: str) -> Iterator[None]:
    """Have an Incus be there that answers at these paths and says nothing of any other."""

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind = "sync" if self.path in answers_to else "error"
            self.send_response(200 if kind == "sync" else 500)
            self.end_headers()
            self.wfile.write(json.dumps({"type": kind, "metadata": {}}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """A test has no use for its log."""

        def address_string(self) -> str:
            return "socket"

    place = ground.machine.place(incus.SOCKET)
    place.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.UnixStreamServer(str(place), Asked) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("has_majority", [True, False])
def test_only_an_incus_that_knows_what_runs_on_it_is_asked_to_end_that(
    ground: Ground, has_majority: bool
) -> None:
    ground.write(f"{reset.INCUS}/server.crt", "")
    with an_incus(ground, "/1.0", *([reset.INSTANCES] if has_majority else [])):
        ground.ask("POST", "/1.0/system/:factory-reset", {"confirm": "m1"})
    asked = [line for line in ground.lines if line.startswith("incus admin shutdown")]
    assert bool(asked) is has_majority


@pytest.mark.parametrize("body", [None, {}, {"confirm": "m2"}])
def test_nobody_resets_a_machine_that_he_does_not_name(ground: Ground, body: object) -> None:
    ground.put("system/kernel", KERNEL)
    with pytest.raises(Invalid, match="confirm: has to be this machine's name, m1"):
        ground.ask("POST", "/1.0/system/:factory-reset", body)
    assert ground.machine.line(f"{NET}/ipv4/tcp_congestion_control") == "bbr"


def test_incus_goes_on_where_its_data_cannot_be_put_aside(tmp_path: Path) -> None:
    ground = Ground(tmp_path, answering({"mv": Result(1, err="busy")})).begin(SYSTEMD)
    ground.write(f"{reset.INCUS}/server.crt", "")
    with pytest.raises(Exception, match="busy"):
        ground.ask("POST", "/1.0/system/:factory-reset", {"confirm": "m1"})
    assert ground.lines[-1] == "systemctl start incus.socket incus.service"


def text(ground: Ground, path: str, **query: str) -> str:
    return ground.agent.answer("GET", path, query, (None, "/os")).body.decode()


def test_whoever_looks_for_a_fault_gets_text(tmp_path: Path) -> None:
    said = {"journalctl": "it began\n", "ps": "PID\n1\n", "dmesg": Result(1, err="not permitted")}
    ground = Ground(tmp_path, answering(said), frozenset()).begin()
    assert json.loads(text(ground, "/1.0/debug"))["metadata"] == [
        f"/os/1.0/debug/{name}" for name in ("kernel", "log", "processes")
    ]
    assert text(ground, "/1.0/debug/log", unit="incus.service", boot="-1") == "it began\n"
    words = ("--no-pager", "--boot=-1", "--lines=1000", "--unit=incus.service")
    assert ground.runner.asked[-1] == ("journalctl", *words)
    assert text(ground, "/1.0/debug/processes") == "PID\n1\n"
    with pytest.raises(Unsupported, match="dmesg says nothing: not permitted"):
        text(ground, "/1.0/debug/kernel")


@pytest.mark.parametrize("query", [{"entries": "0"}, {"entries": "all"}, {"boot": "last"}])
def test_a_journal_is_asked_for_in_numbers(ground: Ground, query: dict[str, str]) -> None:
    with pytest.raises(Invalid, match=f"{next(iter(query))}: must be"):
        text(ground, "/1.0/debug/log", **query)


class Office:
    """Who takes machines in, once he is there."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.tries = 0
        self.paths: list[str] = []

    def own_address(self, place: Place) -> str:
        return "10.0.0.5"

    def call(self, place: Place, call: Call) -> Mapping[str, Any]:
        self.tries += call.method == "POST"
        if self.fault:
            raise self.fault
        self.paths.append(f"{place.url}{call.path}")
        return {"certificate": NEXT, "secret": "s3cret", "name": "m1"}


@pytest.fixture
def office(ground: Ground) -> Office:
    """Return who took this machine in."""
    office = Office()
    ground.agent.calls, ground.agent.own = office, ("", 8444)
    for path in (certificate.INCUS_CERTIFICATE, certificate.INCUS_KEY):
        ground.write(path, CERTIFICATE)
    belong(ground, "first")
    return office


def belong(ground: Ground, token: str) -> None:
    config = {"server_url": "https://office.example", "server_token": token}
    said = {"config": {"name": "operations-center", "config": config}}
    ground.ask("PUT", "/1.0/system/provider", said)


def begin_anew(ground: Ground) -> None:
    seed = {"server_token": "second", "server_certificate": CERTIFICATE}
    seeds = {"provider": {"version": "1", "name": "operations-center", "config": seed}}
    ground.ask("POST", "/1.0/system/:factory-reset", {"seeds": seeds})


def test_a_machine_that_is_reset_by_its_provider_registers_there_anew(
    ground: Ground, office: Office
) -> None:
    messenger = Messenger()
    ground.put("system/kernel", KERNEL)
    office.fault = Undone("nobody there")
    begin_anew(ground)
    assert ground.machine.line(f"{NET}/ipv4/tcp_congestion_control") == "cubic"
    assert certificate.identity(ground.machine) == (certificate.CERTIFICATE, certificate.KEY)
    messenger.tick(ground.agent)
    office.fault = None
    ground.clock.advance(30)
    messenger.tick(ground.agent)
    first, second = (
        f"https://office.example/1.0/provisioning/servers?token={token}"
        for token in ("first", "second")
    )
    assert [each for each in office.paths if "token" in each] == [first, second]
    assert "wanted" not in ground.remembered.notes


def test_a_machine_that_is_turned_away_tries_ever_less_often_and_says_so(
    ground: Ground, office: Office
) -> None:
    begin_anew(ground)
    office.fault = TurnedAway("this token was good until noon", status=400)
    messenger, before = Messenger(), office.tries
    for _ in range(12 * 60):
        messenger.tick(ground.agent)
        ground.clock.advance(10)
    assert office.tries - before == 12  # in two hours: after 30 s, 1, 2, 4, 8 and then 15 minutes
    said = ground.ask("GET", "/1.0/system/provider")["state"]["registering"]
    assert "this token was good until noon" in said["reason"]
    assert said["tries"] == 12
    tries = office.tries
    Messenger().tick(ground.agent)  # the agent has restarted
    assert office.tries == tries
    office.fault = None
    ground.clock.advance(15 * 60)
    messenger.tick(ground.agent)
    assert ground.ask("GET", "/1.0/system/provider")["state"] == {"registered": True}


@pytest.mark.parametrize("fault", [Undone("nobody there"), TurnedAway("restarting", status=503)])
def test_a_machine_that_nobody_answers_tries_soon_and_twice_a_minute_in_the_end(
    ground: Ground, office: Office, fault: Exception
) -> None:
    """Whoever restarts just when a machine has reset itself has it back in a moment."""
    begin_anew(ground)
    office.fault = fault
    messenger, before, times = Messenger(), office.tries, []
    for second in range(121):
        messenger.tick(ground.agent)
        if office.tries > before:
            times.append(second)
            before = office.tries
        ground.clock.advance(1)
    assert times == [0, 2, 6, 14, 30, 60, 90, 120]


def test_another_token_ends_the_trying_with_the_old_one(ground: Ground, office: Office) -> None:
    begin_anew(ground)
    office.fault = TurnedAway("this token was good until noon", status=400)
    Messenger().tick(ground.agent)
    office.fault = None
    belong(ground, "third")
    ground.clock.advance(3600)
    Messenger().tick(ground.agent)
    assert [each.rpartition("=")[2] for each in office.paths if "token" in each] == [
        "first",
        "third",
    ]


@pytest.mark.parametrize("seeds", [{"provider": {"name": "images"}}, {"provider": {}}])
def test_seeds_that_say_nothing_reset_nothing(ground: Ground, seeds: object) -> None:
    ground.put("system/kernel", KERNEL)
    with pytest.raises(Invalid, match=r"seeds\.provider\.name"):
        ground.ask("POST", "/1.0/system/:factory-reset", {"seeds": seeds})
    assert ground.machine.line(f"{NET}/ipv4/tcp_congestion_control") == "bbr"
