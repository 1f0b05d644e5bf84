"""Whether tests can have a real HAProxy."""

import os
import shutil

import pytest

PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def needed() -> None:
    """Skip the test, naming what to install, where there is no HAProxy."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *PLACES])
    if shutil.which("haproxy", path=path) is None:
        pytest.skip("no HAProxy is installed: sudo apt-get install haproxy")
