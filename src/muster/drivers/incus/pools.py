"""Which storage pools there are, and which one instances and volumes are in."""

from muster.base.errors import Permanent
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Rest, path


async def pools(rest: Rest) -> tuple[str, ...]:
    """Return the names of all pools that are ready to be used."""
    listed = await rest.get("/1.0/storage-pools", recursion="1")
    return tuple(each["name"] for each in listed if each.get("status", "Created") == "Created")


async def pool_of(rest: Rest, options: Options) -> str:
    """Return the pool of root disks: the one in the options, or the profile's."""
    if options.pool:
        return options.pool
    profile = await rest.get(path("profiles", options.profile))
    disks = profile["devices"].values()
    pools = (each["pool"] for each in disks if each["type"] == "disk" and each["path"] == "/")
    found = next(pools, "")
    if not found:
        text = f"profile {options.profile} has no root disk, and no pool is set"
        raise Permanent(text)
    return str(found)
