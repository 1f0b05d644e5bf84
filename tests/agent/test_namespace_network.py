"""Addresses and rules by a real systemd-networkd and a real kernel, in a namespace of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

import muster

pytestmark = pytest.mark.system

SOURCE = str(Path(muster.__file__).parents[1])
NETWORKD = "/lib/systemd/systemd-networkd"
ALONE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c")
MAC = "02:00:00:00:00:05"
# Before the agent: a card with its other end, and folders that are this namespace's own. A /sys
# that cannot be written has networkd take cards as they are, without asking udev.
PREPARED = f"""
set -e
mount --make-rprivate /
for folder in /etc/systemd/network /run/systemd /run/dbus; do
    mkdir -p $folder
    mount -t tmpfs t $folder
done
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network /run/systemd/netif
mount -t sysfs -o ro sysfs /sys
ip link set lo up
ip link add card address {MAC} type veth peer name wall
ip link set wall up
dbus-daemon --system --nofork --nopidfile &
until test -S /run/dbus/system_bus_socket; do sleep 0.02; done
{NETWORKD} &
until test -s /run/systemd/netif/state; do sleep 0.02; done
"""
BEGUN = f"""
import json, os, socket, subprocess, sys, time
from dataclasses import replace
from pathlib import Path
from muster.agent.machine import Machine
from muster.agent.routes import assembled
from muster.agent.runner import RealRunner, Result
from muster.base.clock import ManualClock
from muster.base.errors import MusterError

root = Path(sys.argv[1])
assert os.readlink("/proc/self/ns/net") != sys.argv[2]
for folder in ("etc/systemd", "sys/class/net/card/device"):
    (root / folder).mkdir(parents=True)
(root / "etc/systemd/network").symlink_to("/etc/systemd/network")
(root / "sys/class/net/card/address").write_text("{MAC}\\n")

class Runner(RealRunner):
    '''Real programs, but for a service manager, and rules that lie below the root.'''

    def run(self, command):
        if command.argv[0] == "systemctl":
            return Result()
        words = [str(root / w[1:]) if w.startswith("/etc/nft") else w for w in command.argv]
        return super().run(replace(command, argv=tuple(words)))

runner, clock = Runner(), ManualClock()
keeper = assembled(Machine(runner, root, clock)).keeper
keeper.start()

def told(*argv):
    return json.loads(subprocess.run(["ip", "-j", *argv], capture_output=True).stdout)

def addresses():
    cards = told("-4", "address", "show", "dev", "card")  # none at a moment without any
    here = [each for card in cards for each in card["addr_info"]]
    return [f"{{each['local']}}/{{each['prefixlen']}}" for each in here]

def soon(claim):
    end = time.monotonic() + 20
    while not claim() and time.monotonic() < end:
        time.sleep(0.02)
    return claim()

def put(**more):
    card = {{"name": "mgmt", "hwaddr": "{MAC}", **more.pop("card", {{}})}}
    try:
        return keeper.put("system/network", {{"interfaces": [card], **more}})
    except MusterError as error:
        return error.text
"""
ADDRESSES = (
    BEGUN
    + """
said = []
first = {"addresses": ["10.77.0.5/24"], "mtu": 1400}
first["routes"] = [{"to": "10.88.0.0/16", "via": "10.77.0.1"}]
said.append(put(card=first))
said.append(addresses())
(card,) = told("link", "show", "dev", "card")
said.append(card["mtu"])
soon(lambda: told("route", "show", "10.88.0.0/16"))
said.append([each["gateway"] for each in told("route", "show", "10.88.0.0/16")])
said.append(put(card=first))
other = {"addresses": ["10.77.0.6/24"]}
said.append(put(card=other, confirmation_timeout="60s"))
said.append(soon(lambda: addresses() == ["10.77.0.6/24"]))
clock.advance(61)
said.append(keeper.expire(clock.now()))
said.append(soon(lambda: addresses() == ["10.77.0.5/24"]))
print(json.dumps(said))
"""
)
RULES = (
    BEGUN
    + """
def met(port):
    with socket.create_server(("127.0.0.1", port)), socket.socket() as guest:
        guest.settimeout(1)
        try:
            guest.connect(("127.0.0.1", port))
            return "in"
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "nothing"

from muster.agent import firewall
from muster.agent.firewall import Rule

def load(*rules):
    for each in firewall.files([("lo", rules)]):
        keeper.machine.put(each.path, each.text)
    done = runner.run(next(firewall.TABLE.then(True, frozenset({firewall.TABLE.rules}))))
    assert done.code == 0, done

said = [met(7001)]
refusing = Rule("reject", "127.0.0.0/8", "tcp", 7001)
load(refusing)
said += [met(7001), met(7002)]
load(Rule("accept", "", "tcp", 7001), refusing, replace(refusing, action="drop", port=7002))
said += [met(7001), met(7002)]
gone = list(firewall.TABLE.then(False, frozenset({firewall.TABLE.rules})))
assert runner.run(gone[0]).code == 0
said += [met(7002)]
print(json.dumps(said))
"""
)

SOURCES = (
    BEGUN
    + """
from muster.agent import sources

for words in (
    "link add bridge type bridge", "link set bridge address MAC", "link set card master bridge",
    "link add guest type veth peer name inside", "link set guest master bridge",
    "link set bridge up", "link set card up", "link set guest up", "link set inside up",
):
    subprocess.run(["ip", *words.replace("MAC", MAC).split()], check=True)

ETHER, MINE, GUEST = 0x88B5, MAC, "02:00:00:00:00:99"
wall = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHER))
wall.bind(("wall", ETHER))

def leaves(device, address, word):
    frame = b"\\xff" * 6 + bytes.fromhex(address.replace(":", "")) + ETHER.to_bytes(2, "big")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((device, 0))
        sender.send(frame + word.encode().ljust(50))
    return soon_heard(word)

def soon_heard(word):
    wall.settimeout(1)
    try:
        while word.encode() not in wall.recv(200):
            pass
    except TimeoutError:
        return False
    return True

def load(files):
    for each in files:
        keeper.machine.put(each.path, each.text)
    (act, *_) = sources.TABLE.then(True, frozenset({sources.TABLE.rules}))
    done = runner.run(act)
    assert done.code == 0, done

soon(lambda: leaves("inside", GUEST, "is the bridge there?"))
said = [leaves("inside", GUEST, "a guest's"), leaves("bridge", MINE, "the machine's")]
load(sources.files({"card": MINE}))
said += [leaves("inside", GUEST, "a guest's again"), leaves("bridge", MINE, "its own again")]
(act,) = sources.TABLE.then(False, frozenset({sources.TABLE.rules}))
assert runner.run(act).code == 0
said += [leaves("inside", GUEST, "at last")]
print(json.dumps(said))
""".replace("MINE, GUEST = 0x88B5, MAC", f'MINE, GUEST = 0x88B5, "{MAC}"').replace(
        '"MAC", MAC)', f'"MAC", "{MAC}")'
    )
)
NEIGHBOURS = (
    BEGUN
    + """
index = Path("/sys/class/net/card/ifindex").read_text()
(root / "sys/class/net/card/ifindex").write_text(index)
(root / "run/systemd").mkdir(parents=True)
(root / "run/systemd/netif").symlink_to("/run/systemd/netif")

def part(kind, said):
    return (kind << 9 | len(said)).to_bytes(2, "big") + said

SPEAKER = bytes.fromhex("020000000077")
FRAME = bytes.fromhex("0180c200000e") + SPEAKER + bytes.fromhex("88cc") + b"".join((
    part(1, bytes([4]) + SPEAKER), part(2, bytes([5]) + b"ge-0/0/3"), part(3, b"\\0\\x78"),
    part(4, b"to the rack"), part(5, b"switch7"), part(0, b"")))

def heard():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wall:
        wall.bind(("wall", 0))
        wall.send(FRAME.ljust(60, bytes(1)))
    state = keeper.nouns["system/network"].state(keeper.machine, keeper.config("system/network"))
    return state["interfaces"]["mgmt"].get("lldp")

said = [put(card={"addresses": ["10.77.0.5/24"], "lldp": True}), soon(heard)]
print(json.dumps(said))
"""
)
OFFLOADS = (
    BEGUN
    + """
def does():
    out = subprocess.run(["ethtool", "-k", "card"], capture_output=True, text=True).stdout
    lines = dict(line.strip().split(": ", 1) for line in out.splitlines() if ": " in line)
    return [lines[each].split()[0] for each in (
        "generic-segmentation-offload", "tx-tcp-segmentation", "tx-tcp6-segmentation")]

said = [does()]
quiet = {"ethernet": {"disable_gso": True, "disable_ipv6_tso": True}}
said += [put(card=quiet), does(), put(card=quiet)]
subprocess.run(["ethtool", "-K", "card", "gso", "on"], capture_output=True)
said += [put(card=quiet), does()]
said += [put(card={"ethernet": {"wakeonlan": True}})]
said += [put(card={}), does()]
print(json.dumps(said))
"""
)


def inside(program: str, tmp_path: Path) -> Any:
    if os.geteuid() != 0:
        pytest.skip("only root can make a namespace with mounts of its own")
    for each in ("unshare", "ip", "nft", "dbus-daemon", "networkctl", NETWORKD):
        if not which(each):
            pytest.skip(f"there is no {each} here")
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    (tmp_path / "program.py").write_text(program)
    outside = os.readlink("/proc/self/ns/net")
    words = f'exec "{sys.executable}" -S "$0" "$@"'
    done = subprocess.run(
        [*ALONE, PREPARED + words, str(tmp_path / "program.py"), str(tmp_path / "root"), outside],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def outside() -> Iterator[None]:
    """The machine's own links and files stay as they are."""
    before = subprocess.run(["ip", "-br", "link"], capture_output=True).stdout
    files = sorted(os.listdir("/etc/systemd/network"))
    yield
    assert sorted(os.listdir("/etc/systemd/network")) == files
    assert b"card" not in before


@pytest.mark.usefixtures("outside")
def test_a_real_card_has_what_it_is_told_and_has_it_again_unless_that_is_confirmed(
    tmp_path: Path,
) -> None:
    first, addresses, mtu, routes, again, other, changed, late, back = inside(ADDRESSES, tmp_path)
    assert (first, addresses, mtu, routes) == (True, ["10.77.0.5/24"], 1400, ["10.77.0.1"])
    assert again is False
    assert (other, changed) == (True, True)
    assert (late, back) == (["system/network"], True)


@pytest.mark.usefixtures("outside")
def test_a_real_kernel_lets_in_whom_the_rules_do(tmp_path: Path) -> None:
    free, refused, other, accepted, dropped, after = inside(RULES, tmp_path)
    assert (free, refused, other) == ("in", "refused", "in")
    assert (accepted, dropped) == ("in", "nothing")
    assert after == "in"


@pytest.mark.usefixtures("outside")
def test_by_a_real_card_that_is_strict_no_guest_speaks(tmp_path: Path) -> None:
    guest, machine, hidden, itself, after = inside(SOURCES, tmp_path)
    assert (guest, machine) == (True, True)
    assert (hidden, itself) == (False, True)
    assert after is True


@pytest.mark.usefixtures("outside")
def test_who_is_at_the_other_end_of_a_real_card_is_shown(tmp_path: Path) -> None:
    put, heard = inside(NEIGHBOURS, tmp_path)
    assert put is True
    assert heard == [
        {
            "name": "switch7",
            "chassis_id": "02:00:00:00:00:77",
            "port_id": "ge-0/0/3",
            "port": "to the rack",
        }
    ]


@pytest.mark.usefixtures("outside")
def test_a_real_card_leaves_to_the_machine_what_it_is_told(tmp_path: Path) -> None:
    if not which("ethtool"):
        pytest.skip("there is no ethtool here")
    before, told, quiet, again, mended, after, waking, gone, back = inside(OFFLOADS, tmp_path)
    assert (told, quiet) == (True, ["off", "on", "off"])
    assert again is False
    assert (mended, after) == (True, quiet)
    assert waking == "config.interfaces: card cannot wake by magic; it can by nothing"
    assert (gone, back) == (True, before)
