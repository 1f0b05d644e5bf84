"""Images that real members fetch from a server of images beside them."""

import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from drivers.incus.members import Site, opened
from muster.base.errors import DriverError, Permanent, Transient
from muster.cli.container_image import Recipe, build
from muster.model.catalog import Pull
from muster.model.observed import Seen
from testbed.incus.place import FABRIC_ADDRESS, run

pytestmark = [pytest.mark.incus, pytest.mark.slow]

ITEM = "incus_combined.tar.gz"


@dataclass(frozen=True)
class Offers:
    """A server of images, and what it offers."""

    folder: Path
    pull: Pull

    def offer(self, alias: str, **recipe: Any) -> str:
        """Have it offer, as its newest, an image of that recipe; return the fingerprint."""
        image = self.folder / "image.tar.gz"
        build(Recipe(**recipe), image)
        content = image.read_bytes()
        fingerprint = hashlib.sha256(content).hexdigest()
        place = self.folder / f"{fingerprint}.tar.gz"
        image.rename(place)
        item = {"ftype": ITEM, "path": place.name, "size": len(content), "sha256": fingerprint}
        product = {
            "aliases": alias,
            "arch": "amd64",
            "os": "Demo",
            "release": "1",
            "release_title": "1",
            "variant": "default",
            "versions": {"20300101_00:00": {"items": {ITEM: item}}},
        }
        kind = {"datatype": "image-downloads", "format": "products:1.0"}
        products = {"demo:1:amd64:default": product}
        index = {"images": {**kind, "path": "streams/v1/images.json", "products": list(products)}}
        self._write("index", {"format": "index:1.0", "index": index})
        self._write("images", {**kind, "content_id": "images", "products": products})
        return fingerprint

    def _write(self, name: str, content: Any) -> None:
        (self.folder / "streams" / "v1" / f"{name}.json").write_text(json.dumps(content))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@contextmanager
def offering(folder: Path) -> Iterator[Offers]:
    """Yield a server in the fabric, with a certificate that it has signed itself."""
    (folder / "streams" / "v1").mkdir(parents=True)
    certificate, key = folder.with_suffix(".crt"), folder.with_suffix(".key")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes")
    name = ("-subj", "/CN=images", "-addext", f"subjectAltName=IP:{FABRIC_ADDRESS}")
    run("openssl", "req", "-x509", *curve, *name, "-keyout", key, "-out", certificate)
    server = ThreadingHTTPServer((FABRIC_ADDRESS, 0), partial(Quiet, directory=str(folder)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        pull = Pull(
            server=f"https://{FABRIC_ADDRESS}:{server.server_port}",
            image="demo/1",
            name=folder.parent.name,
            certificate=certificate.read_text(),
        )
        yield Offers(folder, pull)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
async def site(incus_testbeds: Any, tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(incus_testbeds(3), tmp_path) as made:
        await made.whole()
        yield made


def an_hour_passes(site: Site) -> None:
    """Have no member remember what was offered; each does for an hour."""
    for member in site.place.members():
        for file in (site.place.folder(member) / "incus" / "cache").glob("*/*.json"):
            file.unlink()


async def pulled(site: Site, pull: Pull) -> Any:
    assert site.cloud.puller
    return await site.cloud.puller.pull_image(pull)


async def test_an_image_of_another_server_is_fetched_served_and_followed(
    site: Site, tmp_path: Path
) -> None:
    with offering(tmp_path / "offered") as there:
        first = there.offer("demo/1", name="offered", version="1")
        made = await pulled(site, there.pull)
        assert (made.id, made.name, made.project) == (first, there.pull.name, "")
        assert (await pulled(site, there.pull)).id == first
        [server] = await site.running(site.order(spec={"image": made.id}))
        assert server.seen is Seen.RUNNING

        second = there.offer("demo/1", name="offered", version="2")
        an_hour_passes(site)
        assert (await pulled(site, there.pull)).id == second
        named = {each.id: each.name for each in await site.cloud.images.list_images()}
        assert named[second] == there.pull.name
        assert named[first] != there.pull.name
        [again] = await site.running(site.order(2, spec={"image": first}))
        assert again.seen is Seen.RUNNING
        for each in (first, second):
            await site.cloud.images.delete_image(each)


async def test_what_is_not_offered_or_not_vouched_for_is_not_fetched(
    site: Site, tmp_path: Path
) -> None:
    before = await site.cloud.images.list_images()
    with offering(tmp_path / "offered") as there:
        there.offer("demo/1", name="offered", version="3")
        with pytest.raises(Permanent, match="be found"):
            await pulled(site, replace(there.pull, image="demo/2"))
        with pytest.raises(DriverError, match="x509"):
            await pulled(site, replace(there.pull, certificate=""))
    with pytest.raises(Transient, match="Unable to connect"):
        await pulled(site, there.pull)
    assert await site.cloud.images.list_images() == before
