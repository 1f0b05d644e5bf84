"""What is refused where real Incus members are: others' instances, and images that are bombs."""

import lzma
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from house import House, Refused, house, until
from incus_service import instances
from muster.client.http import Session
from muster.drivers.identity.users import add_user
from testbed.incus import fabric, rest
from testbed.incus.bed import settings
from testbed.incus.place import Place

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

PEOPLE = {"ann": {"red": ("member",)}, "root": {"red": ("admin",)}}
ADOPT = {
    "type": "os.nova.server-1.0",
    "overrides": {"context": {"region_name": "site"}},
}
SMALL = {"limits.cpu": "1", "limits.memory": "64MiB"}
CONTENT = 60 << 30  # bytes that a few hundred unpack to


@pytest.fixture
def place(incus_testbeds) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place: Place, tmp_path) -> Iterator[House]:
    """A house that asks everybody who he is."""
    said = ", ".join(f'{name} = "{value}"' for name, value in settings(place).items())
    clouds = f'{{site = {{kind = "incus", look_every_s = 1.0, {said}}}}}'
    home = tmp_path / "home"
    with (
        fabric.entered(place),
        house(home, MUSTER_CLOUDS=clouds, MUSTER_IDENTITY="basic") as made,
    ):
        for name, projects in PEOPLE.items():
            add_user(home / "users.toml", name, f"{name}-secret", projects)
        made.start()
        yield made


@contextmanager
def person(it: House, name: str) -> Iterator[Session]:
    with it.session(user=name, password=f"{name}-secret") as session:
        yield session


def theirs(place: Place, name: str, **config: str) -> None:
    """Have an instance that somebody made without Muster."""
    [image] = [e for e in _images(place) if e["properties"].get("name") == "demo-web"]
    source = {"type": "image", "fingerprint": image["fingerprint"]}
    body = {"name": name, "source": source, "config": SMALL | config, "start": True}
    rest.call(place.socket("m1"), "POST", "/1.0/instances", body)


def _images(place: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rest.call(place.socket("m1"), "GET", "/1.0/images?recursion=1")
    return found


def fingerprints(place: Place) -> set[str]:
    """Return which images there are; Incus lists them in no order that lasts."""
    return {image["fingerprint"] for image in _images(place)}


def test_a_project_adopts_what_its_owner_gave_it_and_nothing_else(it, place):
    theirs(place, "database")
    theirs(place, "given", **{"user.muster.project": "red"})
    with person(it, "ann") as ann, person(it, "root") as root:
        for path in ("adopt-preview", "adopt"):
            with pytest.raises(Refused) as refusal:
                ann.call("POST", f"/v1/nodes/{path}", {**ADOPT, "identity": "database"})
            assert refusal.value.status == 403
        assert not [k for k in instances(place)["database"]["config"] if k.startswith("user.")]
        assert instances(place)["database"]["status"] == "Running"

        ours = ann.call("POST", "/v1/nodes/adopt", {**ADOPT, "identity": "given"})["node"]
        assert ours["physical_id"] == "given"
        taken = root.call("POST", "/v1/nodes/adopt", {**ADOPT, "identity": "database"})["node"]
        for session, node in ((ann, ours), (root, taken)):
            session.call("DELETE", f"/v1/nodes/{node['id']}")
        until(lambda: not instances(place), 180, "both are gone")


def test_an_image_that_is_a_bomb_reaches_no_member(it, place, tmp_path):
    before = fingerprints(place)
    made = bomb(tmp_path / "bomb.tar.xz")
    query = {"cloud": "site", "name": "bomb"}
    with person(it, "ann") as ann, pytest.raises(Refused, match="unpacks to more than") as refusal:
        ann.send("/v1/images", iter([made.read_bytes()]), query)
    assert refusal.value.status == 400
    assert fingerprints(place) == before
    assert large_files(it.home) == []


def large_files(home: Path) -> list[Path]:
    """Return what of a house is large besides its database, which writes on all the while."""
    files = [Path(folder) / name for folder, _, names in os.walk(home) for name in names]
    found = []
    for each in files:
        with suppress(FileNotFoundError):  # it was there for a moment
            if each.stat().st_size > 1 << 20 and not each.name.startswith("muster.db"):
                found.append(each)
    return found


def bomb(path: Path) -> Path:
    """Make a tarball that says of one file that it has more bytes than a disk holds."""
    with lzma.open(path, "wb", preset=0) as file:
        entry = tarfile.TarInfo("rootfs/zeros")
        entry.size = CONTENT
        file.write(entry.tobuf())
        file.write(bytes(1 << 20))
    return path
