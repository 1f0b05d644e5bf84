"""Images of all clouds: list, take in, fetch, delete."""

from dataclasses import dataclass
from pathlib import Path

from muster.base.errors import Conflict, Forbidden, Invalid, NotFound, Permanent, Unsupported
from muster.base.ids import new_id
from muster.model.catalog import Image, Pull
from muster.model.who import Right, Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.clouds import chosen
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import sees


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOf:
    """An image and the cloud that has it."""

    cloud: str
    image: Image


async def listing(desk: Desk, who: Who, cloud: str = "") -> list[ImageOf]:
    """Return the images this caller may use, by name, newest first among equals."""
    found = [
        ImageOf(cloud=each.about.name, image=image)
        for each in chosen(desk, cloud)
        for image in await each.images.list_images()
        if sees(who, image.project)
    ]
    found.sort(key=lambda one: one.image.created_at.timestamp() if one.image.created_at else 0)
    return sorted(reversed(found), key=lambda one: one.image.name)


async def show(desk: Desk, who: Who, said: str) -> ImageOf:
    """Return the image of that id, or the newest of that name."""
    images = await listing(desk, who)
    found = [each for each in images if each.image.id == said]
    found += [each for each in images if each.image.name == said]
    if not found:
        raise NotFound(f"there is no image '{said}'")
    return found[0]


def importing(desk: Desk, who: Who, source: Path, name: str, cloud: str) -> Intent[ImageOf]:
    """Return the intent to take a folder or a tarball in; "" is the manifest's name."""
    into = chosen(desk, cloud or desk.default_cloud)[0]

    async def take_in() -> ImageOf:
        image = await into.images.import_image(new_id(), name, who.project, source)
        return ImageOf(cloud=into.about.name, image=image)

    return plain(take_in, f"take in image {name or 'named by its manifest'}")


def pulling(desk: Desk, pull: Pull, cloud: str) -> Intent[ImageOf]:
    """Return the intent to have a cloud fetch an image from another server, for everybody."""
    into = chosen(desk, cloud or desk.default_cloud)[0]
    puller = into.puller
    if puller is None:
        text = f"cloud {into.about.name} fetches no images from other servers: import one"
        raise Unsupported(text, field="cloud")

    async def fetch() -> ImageOf:
        try:
            image = await puller.pull_image(pull)
        except Permanent as error:
            raise Invalid(error.text, field=str(error.details.get("field", "pull"))) from None
        return ImageOf(cloud=into.about.name, image=image)

    return plain(fetch, f"fetch image {pull.image} from {pull.server} as {pull.name}")


async def deletion(desk: Desk, who: Who, said: str) -> Intent[None]:
    """Return the intent to delete an image.

    Refused while a cluster needs it to make the next instance, or to roll back to.
    """
    seen = await show(desk, who, said)
    image = seen.image
    if not image.project and not who.may(Right.OPERATE):
        raise Forbidden(f"image '{image.name}' is everybody's; only an admin may delete it")
    cloud = desk.cloud(seen.cloud)
    user = await desk.store.read(lambda tx: _user_of(tx, cloud, image))
    if user:
        raise Conflict(f"image '{image.name}' is in use by cluster '{user}'")

    async def delete() -> None:
        await cloud.images.delete_image(image.id)

    lost = (f"image {image.name} ({image.id})",)
    return plain(delete, f"delete image {image.name}", loses=lost, reversible=False)


def _user_of(tx: Transaction, cloud: Cloud, image: Image) -> str:
    """Return the name of a cluster that instances of this image may still be made for, or ""."""
    for cluster in tx.clusters.find(Query()):
        if cluster.cloud != cloud.about.name or cluster.leaving:
            continue
        ids = {cluster.profile_id, cluster.target}
        if cluster.rollout and cluster.rollout.under_way:
            ids |= {cluster.rollout.from_profile, cluster.rollout.to_profile}
        profiles = tx.profiles.find(Query(where={"id": tuple(ids)}))
        if any(each.server.image == image.id for each in profiles):
            return cluster.name
    return ""
