"""The kernel's own settings, really turned: in a network namespace that ends with the test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import muster

pytestmark = pytest.mark.system

SOURCE = str(Path(muster.__file__).parents[1])
KNOBS = Path("/proc/sys/net/ipv4")
INSIDE = """
import json, os, sys
from pathlib import Path
from muster.agent.machine import Machine
from muster.agent.routes import assembled
from muster.agent.runner import RecordingRunner
from muster.base.errors import MusterError

root, outside = Path(sys.argv[1]), sys.argv[2]
assert os.readlink("/proc/self/ns/net") != outside
(root / "proc/sys").mkdir(parents=True)
(root / "proc/sys/net").symlink_to("/proc/sys/net")
keeper = assembled(Machine(RecordingRunner(), root)).keeper
keeper.start()

def told():
    names = ("tcp_congestion_control", "tcp_mtu_probing")
    return [Path("/proc/sys/net/ipv4", name).read_text().strip() for name in names]

def put(network):
    try:
        return keeper.put("system/kernel", {"network": network} if network else {})
    except MusterError as error:
        return error.text

said = [told()]
for network in (
    {"tcp_congestion_algorithm": sys.argv[3], "tcp_mtu_probing": True},
    {"tcp_congestion_algorithm": sys.argv[3], "tcp_mtu_probing": True},
    {"tcp_congestion_algorithm": sys.argv[3], "netdev_max_backlog": 5000},
    None,
):
    said += [put(network), told()]
print(json.dumps(said))
"""


@pytest.mark.parametrize("algorithm", ["bbr", "reno"])
def test_settings_are_turned_refused_and_put_back_by_a_real_kernel(
    tmp_path: Path, algorithm: str
) -> None:
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    known = (KNOBS / "tcp_available_congestion_control").read_text().split()
    if algorithm not in known:
        pytest.skip(f"this kernel does not know {algorithm}")
    outside = os.readlink("/proc/self/ns/net")
    before = (KNOBS / "tcp_congestion_control").read_text()
    done = subprocess.run(
        [*words, sys.executable, "-S", "-c", INSIDE, str(tmp_path / "root"), outside, algorithm],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    blank, first, turned, again, kept, refused, unchanged, emptied, back = json.loads(done.stdout)
    assert (first, turned) == (True, [algorithm, "1"])
    assert (again, kept) == (False, [algorithm, "1"])
    assert "has no net.core.netdev_max_backlog" in refused
    assert unchanged == [algorithm, "1"]
    assert (emptied, back) == (True, blank)
    assert (KNOBS / "tcp_congestion_control").read_text() == before
