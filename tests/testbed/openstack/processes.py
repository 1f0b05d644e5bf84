"""The processes of a cloud, started and ended: by whoever has made it, or by somebody later."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import httpx2
import psutil

from testbed.openstack.daemons import APIS, command, surroundings
from testbed.openstack.place import Place

_END_S = 60
_SAME_S = 2  # the clock of the machine may have been put right in between


def start(place: Place, name: str, *keeping: int) -> None:
    """Start a process that does not run; `await_ready` says when it answers.

    It inherits those files of ours.
    """
    if process(place, name):
        return
    with place.log(name).open("ab") as log:
        made = subprocess.Popen(
            command(place, name),
            env=surroundings(place),
            cwd=place.base / "run",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=keeping,
        )
    _file(place, name).parent.mkdir(exist_ok=True)
    _file(place, name).write_text(f"{made.pid} {psutil.Process(made.pid).create_time()}")


def process(place: Place, name: str) -> psutil.Process | None:
    """Return the process that was started by that name, if it lives."""
    try:
        pid, began = _file(place, name).read_text().split()
        found = psutil.Process(int(pid))
        same = abs(found.create_time() - float(began)) < _SAME_S
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def _file(place: Place, name: str) -> Path:
    return place.base / "pids" / name


def end(place: Place, name: str, sign: signal.Signals = signal.SIGTERM) -> None:
    """End a process and its children; what does not end when asked is killed."""
    found = process(place, name)
    if found is None:
        return
    os.killpg(found.pid, sign)
    try:
        found.wait(_END_S)
    except psutil.TimeoutExpired:
        os.killpg(found.pid, signal.SIGKILL)
        found.wait(_END_S)
    if sign is not signal.SIGKILL:
        _end_children(found.pid)


def _end_children(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def hold(place: Place, name: str, *, on: bool) -> None:
    """Have a process stand still with open doors, or go on."""
    found = process(place, name)
    assert found, f"{name} does not run"
    os.killpg(found.pid, signal.SIGSTOP if on else signal.SIGCONT)


def dead(place: Place, names: Iterable[str]) -> list[str]:
    return [each for each in names if process(place, each) is None]


def await_ready(place: Place, name: str, patience_s: float = 180) -> None:
    """Wait until an API answers; raises with the end of its log if it ends instead."""
    deadline = time.monotonic() + patience_s
    while not _answers(place, name):
        if process(place, name) is None:
            raise RuntimeError(f"{name} has ended: {place.log(name).read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not answer after {patience_s:g} s")
        time.sleep(0.1)


def _answers(place: Place, name: str) -> bool:
    if name not in APIS:
        return True
    try:
        return httpx2.get(f"{place.url(name)}/", timeout=20).status_code < 500
    except httpx2.TransportError:
        return False
