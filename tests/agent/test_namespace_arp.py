"""Who answers for an address, where a real machine has two interfaces in one segment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import muster

pytestmark = pytest.mark.system
SOURCE = str(Path(muster.__file__).parents[1])
ALONE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
OWN, UPLINK = "02:00:00:00:00:05", "02:00:00:00:00:06"
# As others in the segment ask: whoever answers is told by his hardware address.
ASKING = """
import json, socket, sys, time
ours, asked = bytes.fromhex("020000000001"), socket.inet_aton("10.0.0.5")
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as line:
    line.bind(("wire", 0x0806))
    head = bytes.fromhex("0806 0001 0800 06 04 0001".replace(" ", ""))
    said = head + ours + socket.inet_aton("10.0.0.1") + bytes(6) + asked
    line.send(b"\\xff" * 6 + ours + said)
    line.settimeout(0.2)
    heard, end = set(), time.monotonic() + 1
    while time.monotonic() < end:
        try:
            frame = line.recv(100)
        except TimeoutError:
            continue
        if frame[20:22] == b"\\0\\2" and frame[28:32] == asked:
            heard.add(frame[22:28].hex(":"))
print(json.dumps(sorted(heard)))
"""
PROGRAM = f"""
import json, os, subprocess, sys, time
from pathlib import Path
from muster.agent.machine import Machine
from muster.agent.routes import assembled
from muster.agent.runner import RecordingRunner

root = Path(sys.argv[1])
assert os.readlink("/proc/self/ns/net") != sys.argv[2]
(root / "proc/sys").mkdir(parents=True)
(root / "proc/sys/net").symlink_to("/proc/sys/net")

def ip(words):
    subprocess.run(["ip", *words.split()], check=True)

others = subprocess.Popen(["unshare", "--net", "sleep", "120"])
there = f"/proc/{{others.pid}}/ns/net"
end = time.monotonic() + 10
while os.readlink(there) == os.readlink("/proc/self/ns/net"):
    assert time.monotonic() < end
    time.sleep(0.01)

def outside(*words):
    done = subprocess.run(["nsenter", f"--net={{there}}", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout

outside("ip", "link", "add", "wire", "address", "02:00:00:00:00:01", "type", "bridge")
outside("ip", "link", "set", "wire", "up")
for card, address in (("own", "{OWN}"), ("uplink", "{UPLINK}")):
    ip(f"link add {{card}} address {{address}} type veth peer name at-{{card}}")
    ip(f"link set at-{{card}} netns {{others.pid}}")
    outside("ip", "link", "set", f"at-{{card}}", "master", "wire", "up")
    ip(f"link set {{card}} up")
ip("address add 10.0.0.5/24 dev own")

def answering():
    return json.loads(outside(sys.executable, "-c", {ASKING!r}))

def both():
    end = time.monotonic() + 20
    while len(heard := answering()) < 2 and time.monotonic() < end:
        pass
    return heard

first = both()
keeper = assembled(Machine(RecordingRunner(), root)).keeper
keeper.start()
chassis = {{"enabled": True, "database": "tcp:10.0.0.1:6642", "tunnel_address": "10.0.0.5"}}
keeper.put("services/ovn", chassis)
said = [first, answering()]
keeper.put("services/ovn", {{}})
print(json.dumps([*said, both()]))
"""


def test_a_chassis_is_reached_by_its_own_interface_and_not_by_the_uplink(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a namespace")
    if subprocess.run([*ALONE, "true"], capture_output=True).returncode:
        pytest.skip("no namespace can be made here")
    (tmp_path / "program.py").write_text(PROGRAM)
    outside = os.readlink("/proc/self/ns/net")
    words = (sys.executable, "-S", str(tmp_path / "program.py"), str(tmp_path / "root"), outside)
    done = subprocess.run(
        [*ALONE, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    before, chassis, after = json.loads(done.stdout)
    assert before == [OWN, UPLINK]
    assert chassis == [OWN]
    assert after == [OWN, UPLINK]
