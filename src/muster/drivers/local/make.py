"""Making an instance: from an order to a folder, from a folder to a process."""

import os
from contextlib import ExitStack
from pathlib import Path

import msgspec

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.local import addresses, cgroups, manifest, processes, shelf, storage
from muster.drivers.local.folders import discard, discard_kept, locked, read, save
from muster.drivers.local.instance import Instance, Limits, Wanted
from muster.drivers.local.launch import start
from muster.drivers.local.networks import LOOPBACK
from muster.drivers.local.site import Site
from muster.model.placement import Affinity
from muster.model.step import ServerOrder

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make(site: Site, order: ServerOrder) -> Instance:
    """Return the ordered instance, made and started unless it was before."""
    folder = site.folders.instance(order.server_id)
    with locked(site.folders, order.server_id):
        there = read(folder)
        if there is None:
            return _made(site, order)
        if there.installation != site.installation:
            raise Permanent(f"{order.server_id} belongs to another installation")
        if there.wanted is Wanted.GONE:
            raise Transient(f"{there.name} is still being deleted")
        if there.process or there.wanted is Wanted.STOPPED:
            return there
        return start(site, there)


def _made(site: Site, order: ServerOrder) -> Instance:
    """Return a new instance, or leave nothing of it behind."""
    _check(order, site.host)
    image = shelf.find(site, order.spec.image)
    port = order.spec.port or shelf.manifest(site, image.id).port
    with ExitStack() as undo:
        address = addresses.reserve(
            site.folders.addresses, site.options.network, order.server_id, port
        )
        undo.callback(addresses.release, site.folders.addresses, address, order.server_id)
        undo.callback(_scrap, site, order)
        instance = _laid_out(site, order, f"{address}:{port}")
        started = start(site, instance, fresh=True)
        undo.pop_all()
    return started


def _scrap(site: Site, order: ServerOrder) -> None:
    """Leave neither process nor files of an instance whose making has failed."""
    processes.kill(processes.members(str(order.server_id), None))
    cgroups.remove(site.cgroups, order.server_id)
    discard_kept(site.folders, order.server_id)
    discard(site.folders.instance(order.server_id))


def _check(order: ServerOrder, host: str) -> None:
    spec = order.spec
    if spec.network not in ("", LOOPBACK):
        raise Permanent(f"there is no network {spec.network} here, only {LOOPBACK}")
    if spec.zones and "local" not in spec.zones:
        raise Permanent(f"there is no zone {spec.zones[0]} here, only local")
    if order.host not in ("", host):
        raise Permanent(f"there is no host {order.host} here, only {host}")
    if order.zone not in ("", "local"):
        raise Permanent(f"there is no zone {order.zone} here, only local")
    if order.group and order.group.affinity is Affinity.ANTI_AFFINITY:
        raise Permanent(f"group {order.group.name} cannot be kept apart: there is one host here")


def _laid_out(site: Site, order: ServerOrder, listen: str) -> Instance:
    """Return the instance with all its files, put under its name in one go."""
    folder = site.folders.instance(order.server_id)
    new = folder.with_name(f".new-{order.server_id}")
    for remains in (new, folder):  # of an attempt that was cut short, or cannot be read
        discard(remains)
    new.mkdir(mode=0o700)
    try:
        shelf.copy(site, order.spec.image, new / "work")
        instance = _instance(site, order, listen)
        _write_texts(new, order)
        storage.furnish(site, order, new)
        save(new, instance)
        new.rename(folder)
    except (OSError, DriverError):
        discard(new)
        raise
    return instance


def _write_texts(folder: Path, order: ServerOrder) -> None:
    spec = order.spec
    texts = {
        "user-data": spec.user_data,
        "metadata.json": msgspec.json.encode(dict(spec.metadata)).decode(),
        "authorized_keys": f"{spec.public_key}\n" if spec.public_key else "",
    }
    for name, text in texts.items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w") as file:
            file.write(text)


def _instance(site: Site, order: ServerOrder, listen: str) -> Instance:
    folder, work = site.folders.instance(order.server_id), site.folders.work(order.server_id)
    spec, said = order.spec, shelf.manifest(site, order.spec.image)
    version = shelf.find(site, spec.image).version
    address, _, port = listen.rpartition(":")
    fill = manifest.placeholders(work, listen, str(order.server_id))
    env = {
        "PATH": PATH,
        "HOME": str(work),
        "LANG": "C.UTF-8",
        **{name: manifest.filled(text, fill) for name, text in said.env.items()},
        "MUSTER_ADDRESS": address,
        "MUSTER_PORT": port,
        "MUSTER_NAME": order.name,
        "MUSTER_IMAGE": spec.image_name,
        "MUSTER_VERSION": version,
        "MUSTER_USER_DATA": str(folder / "user-data"),
        "MUSTER_METADATA": str(folder / "metadata.json"),
        "MUSTER_VOLUMES": str(folder / "volumes"),
        "MUSTER_AUTHORIZED_KEYS": str(folder / "authorized_keys"),
        "MUSTER_INSTALLATION": str(site.installation),
        processes.MARK: str(order.server_id),
    }
    return Instance(
        server_id=order.server_id,
        node_id=order.node_id,
        cluster_id=order.cluster_id,
        installation=site.installation,
        project=order.project,
        name=order.name,
        created=site.clock.now(),
        address=address,
        port=int(port),
        image=spec.image,
        image_version=version,
        command=tuple(manifest.filled(word, fill) for word in said.command),
        env=env,
        stop_s=said.stop_seconds,
        limits=Limits(
            vcpus=spec.flavor.vcpus,
            memory_mib=spec.flavor.memory_mib,
            open_files=site.options.open_files,
        ),
    )
