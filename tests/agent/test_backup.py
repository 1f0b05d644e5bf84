"""A machine is written down whole, and another is it again or as it was before."""

import gzip
import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from agent.ground import KNOBS, NET, Ground
from agent.test_network import CARDS
from agent.test_network_more import PEER, one
from drivers.pem.made import CERTIFICATE, KEY, NEXT, NEXT_KEY
from muster.agent import backup, certificate
from muster.agent.envelope import Asked
from muster.agent.failures import Undone
from muster.agent.runner import Result, answering
from muster.agent.server import UnixServer, listen
from muster.base.errors import Conflict, Invalid, Unsupported

KERNEL = {"network": {"tcp_congestion_algorithm": "bbr"}}
NETBIRD = {"enabled": True, "setup_key": "ABC-123"}
ALGORITHM = f"{NET}/ipv4/tcp_congestion_control"
IDENTITIES = {"old": (CERTIFICATE, KEY), "new": (NEXT, NEXT_KEY)}
TUNNEL = {
    **one(),
    "wireguard": [{"name": "wg0", "peers": [{"public_key": PEER, "allowed_ips": ["10.9.0.0/24"]}]}],
}


def machine(folder: Path) -> Ground:
    made = Ground(folder).begin({**KNOBS, **CARDS})
    own, key = IDENTITIES[folder.name]
    made.write(certificate.CERTIFICATE, own)
    made.write(certificate.KEY, key)
    return made


@pytest.fixture
def old(tmp_path: Path) -> Ground:
    made = machine(tmp_path / "old")
    made.put("system/kernel", KERNEL)
    made.put("services/netbird", NETBIRD)
    made.put("system/network", TUNNEL)
    center = {"server_url": "https://muster.example:8443", "server_token": "t"}
    noted = {"provider": {"secret": "s", "vouched": "", "untold": []}}
    made.agent.keeper.put("system/provider", {"name": "operations-center", "config": center}, noted)
    return made


@pytest.fixture
def new(tmp_path: Path) -> Ground:
    return machine(tmp_path / "new")


def of(ground: Ground) -> bytes:
    answer = ground.agent.answer("POST", "/1.0/system/:backup", {}, (None, ""))
    assert answer.kind == "application/gzip"
    return answer.body


def restored(ground: Ground, said: object, skip: str = "") -> None:
    backup.restore(ground.agent, Asked(query={"skip": skip} if skip else {}, body=said))


def changed(said: bytes, **more: Any) -> bytes:
    return gzip.compress(json.dumps({**json.loads(gzip.decompress(said)), **more}).encode())


def test_another_machine_is_the_same_again(old: Ground, new: Ground) -> None:
    new.put("system/logging", {"syslog": {"address": "192.0.2.1:514"}})
    restored(new, of(old))
    assert new.machine.line(ALGORITHM) == "bbr"
    assert "address" not in new.config("system/logging")["syslog"]
    assert new.machine.text(certificate.KEY) == KEY
    assert new.machine.text("/var/lib/muster-agent/netbird.key") == "ABC-123\n"
    key = "/var/lib/muster-agent/wireguard-wg0.key"
    assert new.machine.line(key) == old.machine.line(key)
    assert new.remembered.configs["services/netbird"] == old.remembered.configs["services/netbird"]
    assert new.remembered.notes["provider"]["secret"] == "s"


def test_the_same_machine_changes_nothing(old: Ground) -> None:
    connected = '{"management": {"connected": true}}'
    old.runner.script = answering({"netbird status": connected})
    old.lines.clear()
    restored(old, of(old))
    assert old.lines == []


def test_what_is_skipped_stays(old: Ground, new: Ground) -> None:
    restored(new, of(old), skip="network,identity,services/netbird")
    assert new.machine.line(ALGORITHM) == "bbr"
    assert new.machine.text(certificate.KEY) == NEXT_KEY
    assert set(new.remembered.configs) == {"system/kernel", "system/provider"}


def test_if_one_thing_fails_all_is_as_it_was(old: Ground, new: Ground) -> None:
    new.put("system/kernel", {"network": {"tcp_congestion_algorithm": "reno"}})
    before = new.picture()
    said = of(old)
    new.runner.script = answering({"netbird up": Result(1, err="no such key")})
    with pytest.raises(Undone, match=r"nothing is restored: services/netbird: .*no such key"):
        restored(new, said)
    assert new.picture() == before
    assert new.machine.line(ALGORITHM) == "reno"
    assert new.machine.text(certificate.KEY) == NEXT_KEY


def test_what_the_machine_cannot_be_is_refused_before_anything_is_touched(
    old: Ground, tmp_path: Path
) -> None:
    said = of(old)
    poor = Ground(tmp_path / "poor", lacking=frozenset({"netbird"})).begin({**KNOBS, **CARDS})
    before = poor.picture()
    with pytest.raises(
        Unsupported, match=r"services/netbird, config\.enabled: there is no netbird"
    ):
        restored(poor, said)
    assert poor.picture() == before
    assert poor.lines == []


def test_what_is_no_backup_is_refused(old: Ground) -> None:
    said = of(old)
    for body, fault in (
        ({"configs": {}}, "Content-Type is application/gzip"),
        (b"nothing", "is no backup"),
        (changed(said, version=2), "of version 2, not 1"),
        (changed(said, files={"/etc/passwd": "x"}), "none of the agent's: /etc/passwd"),
        (changed(said, configs={"system/kernel": {"cpus": 1}}), r"kernel\.cpus: no such field"),
    ):
        with pytest.raises(Invalid, match=fault):
            restored(old, body)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({certificate.CERTIFICATE: CERTIFICATE, certificate.KEY: 5}, "no text"),
        ({certificate.CERTIFICATE: CERTIFICATE, certificate.KEY: "\ud800"}, "no text"),
        ({certificate.CERTIFICATE: CERTIFICATE, certificate.KEY: NEXT_KEY}, "belong together"),
        ({certificate.CERTIFICATE: CERTIFICATE}, "belong together"),
        ({certificate.KEY: KEY}, "belong together"),
        ({f"{certificate.TRUSTED}/x.pem": "-----BEGIN CERTIFICATE-----x"}, "no PEM certificate"),
        ({"/var/lib/muster-agent/state.json": "{}"}, "none of the agent's"),
    ],
)
def test_an_identity_that_nobody_could_reach_is_refused_whole(
    old: Ground, new: Ground, files: dict[str, Any], fault: str
) -> None:
    said, before = changed(of(old), files=files), new.picture()
    with pytest.raises(Invalid, match=fault):
        restored(new, said)
    assert new.picture() == before


def test_an_agent_killed_within_a_restore_is_who_it_was(old: Ground, new: Ground) -> None:
    said, written = of(old), new.machine.put

    class Killed(BaseException):
        """As by the kernel: nothing of ours runs any more."""

    over: list[str] = []

    def killed(path: str, *more: Any) -> None:
        if over or path == certificate.KEY:
            over.append(path)
            raise Killed
        written(path, *more)

    new.machine.put = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        restored(new, said)
    assert new.machine.text(certificate.CERTIFICATE) == CERTIFICATE
    again = Ground(new.root)
    again.agent.start()
    assert again.machine.text(certificate.CERTIFICATE) == NEXT
    assert again.machine.text(certificate.KEY) == NEXT_KEY
    assert not again.remembered.journal


def test_a_backup_too_deep_to_be_one_is_refused(new: Ground) -> None:
    deep = gzip.compress(b"[" * 200_000)
    with pytest.raises(Invalid, match="is no backup"):
        restored(new, deep)


def test_while_something_waits_to_be_confirmed_there_is_no_backup(old: Ground) -> None:
    old.put("system/network", {**one(mtu=1400), "confirmation_timeout": "60s"})
    with pytest.raises(Conflict, match="system/network waits to be confirmed"):
        of(old)
    with pytest.raises(Conflict, match="system/network waits to be confirmed"):
        restored(old, gzip.compress(b'{"version": 1, "configs": {}, "files": {}, "provider": {}}'))


def asked(ground: Ground, path: str, body: bytes = b"") -> tuple[int, bytes]:
    line = http.client.HTTPConnection("socket", timeout=10)
    line.sock = socket.socket(socket.AF_UNIX)
    line.sock.connect(str(ground.machine.place("/s")))
    try:
        line.request("POST", path, body, {"Content-Type": "application/gzip"} if body else {})
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def test_on_the_wire(old: Ground, new: Ground) -> None:
    for ground in (old, new):
        ground.agent.keeper.memory.save(ground.machine)
    listening = [
        listen(each.agent, lambda each=each: [UnixServer(each.agent, "/s")]) for each in (old, new)
    ]
    try:
        status, said = asked(old, "/1.0/system/:backup")
        assert (status, said[:2]) == (200, b"\x1f\x8b")
        assert asked(new, "/1.0/system/:restore?skip=network", said)[0] == 200
        status, refused = asked(new, "/1.0/system/:restore", b"\x1f\x8b nothing")
        assert (status, "is no backup" in refused.decode()) == (400, True)
    finally:
        for each in listening:
            each.close()
    assert new.machine.line(ALGORITHM) == "bbr"
