"""What may be done to an instance after it was made, up to taking it away."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.local import addresses, cgroups, processes, shelf
from muster.drivers.local.folders import discard, discard_kept, locked, read, save
from muster.drivers.local.instance import Instance, Wanted
from muster.drivers.local.launch import group, start, stop
from muster.drivers.local.site import Site
from muster.model.step import Operation


def find(site: Site, ref: str) -> Instance | None:
    """Return our instance of that name, None for what is nobody's or another installation's."""
    try:
        instance = read(site.folders.instance(UUID(ref)))
    except ValueError:
        return None
    return instance if instance and instance.installation == site.installation else None


def must_find(site: Site, ref: str) -> Instance:
    instance = find(site, ref)
    if not instance or instance.wanted is Wanted.GONE:
        raise Permanent(f"there is no server {ref}", ref=ref)
    return instance


def remove(site: Site, ref: str) -> None:
    """Take the instance away with all that belongs to it, beginning where it was left off."""
    there = find(site, ref)
    if not there:
        return
    with locked(site.folders, there.server_id):
        instance = find(site, ref)
        if instance:
            take_away(site, instance)


def take_away(site: Site, instance: Instance) -> None:
    """Do what `remove` says; the caller holds the lock."""
    folder = site.folders.instance(instance.server_id)
    stop(site, save(folder, replace(instance, wanted=Wanted.GONE)))
    cgroups.remove(site.cgroups, instance.server_id)
    addresses.release(site.folders.addresses, instance.address, instance.server_id)
    discard_kept(site.folders, instance.server_id)
    discard(folder)


def operate(site: Site, ref: str, operation: Operation) -> None:
    """Do it; raises `Permanent` for what is not there and for what cannot be done here."""
    there = must_find(site, ref)
    with locked(site.folders, there.server_id):
        instance = must_find(site, ref)
        if operation in UNABLE:
            raise Permanent(UNABLE[operation])
        OPERATIONS[operation](site, instance)


def _start(site: Site, instance: Instance) -> None:
    folder = site.folders.instance(instance.server_id)
    start(site, save(folder, replace(instance, wanted=Wanted.RUNNING)))


def _stop(site: Site, instance: Instance) -> None:
    folder = site.folders.instance(instance.server_id)
    stop(site, save(folder, replace(instance, wanted=Wanted.STOPPED)))


def _reboot(site: Site, instance: Instance) -> None:
    _start(site, stop(site, replace(instance, wanted=Wanted.RUNNING)))


def _rebuild(site: Site, instance: Instance) -> None:
    """Bring the files back to what the image says. See Note [Rebuilding]."""
    folder, work = (f(instance.server_id) for f in (site.folders.instance, site.folders.work))
    new = folder / "work.new"
    discard(folder / ".work.copy")
    shelf.copy(site, instance.image, folder / ".work.copy")
    discard(new)
    (folder / ".work.copy").rename(new)
    stopped = stop(site, replace(instance, wanted=Wanted.RUNNING))
    discard(work)
    _start(site, stopped)


# Note [Rebuilding]
# The new files are complete, under the name `work.new`, before the old ones go. An
# instance that has no `work` when it is started takes `work.new` for it: so a cut
# between the two leaves nothing to repair, only something to start.


def _pause(site: Site, instance: Instance) -> None:
    processes.send(group(instance), signal.SIGSTOP)


def _unpause(site: Site, instance: Instance) -> None:
    processes.send(group(instance), signal.SIGCONT)


OPERATIONS: Mapping[Operation, Callable[[Site, Instance], None]] = {
    Operation.REBOOT: _reboot,
    Operation.REBUILD: _rebuild,
    Operation.START: _start,
    Operation.STOP: _stop,
    Operation.PAUSE: _pause,
    Operation.UNPAUSE: _unpause,
    Operation.RESTART: _reboot,
}
_NO_DISK = "a process cannot be suspended to disk; pause it instead"
_NO_LOCK = "an instance here is locked to nobody: whoever may use the cluster may operate it"
_NO_RESCUE = "an instance here has no disk of its own to be rescued; rebuild it instead"
UNABLE: Mapping[Operation, str] = {
    Operation.SUSPEND: _NO_DISK,
    Operation.RESUME: _NO_DISK,
    Operation.LOCK: _NO_LOCK,
    Operation.UNLOCK: _NO_LOCK,
    Operation.RESCUE: _NO_RESCUE,
    Operation.UNRESCUE: _NO_RESCUE,
    Operation.CHANGE_PASSWORD: "nobody logs in to an instance here: it has no password",
    Operation.EVACUATE: "the local cloud is one host, this machine",
}
