"""Finishing what was begun, when the server that began it was cut short."""

import os
from dataclasses import replace
from uuid import UUID

from muster.base.errors import DriverError
from muster.base.log import log
from muster.drivers.local import addresses, cgroups, processes, storage
from muster.drivers.local.folders import discard, locked, read
from muster.drivers.local.instance import Instance, Wanted
from muster.drivers.local.launch import start, stop
from muster.drivers.local.operate import take_away
from muster.drivers.local.site import Site


def resume(site: Site) -> None:
    """Bring every instance to what its record wants, and remove what belongs to none.

    What somebody is at work on is left to him. Instances run again after the machine
    itself was restarted; one whose process has ended otherwise is left to be judged.
    """
    names = sorted(os.listdir(site.folders.instances))
    for name in names:
        base = name.removeprefix(".new-").removeprefix(".gone-")
        if not _is_id(base):
            continue
        with locked(site.folders, base, wait=False) as free:
            if free:
                _resume(site, name)
    _sweep(site, set(names))
    storage.sweep(site)


def _resume(site: Site, name: str) -> None:
    if name.startswith("."):
        discard(site.folders.instances / name)
        return
    instance = read(site.folders.instance(name))
    if instance is None:
        _drop_unreadable(site, name)
    elif instance.installation == site.installation:
        try:
            _bring(site, instance)
        except (OSError, DriverError) as error:  # it stays as it is, and is seen as it is
            log().warning("local.resume_failed", instance=name, reason=str(error))


def _bring(site: Site, instance: Instance) -> None:
    process = instance.process
    if instance.wanted is Wanted.GONE:
        take_away(site, instance)
    elif instance.wanted is Wanted.STOPPED:
        stop(site, instance)
    elif process is None:
        start(site, instance)
    elif process.boot != processes.boot():
        start(site, replace(instance, process=None))


def _drop_unreadable(site: Site, name: str) -> None:
    """Remove a folder without a whole record: only a power cut leaves one."""
    log().warning("local.unreadable", instance=name)
    processes.kill(processes.members(name, None))
    discard(site.folders.instance(name))


def _sweep(site: Site, names: set[str]) -> None:
    known = names | set(os.listdir(site.folders.instances))
    for link in list(site.folders.addresses.iterdir()):
        owner = os.readlink(link)
        if owner not in known and _is_id(owner):
            with locked(site.folders, owner, wait=False) as free:
                if free and not site.folders.instance(owner).exists():
                    addresses.release(site.folders.addresses, link.name, UUID(owner))
    for name in cgroups.names(site.cgroups):
        if name not in known:
            cgroups.remove(site.cgroups, name)
    for folder in [*site.folders.images.iterdir(), *site.folders.volumes.iterdir()]:
        if folder.name.startswith("."):
            with locked(site.folders, folder.name.partition("-")[2], wait=False) as free:
                if free:
                    discard(folder)


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
