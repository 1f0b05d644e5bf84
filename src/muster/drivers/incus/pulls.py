"""Fetching images that other servers offer: Incus asks for them itself."""

from collections.abc import Mapping
from typing import Any

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.answers import is_taken
from muster.drivers.incus.images import MARK, TRANSFER_S, shown
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.model.catalog import Image, Pull

ALIASES = "/1.0/images/aliases"
FINGERPRINT = 64  # characters
EXISTS = "Alias already exists: "
THEIRS = frozenset(f"{MARK}{x}" for x in ("id", "installation", "project", "name", "snapshot_of"))
_KEPT = ("auto_update", "public", "profiles", "expires_at")


# Note [Fetched once]
# Incus would look for newer ones by itself, and then the old one is gone, of which clusters make
# instances. So it is told not to: a newer one comes by asking again, and both are there.
class IncusPuller:
    """See Note [Fetched once]."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def pull_image(self, pull: Pull) -> Image:
        there = await self._named(pull.name)
        if there and not _is_of(there, pull):
            text = f"another image is called {pull.name} here already: give it another name"
            raise Permanent(text, field="name")
        before = {each["fingerprint"] for each in await self._listed()}
        body = {"source": _source(pull), "auto_update": False, "public": False}
        fingerprint = await self._fetched(
            Call(method="POST", path="/1.0/images", body=body, deadline_s=TRANSFER_S)
        )
        said = await self._rest.find(path("images", fingerprint)) if fingerprint else None
        if said is None:
            raise Transient(f"image {pull.image} was fetched and cannot be seen yet")
        if fingerprint not in before:
            await self._strip(said)
        await self._call_it(pull.name, fingerprint, there)
        return shown(await self._rest.get(path("images", fingerprint)))

    # Note [Fetched again]
    # Of an image that is there already Incus makes the names anew, and says that the first of
    # them exists. That is then a name of the very image.
    async def _fetched(self, call: Call) -> str:
        """Return the fingerprint of what was fetched. See Note [Fetched again]."""
        try:
            left = await self._rest.put_into_effect(call)
        except DriverError as error:
            _, exists, name = error.text.partition(EXISTS)
            known = await self._rest.find(path("images", "aliases", name)) if exists else None
            if known is None:
                raise
            return str(known["target"])
        return str(left.get("fingerprint", ""))

    async def _listed(self) -> list[Mapping[str, Any]]:
        listed: list[Mapping[str, Any]] = await self._rest.get("/1.0/images", recursion="1")
        return listed

    async def _named(self, name: str) -> Mapping[str, Any] | None:
        """Return the image that is called that, None if none is."""
        known = await self._rest.find(path("images", "aliases", name))
        return await self._rest.find(path("images", known["target"])) if known else None

    async def _call_it(self, name: str, fingerprint: str, before: Mapping[str, Any] | None) -> None:
        if before and before["fingerprint"] == fingerprint:
            return
        target = {"target": fingerprint, "description": ""}
        call = Call(method="POST", path=ALIASES, body={"name": name, **target}, deadline_s=WRITE_S)
        if before:
            where = path("images", "aliases", name)
            call = Call(method="PUT", path=where, body=target, deadline_s=WRITE_S)
        try:
            await self._rest.put_into_effect(call)
        except DriverError as error:
            if not is_taken(error):
                raise
            text = f"another image has come to be called {name} meanwhile"
            raise Transient(text) from None

    async def _strip(self, said: Mapping[str, Any]) -> None:
        """Take off whose it was at a server that another Muster has."""
        told: Mapping[str, str] = said["properties"]
        kept = {name: word for name, word in told.items() if name not in THEIRS}
        if kept == told:
            return
        body = {each: said[each] for each in _KEPT if each in said} | {"properties": kept}
        where = path("images", said["fingerprint"])
        await self._rest.put_into_effect(
            Call(method="PUT", path=where, body=body, deadline_s=WRITE_S)
        )


def _source(pull: Pull) -> Mapping[str, str]:
    kind = "fingerprint" if _is_fingerprint(pull.image) else "alias"
    said = {
        "type": "image",
        "mode": "pull",
        "server": pull.server,
        "protocol": pull.protocol,
        kind: pull.image,
    }
    if pull.machine:
        said["image_type"] = pull.machine
    return said | ({"certificate": pull.certificate} if pull.certificate else {})


def _is_fingerprint(image: str) -> bool:
    return len(image) == FINGERPRINT and set(image) <= set("0123456789abcdef")


def _is_of(there: Mapping[str, Any], pull: Pull) -> bool:
    """Return whether an image was fetched as that one from there before."""
    came = there.get("update_source") or {}
    same = (came.get("server"), came.get("alias")) == (pull.server, pull.image)
    return same or there["fingerprint"] == pull.image
