"""Debian as it comes, with Muster installed as the README says: made once, kept in `.testbed`."""

import fcntl
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from testbed.debian.mirror import URL
from testbed.environments import KEPT, ROOT
from testbed.incus.place import run

PACKAGES = "systemd-sysv,dbus,python3,python3-venv,ca-certificates,iproute2"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE_S = 300.0
SCRIPT = Path(__file__).with_name("make.sh")


def lacking(programs: Sequence[str]) -> str:
    """Return what this machine lacks for making a Debian, "" if nothing."""
    missing = [each for each in ("debootstrap", "apt-get", *programs) if not shutil.which(each)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not upstream():
        return "apt's sources name no mirror of Debian"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "this kernel has no overlay file system"
    return ""


def upstream() -> str:
    """Return where this machine's own packages come from, "" if not from Debian."""
    shape = "$(SITE) $(REPO_URI) $(LABEL) $(CREATED_BY)"
    for line in run("apt-get", "indextargets", "--format", shape).splitlines():
        _, where, label, kind = line.split(" ", 3)
        if (label, kind) == ("Debian", "Packages"):
            return where
    return ""


def root(suite: str) -> Path:
    """Return the folder of that release, made if need be. Skips where it cannot be had."""
    folder = KEPT / f"debian-{suite}-{_recipe(suite)}"
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"debian-{suite}.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not folder.exists():
            for old in KEPT.glob(f"debian-{suite}-*"):
                shutil.rmtree(old)
            _make(suite, folder)
    return folder


def _recipe(suite: str) -> str:
    told = sha256(f"{suite} {PACKAGES} {URL}".encode() + SCRIPT.read_bytes())
    for name in ("requirements/run.lock", "requirements/installer.lock", "pyproject.toml"):
        told.update((ROOT / name).read_bytes())
    return told.hexdigest()[:12]


def _make(suite: str, folder: Path) -> None:
    new = folder.with_name(f"{folder.name}.new")
    alone = ("unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL")
    try:
        run(*alone, "bash", SCRIPT, suite, PACKAGES, upstream(), URL, ROOT, new)
    except RuntimeError as error:
        pytest.skip(f"Debian {suite} cannot be had here: {str(error)[-300:]}")
    new.rename(folder)
