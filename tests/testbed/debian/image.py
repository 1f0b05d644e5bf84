"""A Debian with cloud-init as `muster image build` makes it: once, kept in `.testbed`."""

import fcntl
import os
from hashlib import sha256
from pathlib import Path

import pytest

from muster.cli import cloud_init_image
from muster.cli.tarball import Lacking
from testbed.environments import KEPT


def image() -> Path:
    """Return the image, made if need be, or the one that MUSTER_CLOUD_INIT_IMAGE names.

    Skips the test, saying so, where it cannot be had.
    """
    if brought := os.environ.get("MUSTER_CLOUD_INIT_IMAGE"):
        return Path(brought)
    recipe = sha256(Path(cloud_init_image.__file__).read_bytes()).hexdigest()[:12]
    made = KEPT / f"cloud-init-{recipe}.tar.gz"
    KEPT.mkdir(exist_ok=True)
    with (KEPT / "cloud-init.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not made.exists():
            for old in KEPT.glob("cloud-init-*"):
                old.unlink()
            _make(made)
    return made


def _make(target: Path) -> None:
    new = target.with_suffix(".new")
    try:
        cloud_init_image.build(cloud_init_image.Recipe(), new)
    except Lacking as error:
        pytest.skip(f"an image with cloud-init cannot be had here: {error}")
    new.rename(target)
