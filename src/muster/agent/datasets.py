"""Volumes of a pool of ZFS, and what each is for."""

from collections.abc import Iterator, Mapping

from muster.agent.machine import Machine

USES = ("incus", "linstor")
USE = "muster:use"  # a property of a data set; ZFS wants a colon in names that are not its own


def volumes(machine: Machine, pool: str) -> Iterator[Mapping[str, object]]:
    """Return the volumes of a pool that are for something."""
    columns = f"name,used,quota,{USE}"
    told = machine.ask("zfs", "list", "-H", "-p", "-d", "1", "-o", columns, pool)
    for line in told.out.splitlines() if told.code == 0 else ():
        name, used, quota, use = line.split("\t")
        if use in USES:
            yield {
                "name": name.partition("/")[2],
                "usage_in_bytes": int(used),
                "quota_in_bytes": int(quota),
                "use": use,
            }
