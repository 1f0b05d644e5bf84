"""Which images are taken in, which are refused and in which words."""

import io
import json
import os
import tarfile
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.local.grounds import an_order, demo, opened, program, the, until
from muster.base.errors import Conflict, Invalid, Permanent
from muster.drivers.local import manifest
from muster.model.observed import Seen
from muster.ports.cloud import Cloud
from patience import examples

GOOD = {"name": "mine", "command": ["{python}", "{image}/main.py"]}


def folder_of(path: Path, said: object) -> Path:
    path.mkdir()
    (path / "muster-image.json").write_text(json.dumps(said))
    return path


def member(name: str, content: bytes = b"", **but: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in but.items():
        setattr(info, key, value)
    return info, content


def tarball(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


MANIFEST = member("muster-image.json", json.dumps(GOOD).encode())


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"name": ""}, "name", "name must be a text"),
        ({"name": 7}, "name", "name must be a text"),
        ({"command": []}, "command", "a list of texts"),
        ({"command": "python"}, "command", "a list of texts"),
        ({"command": ["a", 1]}, "command", "a list of texts"),
        ({"port": 0}, "port", "from 1 to 65535"),
        ({"port": 70000}, "port", "from 1 to 65535"),
        ({"port": True}, "port", "from 1 to 65535"),
        ({"port": 80.5}, "port", "from 1 to 65535"),
        ({"health_path": "health"}, "health_path", "begins with /"),
        ({"env": ["A=1"]}, "env", "names and texts"),
        ({"env": {"A": 1}}, "env", "names and texts"),
        ({"env": {"A-B": "1"}}, "env", "names and texts"),
        ({"stop_seconds": -1}, "stop_seconds", "from 0 to 300"),
        ({"stop_seconds": "soon"}, "stop_seconds", "from 0 to 300"),
        ({"version": 2}, "version", "version must be a text"),
        ({"prot": 80}, "prot", "no field is called 'prot'"),
    ],
)
def test_a_wrong_field_is_named(wrong: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(Invalid) as refusal:
        manifest.parsed(GOOD | wrong, "muster-image.toml")
    assert refusal.value.details["field"] == field
    assert said in refusal.value.text


@pytest.mark.parametrize("missing", ["name", "command"])
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(Invalid, match=f"{missing} is missing"):
        manifest.parsed({k: v for k, v in GOOD.items() if k != missing}, "muster-image.toml")


def test_a_manifest_says_all_it_can() -> None:
    said = manifest.parsed(
        tomllib.loads(
            'name = "web"\nversion = "2"\ncommand = ["{python}"]\nport = 90\n'
            'health_path = "/up"\nstop_seconds = 2\n[env]\nA = "1"'
        ),
        "muster-image.toml",
    )
    assert said == manifest.Manifest(
        name="web",
        version="2",
        command=("{python}",),
        port=90,
        health_path="/up",
        stop_seconds=2,
        env={"A": "1"},
    )


@settings(max_examples=examples(50), deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_field_of_any_kind_breaks_the_reading(value: object) -> None:
    for field, (allowed, _) in manifest.FIELDS.items():
        if not allowed(value):
            with pytest.raises(Invalid) as refusal:
                manifest.parsed(GOOD | {field: value}, "muster-image.toml")
            assert refusal.value.details["field"] == field


def test_only_known_placeholders_are_filled_in() -> None:
    fill = manifest.placeholders(Path("/image"), "127.64.0.1:90", "i-1")
    assert manifest.filled("{image} {address}:{port} {instance}", fill) == (
        "/image 127.64.0.1:90 i-1"
    )
    assert manifest.filled('{"json": {}} {other} {0}', fill) == '{"json": {}} {other} {0}'


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([], "no muster-image.toml"),
        ([MANIFEST, member("../outside", b"x")], "reaches outside"),
        (
            [MANIFEST, member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
            "reaches outside",
        ),
        (
            [MANIFEST, member("link", type=tarfile.LNKTYPE, linkname="../../passwd")],
            "reaches outside",
        ),
        ([MANIFEST, member("pipe", type=tarfile.FIFOTYPE)], "reaches outside"),
        ([MANIFEST, member("large", b"\0" * 2_000_000)], "at most 1000000 are taken in"),
        ([member("muster-image.toml", b"name = ")], "cannot be read"),
        ([member("muster-image.toml", b"\xff\xfe")], "cannot be read"),
    ],
)
async def test_a_bad_tarball_is_refused_and_leaves_nothing(
    home: Path, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], said: str
) -> None:
    source = tarball(tmp_path / "image.tar.gz", *members)
    before = sorted(os.listdir(tmp_path))
    async with opened(home, image_bytes=1_000_000) as cloud:
        with pytest.raises(Invalid, match=said) as refusal:
            await cloud.images.import_image(uuid4(), "x", "demo", source)
    assert refusal.value.details["field"]
    assert not os.listdir(home / "images")
    assert sorted({*os.listdir(tmp_path)} - {"home"}) == before


async def test_an_absolute_name_in_a_tarball_stays_inside(
    cloud: Cloud, home: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    source = tarball(tmp_path / "image.tar.gz", MANIFEST, member(str(outside), b"x"))
    image = await cloud.images.import_image(uuid4(), "x", "demo", source)
    assert not outside.exists()
    inside = home / "images" / image.id / "root" / str(outside).lstrip("/")
    assert inside.read_bytes() == b"x"


async def test_a_tarball_cut_short_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    source = tarball(tmp_path / "image.tar.gz", MANIFEST, member("a", os.urandom(100_000)))
    os.truncate(source, 50_000)
    with pytest.raises(Invalid, match=r"^the image is no readable tarball: [^\n]*$"):
        await cloud.images.import_image(uuid4(), "x", "demo", source)


async def test_a_tarball_of_one_folder_is_one_of_what_is_in_it(
    cloud: Cloud, tmp_path: Path
) -> None:
    inner = member("image/muster-image.json", json.dumps(GOOD).encode())
    source = tarball(tmp_path / "image.tar", inner, member("image/main.py", b"print()"))
    image = await cloud.images.import_image(uuid4(), "", "demo", source)
    assert (image.name, image.version, image.port) == ("mine", "1", 8080)


async def test_a_folder_with_a_pipe_or_a_way_out_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    piped, linked = (folder_of(tmp_path / name, GOOD) for name in ("piped", "linked"))
    os.mkfifo(piped / "pipe")
    os.symlink("/etc", linked / "link")
    for source, said in ((piped, "no file, folder or link"), (linked, "leads outside")):
        with pytest.raises(Invalid, match=said):
            await cloud.images.import_image(uuid4(), "x", "demo", source)
    assert len(await cloud.images.list_images()) == 2


async def test_what_an_instance_has_written_is_in_its_snapshot(
    cloud: Cloud, home: Path, tmp_path: Path
) -> None:
    code = "import os\nprint(os.path.exists('seen'), os.environ['MUSTER_VERSION'])\n"
    code += "open('seen', 'w').close()\nimport signal\nsignal.pause()"
    first = an_order(await program(cloud, tmp_path / "image", code, 'version = "5"'))
    server = await cloud.compute.create_server(first)
    await until(lambda: (home / "instances" / server.ref / "work" / "seen").exists())
    image = await cloud.images.snapshot(uuid4(), "saved", "demo", server.ref)
    assert image.version == f"5+{image.id[:8]}"
    assert image.snapshot_of == server.ref
    assert image.size > 0

    second = an_order(image.id)
    copy = await cloud.compute.create_server(second)
    log = home / "instances" / copy.ref / "log"
    await until(lambda: log.read_text().strip() == f"True {image.version}")
    again = await cloud.images.snapshot(uuid4(), "again", "demo", copy.ref)
    assert again.version == f"5+{again.id[:8]}"
    assert (await the(cloud, first)).seen is Seen.RUNNING


async def test_what_came_with_muster_stays(cloud: Cloud) -> None:
    image = await demo(cloud)
    with pytest.raises(Conflict, match="came with Muster"):
        await cloud.images.delete_image(image)
    assert await demo(cloud) == image


async def test_the_ids_of_what_came_with_muster_are_the_same_everywhere(
    cloud: Cloud, tmp_path: Path
) -> None:
    async with opened(tmp_path / "elsewhere") as other:
        assert await demo(cloud) == await demo(other)
        assert await demo(cloud, "demo-web-v2") == await demo(other, "demo-web-v2")


async def test_an_image_that_is_no_more_cannot_be_rebuilt_from_but_its_instances_live(
    cloud: Cloud, tmp_path: Path
) -> None:
    order = an_order(await program(cloud, tmp_path / "image", "import signal; signal.pause()"))
    await cloud.compute.create_server(order)
    await cloud.images.delete_image(order.spec.image)
    assert (await the(cloud, order)).seen is Seen.RUNNING
    with pytest.raises(Permanent, match="no image"):
        await cloud.compute.create_server(an_order(order.spec.image))
