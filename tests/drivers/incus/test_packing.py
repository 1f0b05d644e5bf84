"""What is taken for an image, and what becomes of it."""

import io
import lzma
import tarfile
from pathlib import Path

import pytest
import yaml

from muster.base.errors import Invalid
from muster.drivers.incus.packing import FEW_BYTES, pack

MANIFEST = 'name = "web"\nversion = "3"\nport = 8080\nhealth_path = "/health"\n'
MARKS = {"muster.id": "one", "muster.project": "demo"}


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "image"
    (made / "rootfs" / "etc").mkdir(parents=True)
    (made / "rootfs" / "etc" / "motd").write_text("hello\n")
    (made / "rootfs" / "motd").symlink_to("etc/motd")
    (made / "muster-image.toml").write_text(MANIFEST)
    return made


def packed(source, marks=MARKS):
    target = io.BytesIO()
    properties = pack(source, target, marks)
    target.seek(0)
    return properties, target


def read(target):
    with tarfile.open(fileobj=target) as archive:
        return {each.name: each for each in archive}, yaml.safe_load(
            archive.extractfile("metadata.yaml").read()
        )


def tarball(path, *entries):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def test_a_folder_of_its_owner_becomes_an_image_of_root(folder):
    properties, target = packed(folder)
    members, metadata = read(target)
    assert {"metadata.yaml", "rootfs", "rootfs/etc/motd", "rootfs/motd"} <= members.keys()
    assert members["rootfs/motd"].issym()
    assert {each.uid for each in members.values()} == {0}
    assert metadata["properties"] == properties
    assert (properties["muster.name"], properties["muster.port"]) == ("web", "8080")
    assert properties["muster.id"] == "one"


def test_the_same_asked_for_twice_has_the_same_bytes_and_another_does_not(folder):
    _, once = packed(folder)
    _, again = packed(folder)
    _, other = packed(folder, {**MARKS, "muster.id": "two"})
    assert once.getvalue() == again.getvalue()
    assert once.getvalue() != other.getvalue()


def test_an_image_that_incus_exported_needs_no_manifest_of_ours(tmp_path):
    told = b"architecture: x86_64\nproperties: {os: debian, release: bookworm}\n"
    source = tarball(tmp_path / "it.tar.gz", ("metadata.yaml", told), ("rootfs/bin/sh", b"x"))
    properties, _ = packed(source)
    assert (properties["os"], properties["release"]) == ("debian", "bookworm")


def test_a_tarball_made_with_a_dot_in_front_is_the_same(tmp_path):
    text = MANIFEST.encode()
    source = tarball(tmp_path / "it.tar.gz", ("./muster-image.toml", text), ("./rootfs/x", b"x"))
    members, _ = read(packed(source)[1])
    assert "rootfs/x" in members


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ([("rootfs/x", b"x")], "muster-image.toml"),
        ([("muster-image.toml", MANIFEST.encode())], "rootfs"),
        ([("muster-image.toml", b'name = "x"\nport = true'), ("rootfs/x", b"")], "port"),
        ([("muster-image.toml", b'name = "x"\nwhat = 1'), ("rootfs/x", b"")], "what"),
        ([("muster-image.toml", b'version = "1"'), ("rootfs/x", b"")], "name"),
        ([("metadata.yaml", b"- a list"), ("rootfs/x", b"")], "metadata.yaml"),
        ([("metadata.yaml", b"{"), ("rootfs/x", b"")], "metadata.yaml"),
        ([("metadata.yaml", b"{}"), ("rootfs/../../x", b"")], "source"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, entries, field):
    with pytest.raises(Invalid) as refusal:
        packed(tarball(tmp_path / "it.tar.gz", *entries))
    assert refusal.value.details["field"] == field


def test_what_would_unpack_to_far_more_than_it_is_is_refused_before_it_is_unpacked(tmp_path):
    made = tmp_path / "bomb.tar.xz"
    with lzma.open(made, "wb", preset=0) as file:
        entry = tarfile.TarInfo("rootfs/zeros")
        entry.size = FEW_BYTES * 60
        file.write(entry.tobuf())
    with pytest.raises(Invalid, match="unpacks to more than") as caught:
        packed(made)
    assert caught.value.details["field"] == "source"
