"""Images and snapshots."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from muster.cli.asking import Asking, asking, text_of
from muster.cli.show import field, listing, local, size


@click.group()
def image() -> None:
    """Images that instances are made from."""


@image.command("list")
@click.option("--cloud", help="Of this cloud only.")
@asking
def image_list(asked: Asking, cloud: str | None) -> None:
    """List images and snapshots."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/images", query={"cloud": cloud})["images"]
    _listed(asked, rows, "No images.")


def _listed(asked: Asking, rows: list[dict[str, Any]], empty: str) -> None:
    columns = [
        ("NAME", field("name")),
        ("VERSION", field("version")),
        ("SIZE", lambda row: size(row.get("size"))),
        ("CLOUD", field("cloud")),
        ("STATUS", field("status")),
        ("CREATED", lambda row: local(row.get("created_at"))),
        ("ID", field("id")),
    ]
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@image.command("import")
@click.argument("source", type=click.Path(exists=True))
@click.option("--name", help="Default: the name in the manifest.")
@click.option("--cloud", help="Default: the server's default cloud.")
@asking
def image_import(asked: Asking, source: str, name: str | None, cloud: str | None) -> None:
    """Upload SOURCE, a folder or a tarball with a manifest `muster-image.toml`."""
    query = {k: v for k, v in (("name", name), ("cloud", cloud)) if v}
    with asked.session() as session, _tarball(Path(source)) as content:
        made = session.send("/v1/images", _chunks(content), query)["image"]
    asked.show(made, lambda out: out.print(f"Image {made['name']} is there: {made['id']}"))


@image.command("pull")
@click.argument("image")
@click.option("--from", "server", required=True, help="Who offers it: https://HOST.")
@click.option("--protocol", type=click.Choice(["simplestreams", "incus"]), help="Of that server.")
@click.option(
    "--machine",
    type=click.Choice(["container", "virtual-machine"]),
    help="What it is to make, where the server has both.",
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False),
    help="PEM file: what that server shows. Default: a trusted one.",
)
@click.option("--name", help="Default: IMAGE, with - for /.")
@click.option("--cloud", help="Default: the server's default cloud.")
@asking
def image_pull(asked: Asking, certificate: str | None, **said: str | None) -> None:
    """Have a cloud fetch IMAGE, an alias such as debian/12 or a fingerprint, from another server.

    It stays as it is; run again, the newest takes the name over, and clusters keep theirs.
    """
    given = {name: value for name, value in said.items() if value}
    body: dict[str, Any] = {each: given.pop(each) for each in ("name", "cloud") if each in given}
    if certificate:
        given["certificate"] = text_of(certificate, "--certificate")
    with asked.session() as session:
        made = session.call("POST", "/v1/images", body | {"pull": given}, patience_s=600)["image"]
    asked.show(made, lambda out: out.print(f"Image {made['name']} is there: {made['id']}"))


@image.command("delete")
@click.argument("name_or_id")
@asking
def image_delete(asked: Asking, name_or_id: str) -> None:
    """Remove an image; instances made from it live on."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("images", name_or_id))
    asked.show(None, lambda out: out.print(f"Image {name_or_id} is gone."))


@image.command("build")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="Default: demo-web; debian with --cloud-init; haproxy.")
@click.option("--version", default="1", show_default=True)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Default: 8080; 22, SSH, with --cloud-init."
)
@click.option(
    "--ssh/--no-ssh",
    default=None,
    help="With an SSH server. Default: with; without where it is --with haproxy.",
)
@click.option(
    "--cloud-init", is_flag=True, help="Debian with cloud-init, by debootstrap; as root only."
)
@click.option(
    "--with",
    "instead",
    type=click.Choice(["haproxy"]),
    help="In the place of the HTTP server: HAProxy, for balancers in instances.",
)
@asking
def image_build(
    asked: Asking, target: Path, cloud_init: bool, instead: str | None, **said: Any
) -> None:
    """Make a container image at TARGET from Debian packages; no server is asked.

    A small one, made in seconds, serves HTTP with /health and a page that tells version and
    instance. With --cloud-init it is a Debian that reads user data and keys like any other, made
    in a minute or more; what it serves is up to the user data. With --with haproxy it is for the
    instances in which Muster has balancers run.
    """
    from muster.cli import cloud_init_image, container_image
    from muster.cli.tarball import Lacking

    if cloud_init and said.pop("ssh") is False:
        raise click.UsageError("--no-ssh is for the small image; one with cloud-init has SSH")
    if instead and (cloud_init or said["port"]):
        raise click.UsageError("--with haproxy goes with neither --cloud-init nor --port")
    given = {name: value for name, value in said.items() if value is not None}
    if instead:
        given = {"name": instead, "ssh": False} | given | {instead: True}
    try:
        if cloud_init:
            count = cloud_init_image.build(cloud_init_image.Recipe(**given), target)
        else:
            count = container_image.build(container_image.Recipe(**given), target)
    except (Lacking, OSError) as error:
        raise click.ClickException(str(error)) from None
    made = {"path": str(target), "size": count}
    asked.show(made, lambda out: out.print(f"{target} is made: {size(made['size'])}"))


@contextmanager
def _tarball(source: Path) -> Iterator[IO[bytes]]:
    if source.is_file():
        with source.open("rb") as content:
            yield content
        return
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(source, arcname=".")
        packed.seek(0)
        yield packed


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(1 << 16):
        yield chunk


@click.group()
def snapshot() -> None:
    """Make images of running instances."""


@snapshot.command("list")
@click.option("--cloud", help="Of this cloud only.")
@asking
def snapshot_list(asked: Asking, cloud: str | None) -> None:
    """List the images that were made of instances."""
    with asked.session() as session:
        images = session.call("GET", "/v1/images", query={"cloud": cloud})["images"]
    rows = [each for each in images if each.get("snapshot_of")]
    _listed(asked, rows, "No snapshots. Make one: muster snapshot create INSTANCE --name NAME")


@snapshot.command("create")
@click.argument("instance")
@click.option("--name", required=True, help="What the image is to be called.")
@asking
def snapshot_create(asked: Asking, instance: str, name: str) -> None:
    """Make an image called NAME of INSTANCE (a name or an id) as it is now."""
    from muster.client.http import at

    with asked.session() as session:
        made = session.call("POST", at("instances", instance, "snapshot"), {"name": name})["image"]
    asked.show(made, lambda out: out.print(f"Image {made['name']}: {made['id']}, {made['status']}"))
