"""A container image, built of what Debian has."""

import json
import shutil
import tarfile
import tomllib

import pytest
from click.testing import CliRunner

from muster.cli.container_image import Lacking, Recipe, build
from muster.cli.main import tree


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    target = tmp_path_factory.mktemp("image") / "image.tar.gz"
    if not shutil.which("dpkg-deb"):
        pytest.skip("no Debian packages on this machine: an image is made of them")
    try:
        size = build(Recipe(name="web", version="7", port=8081), target)
    except Lacking as error:
        pytest.skip(f"{error}: install busybox-static and dropbear-bin")
    return target, size


@pytest.mark.slow
def test_it_is_small_and_has_what_an_instance_needs(built):
    target, size = built
    assert size < 8 << 20
    with tarfile.open(target) as archive:
        members = {each.name: each for each in archive}
        manifest = tomllib.loads(archive.extractfile("muster-image.toml").read().decode())
        inittab = archive.extractfile("rootfs/etc/inittab").read().decode()
    assert manifest == {"name": "web", "version": "7", "port": 8081, "health_path": "/health"}
    assert {"metadata.yaml", "rootfs/sbin/init", "rootfs/usr/sbin/dropbear"} <= members.keys()
    assert members["rootfs/root/.ssh"].mode == 0o700
    assert {each.uid for each in members.values()} == {0}
    assert "httpd -f -p 8081" in inittab
    assert "\n::respawn:/usr/sbin/dropbear" in inittab


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_bytes(built, tmp_path):
    target, _ = built
    again = tmp_path / "again.tar.gz"
    build(Recipe(name="web", version="7", port=8081), again)
    assert again.read_bytes() == target.read_bytes()


@pytest.mark.slow
def test_the_command_says_what_it_made(built, tmp_path):
    target, _ = built
    typed = ["image", "build", str(tmp_path / "typed.tar.gz"), "--name", "web", "--version", "7"]
    said = CliRunner().invoke(tree, [*typed, "--port", "8081", "--json"], prog_name="muster")
    assert said.exit_code == 0, said.output
    assert json.loads(said.output)["size"] == target.stat().st_size


@pytest.mark.slow
def test_a_folder_that_is_not_there_is_told(built, tmp_path):
    said = CliRunner().invoke(tree, ("image", "build", str(tmp_path / "none" / "web.tar.gz")))
    assert said.exit_code == 1
    assert "none" in said.output


@pytest.fixture(scope="module")
def balancing(built, tmp_path_factory):
    target = tmp_path_factory.mktemp("balancing") / "haproxy.tar.gz"
    try:
        build(Recipe(name="haproxy", ssh=False, haproxy=True), target)
    except Lacking as error:
        pytest.skip(f"{error}: install haproxy")
    return target


@pytest.mark.slow
def test_one_for_balancers_has_haproxy_and_what_that_is_linked_with_and_serves_nothing_else(
    balancing,
):
    with tarfile.open(balancing) as archive:
        members = {each.name: each for each in archive}
        manifest = tomllib.loads(archive.extractfile("muster-image.toml").read().decode())
        inittab = archive.extractfile("rootfs/etc/inittab").read().decode().splitlines()
        front = archive.extractfile("rootfs/usr/sbin/front").read().decode()
    assert manifest == {"name": "haproxy", "version": "1"}
    assert {"rootfs/usr/sbin/haproxy", "rootfs/lib/libc.so.6", "rootfs/bin/nc"} <= members.keys()
    assert [line for line in members if line.startswith("rootfs/lib/libssl.so")]
    assert members["rootfs/usr/sbin/front"].mode == 0o755
    served = [line for line in inittab if "respawn" in line and not line.startswith("#")]
    assert served == ["::respawn:/usr/sbin/front run"]
    assert all(
        f"\n{verb})" in front for verb in ("run", "look", "ask", "master", "close", "reload")
    )


@pytest.mark.parametrize("also", [("--cloud-init",), ("--port", "80")])
def test_one_for_balancers_is_nothing_else_besides(also, tmp_path):
    typed = ("image", "build", str(tmp_path / "x.tar.gz"), "--with", "haproxy", *also)
    said = CliRunner().invoke(tree, typed)
    assert said.exit_code == 2
    assert "--with haproxy goes with neither" in said.output
