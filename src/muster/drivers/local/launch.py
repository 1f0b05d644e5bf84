"""Starting and ending the processes of an instance."""

import signal
import subprocess
import time
from dataclasses import replace
from itertools import chain

from muster.base.errors import Transient
from muster.drivers.local import cgroups, processes
from muster.drivers.local.folders import save
from muster.drivers.local.instance import Instance, Process, running
from muster.drivers.local.processes import Stat
from muster.drivers.local.site import Site

# The shell sets the limits on itself and then becomes the program: so they hold from its
# first instruction, and nothing of ours runs between the fork and the exec.
SHELL = """\
ulimit -c 0
ulimit -n "$1" 2>/dev/null || :
[ "$2" = 0 ] || ulimit -d "$2" 2>/dev/null || :
shift 2
while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 126; shift; done
shift
exec "$@"
"""


# Note [One process]
# The server may be killed at any instruction, and yet an instance must never run
# twice, nor not at all. Three records exist, written in this order: the folder,
# complete, before anything is started; the mark in the environment, which is there
# from the instant the process is; the process's number in the folder, afterwards.
# Who finds a folder without a number looks for the mark before he starts anything.
# A lock on the instance keeps two from doing so at once. A number is only believed
# together with the time at which that process was started.
def start(site: Site, instance: Instance, *, fresh: bool = False) -> Instance:
    """Return the instance with its process, found or started; the caller holds its lock.

    `fresh` promises that it was never started, which saves the search.
    See Note [One process].
    """
    if instance.process and running(instance, processes.stat(instance.process.pid)):
        return instance
    there = [] if fresh else processes.members(str(instance.server_id), None)
    leaders = [each for each in there if processes.leads(each)]
    if leaders:
        return _recorded(site, instance, leaders[0])
    processes.kill(there)  # what an earlier run of it has left
    return _recorded(site, instance, _spawned(site, instance))


def stop(site: Site, instance: Instance) -> Instance:
    """Return the instance without any process: asked to end, then killed. Its lock is held.

    Raises `Transient` if one does not die. The record is written.
    """
    process = instance.process
    leads = process and running(instance, processes.stat(process.pid))
    session = process.pid if process and leads else None
    owner = str(instance.server_id)
    _end(processes.members(owner, session), instance.stop_s)
    for _ in range(3):  # who forks faster than we look is caught the next time
        left = processes.members(owner, session)
        if not left:
            break
        processes.kill(left)
    else:
        raise Transient(f"process {left[0].pid} of {instance.name} does not die")
    if process:
        reap(site, process.pid)
    return save(site.folders.instance(owner), replace(instance, process=None))


def group(instance: Instance) -> list[Stat]:
    """Return the living processes of a running instance."""
    process = instance.process
    if not process or not running(instance, processes.stat(process.pid)):
        return []
    return processes.members(str(instance.server_id), process.pid)


def reap(site: Site, pid: int) -> None:
    """Take notice of a child's end, so that the system forgets it."""
    child = site.children.get(pid)
    if child and child.poll() is not None:
        site.children.pop(pid, None)


def _recorded(site: Site, instance: Instance, leader: Stat) -> Instance:
    process = Process(pid=leader.pid, started=leader.started, boot=processes.boot())
    folder = site.folders.instance(instance.server_id)
    return save(folder, replace(instance, process=process))


def _spawned(site: Site, instance: Instance) -> Stat:
    folder, work = (f(instance.server_id) for f in (site.folders.instance, site.folders.work))
    if not work.exists():  # cut short while it was being rebuilt
        (folder / "work.new").rename(work)
    (folder / "end").unlink(missing_ok=True)
    limits = instance.limits
    enter = cgroups.prepare(site.cgroups, instance.server_id, limits)
    memory_kib = 0 if site.cgroups.memory else limits.memory_mib * 1024
    words = map(str, chain((limits.open_files, memory_kib), enter, ("--",), instance.command))
    with open(site.folders.log(instance.server_id), "ab", buffering=0) as output:
        child = subprocess.Popen(
            ["/bin/sh", "-c", SHELL, "sh", *words],
            cwd=work,
            env=dict(instance.env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    site.children[child.pid] = child
    leader = processes.stat(child.pid)
    if not leader:
        raise Transient(f"the process of {instance.name} was gone at once")
    return leader


def _end(some: list[Stat], patience_s: float) -> None:
    """Ask these processes to end, and kill those that have not when patience is over."""
    processes.send(some, signal.SIGTERM)
    processes.send(some, signal.SIGCONT)  # one that is paused could not hear it
    until = time.monotonic() + patience_s
    some = [
        each for each in some if not processes.await_end(each, max(0, until - time.monotonic()))
    ]
    processes.kill(some)
