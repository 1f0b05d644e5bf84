"""A server without an OpenStack pays nothing for those that have one."""

import subprocess
import sys

SAID = """
import sys
import muster.drivers.registry
print(sorted({"openstack", "keystoneauth1", "requests"} & sys.modules.keys()))
"""


def test_openstacksdk_is_loaded_by_nobody_who_opens_no_such_cloud() -> None:
    ended = subprocess.run([sys.executable, "-c", SAID], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
