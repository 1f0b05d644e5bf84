"""Images and networks, as far as Muster cares about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from muster.model.catalog import Image, Network, NetworkOrder, Pull


class Images(Protocol):
    """Every call may raise `DriverError`; a wrong image is `Invalid`, naming what is wrong."""

    async def list_images(self) -> Sequence[Image]:
        """Return all images, those of every project and those of everybody."""
        ...

    async def import_image(self, image_id: UUID, name: str, project: str, source: Path) -> Image:
        """Take a folder or a tarball in as an image. The same id twice is one image."""
        ...

    async def snapshot(self, image_id: UUID, name: str, project: str, ref: str) -> Image:
        """Make an image of server `ref` as it is now. The same id twice is one image."""
        ...

    async def delete_image(self, image_id: str) -> None:
        """Have the image go away; servers made from it live on. Gone is no error."""
        ...


class Puller(Protocol):
    """A cloud that fetches images from other servers. Every call may raise `DriverError`."""

    async def pull_image(self, pull: Pull) -> Image:
        """Return the image, fetched and called as was asked; it is everybody's.

        Fetched again it is what the other server has by then, and the name goes over to that.
        Raises `Permanent` where that server has no such image, and where the name is another's.
        """
        ...


class Networks(Protocol):
    async def list_networks(self) -> Sequence[Network]:
        """Return the private networks an instance can be on, the default first."""
        ...


class NetworkMaker(Protocol):
    """A cloud that makes networks. Every call may raise `DriverError`."""

    async def create_network(self, order: NetworkOrder) -> Network:
        """Return the network of that name, made as ordered.

        Raises `Permanent` where the cloud has no such networks, where the uplink will not do,
        and where somebody else has a network of that name.
        """
        ...

    async def delete_network(self, id: str) -> None:
        """Have a network that we have made go away. Raises `Permanent` while anything uses it."""
        ...
