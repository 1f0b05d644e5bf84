"""What Incus is told to make, from what was ordered."""

import json
from collections.abc import Mapping
from math import ceil
from typing import Any
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.incus.tags import PREFIX, instance_name, written
from muster.model.catalog import VIRTUAL, Flavor
from muster.model.step import ServerOrder

PERIOD_MS = 100
CONTAINER = "container"
METADATA = "user.metadata."
DISKS = f"{PREFIX}disks"
CLOUD_CONFIG = "#cloud-config"


def instance(order: ServerOrder, installation: UUID, profile: str, pool: str) -> Mapping[str, Any]:
    """Return the body of the creation of an instance.

    It is started at once, unless it has disks of its own to be given first.
    """
    spec = order.spec
    tags = written(order, installation)
    devices: dict[str, Mapping[str, str]] = {"root": _root(tags, spec.flavor, pool)}
    if spec.network:
        devices["eth0"] = {"type": "nic", "network": spec.network, "name": "eth0"}
    config = {**tags, **limits(spec.flavor), **_seed(order)}
    config |= {f"{METADATA}{name}": str(value) for name, value in spec.metadata.items()}
    config |= {DISKS: str(len(spec.disks))} if spec.disks else {}
    return {
        "name": instance_name(order),
        "type": spec.flavor.machine or CONTAINER,
        "start": not spec.disks,
        "profiles": [profile],
        "config": config,
        "devices": devices,
    }


# Note [Tags on the root disk]
# The configuration of an instance can be read only while its member answers. That of its root
# disk stands in the database that all members share. So the tags are written there too, in the
# one way that Incus offers: as first values of the volume's own configuration.
def _root(tags: Mapping[str, str], flavor: Flavor, pool: str) -> Mapping[str, str]:
    """See Note [Tags on the root disk]."""
    disk = {"type": "disk", "path": "/", "pool": pool}
    if flavor.disk_gib:
        disk["size"] = f"{flavor.disk_gib}GiB"
    return disk | {f"initial.{name}": value for name, value in tags.items()}


def limits(flavor: Flavor) -> Mapping[str, str]:
    """Return what keeps an instance to its flavor: whole processors, and a share of their time.

    A virtual machine has its memory, and whole processors only.
    """
    if flavor.vcpus <= 0 or flavor.memory_mib <= 0:
        raise Permanent(f"flavor {flavor.name} has no processor or no memory")
    said = {
        "limits.cpu": str(ceil(flavor.vcpus)),
        "limits.memory": f"{flavor.memory_mib}MiB",
    }
    if flavor.machine == VIRTUAL:
        return said
    said["limits.memory.enforce"] = "hard"
    if flavor.vcpus != ceil(flavor.vcpus):
        said["limits.cpu.allowance"] = f"{round(flavor.vcpus * PERIOD_MS)}ms/{PERIOD_MS}ms"
    return said


# Note [Keys twice]
# An image with cloud-init takes a key from the cloud configuration; a small one without it has
# a template that writes `user.ssh-keys` into the file. User data that is a script has no room
# for a key, and cloud-init reads a second document only from vendor data: there it stands.
def _seed(order: ServerOrder) -> Mapping[str, str]:
    """Return user data and key as images take them. See Note [Keys twice]."""
    spec, said = order.spec, {}
    if spec.user_data:
        said["cloud-init.user-data"] = spec.user_data
    if spec.public_key:
        key = spec.public_key.strip()
        said["user.ssh-keys"] = key
        quoted = json.dumps(key, ensure_ascii=False)  # which is YAML: a comment may have ": "
        said["cloud-init.vendor-data"] = f"{CLOUD_CONFIG}\nssh_authorized_keys:\n  - {quoted}\n"
    return said


def source(image: str) -> Mapping[str, str]:
    """Return where the image is found: by our alias, or by the fingerprint of the server's own."""
    try:
        return {"type": "image", "alias": alias(UUID(image))}
    except ValueError:
        return {"type": "image", "fingerprint": image}


def alias(image_id: UUID) -> str:
    return f"muster-{image_id}"
