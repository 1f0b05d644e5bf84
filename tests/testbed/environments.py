"""Environments of their own for services that tests run as they were released.

Made once from a lock and kept in `.testbed`, which `make clean` removes. A service is never
installed beside Muster: what it needs is its own business.
"""

import fcntl
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".testbed"


def environment(name: str) -> Path:
    """Return the folder of the environment of requirements/NAME.lock, made if need be.

    Skips the test, saying so, where the packages cannot be had.
    """
    lock = ROOT / "requirements" / f"{name}.lock"
    folder = KEPT / f"{name}-{sha256(lock.read_bytes()).hexdigest()[:12]}"
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            _make(folder, lock)
    return folder


def _make(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
    # The folder is named outright: by itself uv installs beside the python that runs it.
    python = folder / "bin" / "python"
    installer = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--compile-bytecode",
        "--python",
        python,
    ]
    if subprocess.run([*installer[:3], "--version"], capture_output=True).returncode:
        installer = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    done = subprocess.run(
        [*installer, "--quiet", "--require-hashes", "-r", lock],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"the packages of {lock.name} cannot be had here: {why}")
    (folder / "whole").touch()
