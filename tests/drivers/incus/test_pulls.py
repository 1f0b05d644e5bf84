"""Images that Incus fetches from other servers: what it is asked, and what is made of that."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from drivers.incus.scripted import Bed, begun, refused, scripted, told
from muster.base.errors import Permanent, Transient
from muster.model.catalog import Pull

DEBIAN = Pull(server="https://images.example.org", image="debian/12", name="debian")
OLD, NEW = "a" * 64, "b" * 64
MISSING = (404, refused("not found", 404))
FETCH, NAME = "POST /1.0/images", "GET /1.0/images/aliases/debian"
CALL, RECALL = "POST /1.0/images/aliases", "PUT /1.0/images/aliases/debian"


def image(fingerprint: str, *names: str, **but: Any) -> dict[str, Any]:
    plain = {
        "fingerprint": fingerprint,
        "aliases": [{"name": each} for each in names],
        "properties": {"description": "Debian"},
        "uploaded_at": "2030-01-01T00:00:00Z",
        "size": 7,
        "type": "container",
        "public": False,
    }
    return plain | but


def fetched(bed: Bed, *there: dict[str, Any], left: str = NEW) -> None:
    """Have Incus have these images, and fetch the one of that fingerprint."""
    bed.incus.says("GET /1.0/images", told(list(there)))
    bed.incus.says(f"GET /1.0/images/{left}", told(image(left)), told(image(left, "debian")))
    for each in there:
        bed.incus.says(f"GET /1.0/images/{each['fingerprint']}", told(each))
    ended = {"status_code": 200, "metadata": {"fingerprint": left, "size": "7"}}
    bed.incus.says("GET /1.0/operations/7/wait", told(ended))
    bed.incus.says(FETCH, begun())
    for line in (CALL, RECALL, f"PUT /1.0/images/{left}"):
        bed.incus.says(line, told({}))


def asked(bed: Bed, line: str) -> list[Any]:
    return [each.body for each in bed.incus.requests if each.line == line]


@pytest.fixture
async def bed(tmp_path: Any) -> AsyncIterator[Bed]:
    async with scripted(tmp_path) as made:
        made.incus.says(NAME, MISSING)
        fetched(made)
        yield made


async def pulled(bed: Bed, pull: Pull = DEBIAN) -> Any:
    assert bed.cloud.puller
    return await bed.cloud.puller.pull_image(pull)


async def test_incus_is_asked_in_its_words_and_told_to_leave_it_as_it_is(bed: Bed) -> None:
    made = await pulled(bed)
    assert (made.id, made.name, made.project) == (NEW, "debian", "")
    source = {
        "type": "image",
        "mode": "pull",
        "server": "https://images.example.org",
        "protocol": "simplestreams",
        "alias": "debian/12",
    }
    assert asked(bed, FETCH) == [{"source": source, "auto_update": False, "public": False}]
    assert asked(bed, CALL) == [{"name": "debian", "target": NEW, "description": ""}]


async def test_kind_certificate_and_fingerprint_are_passed_on(bed: Bed) -> None:
    more = {"machine": "virtual-machine", "certificate": "PEM", "protocol": "incus"}
    await pulled(bed, Pull(server="https://x", image=NEW, name="debian", **more))
    [body] = asked(bed, FETCH)
    assert body["source"] == {
        "type": "image",
        "mode": "pull",
        "server": "https://x",
        "protocol": "incus",
        "fingerprint": NEW,
        "image_type": "virtual-machine",
        "certificate": "PEM",
    }


async def test_a_newer_one_takes_the_name_over_and_the_old_one_stays(bed: Bed) -> None:
    came = {"server": DEBIAN.server, "alias": DEBIAN.image}
    fetched(bed, image(OLD, "debian", update_source=came))
    bed.incus.says(NAME, told({"name": "debian", "target": OLD}))
    assert (await pulled(bed)).id == NEW
    assert asked(bed, RECALL) == [{"target": NEW, "description": ""}]
    assert not asked(bed, CALL)
    assert not [line for line in bed.incus.lines() if line.startswith("DELETE")]


async def test_one_that_is_there_already_is_left_as_it_is(bed: Bed) -> None:
    came = {"server": DEBIAN.server, "alias": DEBIAN.image}
    ours = image(NEW, "debian", update_source=came, properties={"muster.id": "x"})
    fetched(bed, ours)
    bed.incus.says(NAME, told({"name": "debian", "target": NEW}))
    assert (await pulled(bed)).id == "x"
    assert not [line for line in bed.incus.lines() if line.startswith("PUT")]


async def test_one_that_incus_has_under_a_name_is_known_by_that(bed: Bed) -> None:
    came = {"server": DEBIAN.server, "alias": DEBIAN.image}
    fetched(bed, image(NEW, "debian", update_source=came))
    bed.incus.says(NAME, told({"name": "debian", "target": NEW}))
    failed = {"status_code": 400, "err": "Alias already exists: debian", "metadata": {}}
    bed.incus.says("GET /1.0/operations/7/wait", told(failed))
    assert (await pulled(bed)).id == NEW
    assert not [line for line in bed.incus.lines() if line.startswith("PUT")]


async def test_a_name_that_another_image_has_is_not_taken(bed: Bed) -> None:
    fetched(bed, image(OLD, "debian"))
    bed.incus.says(NAME, told({"name": "debian", "target": OLD}))
    with pytest.raises(Permanent, match="another image is called debian"):
        await pulled(bed)
    assert not asked(bed, FETCH)


async def test_whose_it_was_at_another_muster_is_taken_off(bed: Bed) -> None:
    told_there = {"muster.id": "x", "muster.installation": "y", "muster.port": "80", "os": "debian"}
    new = [told(image(NEW, properties=told_there)), told(image(NEW, "debian"))]
    bed.incus.says(f"GET /1.0/images/{NEW}", *new)
    await pulled(bed)
    [body] = asked(bed, f"PUT /1.0/images/{NEW}")
    assert body == {"public": False, "properties": {"muster.port": "80", "os": "debian"}}


async def test_a_name_taken_meanwhile_is_said(bed: Bed) -> None:
    bed.incus.says(CALL, (409, refused("Alias already exists", 409)))
    with pytest.raises(Transient, match="meanwhile"):
        await pulled(bed)
