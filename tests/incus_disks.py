"""Volumes on real Incus members: which there are, and what servers write on them."""

from typing import Any

from incus_service import instances
from testbed.incus import rest
from testbed.incus.place import Place


def volumes(place: Place) -> dict[str, Any]:
    """Return the volumes of the default pool that outlive instances, by the names we gave them."""
    listed = rest.call(
        place.socket("m1"), "GET", "/1.0/storage-pools/default/volumes/custom?recursion=1"
    )
    return {each["config"]["user.muster.name"]: each for each in listed}


def called_so(made: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the instance that we gave that name."""
    [found] = [each for each in made.values() if each["config"]["user.muster.name"] == name]
    return dict(found)


def written_through(place: Place, name: str, disk: dict[str, Any]) -> None:
    """See that what the server writes lies on the volume, on that member's own disk."""
    server = called_so(instances(place), name)
    where = f"/mnt/{disk['config']['user.muster.name']}"
    words = ["sh", "-c", f"echo kept > {where}/note"]
    asked = {"command": words, "wait-for-websocket": False, "record-output": False}
    rest.call(place.socket("m1"), "POST", f"/1.0/instances/{server['name']}/exec", asked)
    assert note(place, disk) == "kept\n"


def note(place: Place, disk: dict[str, Any]) -> str:
    """Return what lies on a volume, read on the member's own disk."""
    pool = place.folder(disk["location"]) / "incus" / "storage-pools" / "default" / "custom"
    return (pool / f"default_{disk['name']}" / "note").read_text()
