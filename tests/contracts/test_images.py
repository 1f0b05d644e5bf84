"""What every cloud promises about images."""

import tarfile
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.clouds import MANIFEST, Bed
from muster.base.errors import Invalid, Permanent
from muster.model.observed import Seen


@pytest.fixture
def folder(bed: Bed, tmp_path: Path) -> Path:
    made = tmp_path / "an-image"
    made.mkdir()
    (made / "muster-image.toml").write_text(MANIFEST)
    bed.furnish(made)
    return made


async def test_there_are_two_versions_of_a_demo_from_the_start(bed: Bed) -> None:
    names = {image.name: image for image in await bed.cloud.images.list_images()}
    assert {"demo-web", "demo-web-v2"} <= names.keys()
    assert names["demo-web"].version != names["demo-web-v2"].version
    assert names["demo-web"].status == "active"


async def test_a_folder_becomes_an_image(bed: Bed, folder: Path) -> None:
    image_id = uuid4()
    image = await bed.cloud.images.import_image(image_id, "mine", "demo", folder)
    assert (image.id, image.name, image.project) == (str(image_id), "mine", "demo")
    assert (image.version, image.port, image.health_path) == ("7", 8080, "/health")
    assert image.id in {each.id for each in await bed.cloud.images.list_images()}


async def test_a_tarball_becomes_an_image(bed: Bed, folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "an-image.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder, ".")
    image = await bed.cloud.images.import_image(uuid4(), "mine", "demo", packed)
    assert image.version == "7"


async def test_importing_twice_is_one_image(bed: Bed, folder: Path) -> None:
    image_id = uuid4()
    for _ in range(2):
        await bed.cloud.images.import_image(image_id, "mine", "demo", folder)
    listed = [image.id for image in await bed.cloud.images.list_images()]
    assert listed.count(str(image_id)) == 1


@pytest.mark.parametrize(
    "manifest", ["", "name = ", 'name = "tested"\nport = "many"', 'name = "tested"\nport = 70000']
)
async def test_a_wrong_manifest_is_refused_and_leaves_nothing(
    bed: Bed, folder: Path, manifest: str
) -> None:
    (folder / "muster-image.toml").write_text(manifest)
    before = await bed.cloud.images.list_images()
    with pytest.raises(Invalid) as refusal:
        await bed.cloud.images.import_image(uuid4(), "mine", "demo", folder)
    assert refusal.value.text
    assert "field" in refusal.value.details
    assert await bed.cloud.images.list_images() == before


async def test_no_manifest_no_tarball_no_file_are_refused(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no tarball")
    for source in ("empty", "text", "nothing"):
        with pytest.raises(Invalid):
            await bed.cloud.images.import_image(uuid4(), "mine", "demo", tmp_path / source)


async def test_a_snapshot_of_a_server_becomes_an_image_that_servers_are_made_of(bed: Bed) -> None:
    cluster, image_id = uuid4(), uuid4()
    server = await bed.running(bed.order(cluster))
    saved = await bed.cloud.images.snapshot(image_id, "saved", "demo", server.ref)
    again = await bed.cloud.images.snapshot(image_id, "saved", "demo", server.ref)
    assert saved.id == again.id == str(image_id)
    assert saved.snapshot_of

    async def active() -> bool:
        listed = {image.id: image.status for image in await bed.cloud.images.list_images()}
        return listed.get(saved.id) == "active"

    await bed.until(active)
    copy = bed.order(cluster, 1, image=saved.id, image_name=saved.name)
    assert (await bed.running(copy)).seen is Seen.RUNNING
    for each in await bed.cloud.compute.list_servers(cluster):
        await bed.cloud.compute.delete_server(each.ref)


async def test_a_snapshot_of_nothing_is_refused_for_good(bed: Bed) -> None:
    with pytest.raises(Permanent):
        await bed.cloud.images.snapshot(uuid4(), "saved", "demo", "never-there")


async def test_servers_outlive_the_image_they_were_made_from(bed: Bed, folder: Path) -> None:
    server = await bed.running(bed.order(uuid4()))
    image = await bed.cloud.images.snapshot(uuid4(), "saved", "demo", server.ref)

    async def active() -> bool:
        listed = {each.id: each.status for each in await bed.cloud.images.list_images()}
        return listed.get(image.id) == "active"

    await bed.until(active)
    order = bed.order(uuid4(), image=image.id, image_name=image.name)
    await bed.running(order)
    await bed.cloud.images.delete_image(image.id)
    assert (await bed.shown(order)).seen is Seen.RUNNING
    for each in await bed.cloud.compute.list_servers():
        await bed.cloud.compute.delete_server(each.ref)


async def test_a_deleted_image_is_gone_and_deleting_it_again_is_no_error(
    bed: Bed, folder: Path
) -> None:
    image = await bed.cloud.images.import_image(uuid4(), "mine", "demo", folder)
    for _ in range(2):
        await bed.cloud.images.delete_image(image.id)
    await bed.cloud.images.delete_image(str(uuid4()))
    assert image.id not in {each.id for each in await bed.cloud.images.list_images()}
