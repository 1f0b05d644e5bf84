"""Incus on this machine, by its socket: looked at, set up, begun as a cluster, joined to one."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from muster.base.errors import DriverError, Permanent
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.model.enrolment import Grant
from muster.model.founding import ServerSeen

JOIN_S = 120.0
JOINING = "Joining cluster"  # what Incus calls it
AGAIN_S = 0.2
START_S = 60.0
DRIVERS = ("zfs", "btrfs", "dir")  # the first that the server can
EVERYWHERE = {"project": "", "all-projects": "true"}
OURS = "muster-"  # names of what is for a moment


class Founding:
    """Every change looks first whether it is there, and may be made again."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._rest = Rest(Options(url=f"unix:{socket}"))

    async def close(self) -> None:
        await self._rest.close()

    async def seen(self, fingerprint: str) -> ServerSeen | None:
        """Return the server, None if nobody answers. `fingerprint` is of our certificate."""
        try:
            about = await self._rest.get("/1.0")
        except DriverError:
            return None
        clustered = bool(about["environment"].get("server_clustered"))
        name = str(about["environment"]["server_name"]) if clustered else ""
        profile = await self._rest.get(path("profiles", "default"))
        trusted = await self._listed("/1.0/certificates", recursion="1")
        images = await self._listed("/1.0/images", recursion="1")
        return ServerSeen(
            listens=str(about["config"].get("core.https_address", "")),
            member=name,
            struck_out=clustered and await self._is_struck_out(name),
            pools=tuple(_names(await self._listed("/1.0/storage-pools"))),
            networks=tuple(await self._managed()),
            devices=tuple(profile["devices"]),
            images=tuple(a["name"] for each in images for a in each["aliases"] or ()),
            instances=len(await self._listed("/1.0/instances", **EVERYWHERE)),
            trusts_us=fingerprint in {each["fingerprint"] for each in trusted},
        )

    # Note [Joined behind our back]
    # Who asks a server to join may be gone before it has: it goes on by itself. Asked again
    # meanwhile it would be taken out of the cluster on the one side, and go in on the other.
    async def settled(self) -> None:
        """Wait until the server is not just joining. See Note [Joined behind our back]."""
        end = asyncio.get_running_loop().time() + JOIN_S
        while asyncio.get_running_loop().time() < end:
            try:
                listed = await self._rest.get("/1.0/operations", recursion="1")
            except DriverError:
                return
            running = {each["description"] for each in listed.get("running") or ()}
            if JOINING not in running:
                return
            await asyncio.sleep(AGAIN_S)

    # Note [Begun anew by itself]
    # A member that was let go says so, and begins anew only then: for a moment it still answers
    # as a member, then nobody does. Whoever asks it for anything meanwhile finds no Incus there.
    async def is_alone(self) -> bool:
        """Return whether the server is of no cluster, once it answers for good.

        False where it was struck out and not let go, or has not come back within a minute. See
        Note [Begun anew by itself].
        """
        end = asyncio.get_running_loop().time() + START_S
        while asyncio.get_running_loop().time() < end:
            try:
                about = (await self._rest.get("/1.0"))["environment"]
                if not about.get("server_clustered"):
                    return True
                if await self._is_struck_out(str(about["server_name"])):
                    return False
            except DriverError:
                pass  # that is what is waited for
            await asyncio.sleep(AGAIN_S)
        return False

    async def _is_struck_out(self, name: str) -> bool:
        """Return whether the members know nothing of this one, which believes to be of them."""
        listed = await self._listed("/1.0/cluster/members", recursion="1")
        return name not in {each["server_name"] for each in listed}

    async def certificate(self) -> str:
        """Return what the server shows, as PEM."""
        return str((await self._rest.get("/1.0"))["environment"]["certificate"])

    # Never by a PATCH. See Note [Never PATCH the server].
    async def listen(self, address: str) -> None:
        """Have the server be reached at that address, and see that it is."""
        known = (await self._rest.get("/1.0"))["config"]
        body = {"config": {**known, "core.https_address": address}}
        await self._do("PUT", "/1.0", body)
        found = (await self._rest.get("/1.0"))["config"].get("core.https_address")
        if found != address:
            raise Permanent(f"Incus was to listen on {address}, and has {found or 'nothing'}")

    async def make_pool(self, name: str) -> None:
        about = await self._rest.get("/1.0")
        can = {each["Name"] for each in about["environment"]["storage_supported_drivers"]}
        refused = []
        for driver in (each for each in DRIVERS if each in can):
            try:
                return await self._do(
                    "POST", "/1.0/storage-pools", {"name": name, "driver": driver, "config": {}}
                )
            except DriverError as error:
                if is_taken(error):
                    return None
                refused.append(error.text)
        raise Permanent(f"no storage pool could be made: {'; '.join(refused) or 'no driver'}")

    async def make_network(self, name: str, uplink: str) -> None:
        own = {"ipv4.address": "auto", "ipv4.nat": "true", "ipv6.address": "none"}
        if uplink:
            own = {
                "bridge.external_interfaces": uplink,
                "ipv4.address": "none",
                "ipv6.address": "none",
            }
        await self._make("/1.0/networks", {"name": name, "type": "bridge", "config": own})

    async def fit_profile(self, pool: str, network: str) -> None:
        known = await self._rest.get(path("profiles", "default"))
        devices = {
            "root": {"type": "disk", "path": "/", "pool": pool},
            "eth0": {"type": "nic", "network": network, "name": "eth0"},
        }
        body = {"config": known["config"], "devices": {**devices, **known["devices"]}}
        await self._do("PUT", path("profiles", "default"), body)

    async def begin_cluster(self, name: str) -> None:
        await self._do(
            "PUT", "/1.0/cluster", {"server_name": name, "enabled": True}, within_s=JOIN_S
        )

    async def trust(self, name: str, certificate: str) -> None:
        lines = [line for line in certificate.splitlines() if "-----" not in line]
        body = {"name": name, "type": "client", "certificate": "".join(lines)}
        await self._make("/1.0/certificates", body)

    async def empty(self) -> None:
        """Take out pools and networks that nothing uses; what is used is told."""
        known = await self._rest.get(path("profiles", "default"))
        body = {"config": known["config"], "devices": {}}
        await self._do("PUT", path("profiles", "default"), body)
        for name in await self._managed():
            await self._do("DELETE", path("networks", name))
        for name in _names(await self._listed("/1.0/storage-pools")):
            await self._do("DELETE", path("storage-pools", name))

    async def join(self, grant: Grant, address: str) -> None:
        """Have the server be a member. What fails leaves it as it was."""
        own = [
            {"entity": each.entity, "name": each.name, "key": each.key, "value": each.value}
            for each in grant.own
        ]
        body = {
            "server_name": grant.name,
            "enabled": True,
            "cluster_address": grant.address,
            "cluster_certificate": grant.certificate,
            "server_address": address,
            "cluster_token": grant.token,
            "member_config": own,
        }
        await self._do("PUT", "/1.0/cluster", body, within_s=JOIN_S)

    async def give_image(self, name: str, image: bytes) -> None:
        async def whole() -> Any:
            yield image

        headers = {"Content-Type": "application/octet-stream", "X-Incus-filename": f"{name}.tgz"}
        call = Call(
            method="POST",
            path="/1.0/images",
            content=whole(),
            headers=headers,
            deadline_s=START_S,
        )
        try:
            print_ = str((await self._rest.put_into_effect(call)).get("fingerprint", ""))
        except DriverError as error:
            if not is_taken(error):
                raise
            print_ = ""
        if print_:
            await self._make("/1.0/images/aliases", {"name": name, "target": print_})

    async def try_out(self, member: str, image: str) -> None:
        """Run an instance there, and remove it. Raises `DriverError` if it does not run."""
        name = f"{OURS}check-{member}"
        where = path("instances", name)
        await self._gone(where)
        body = {
            "name": name,
            "type": "container",
            "start": True,
            "source": {"type": "image", "alias": image},
        }
        try:
            await self._do(
                "POST", "/1.0/instances", body, params={"target": member}, within_s=START_S
            )
            said = await self._rest.get(f"{where}/state")
            if said["status"] != "Running":
                raise Permanent(f"an instance on {member} was started and is {said['status']}")
        except DriverError as why:
            await self._removed_after(why, where)
            raise
        await self._gone(where)

    async def _removed_after(self, why: DriverError, where: str) -> None:
        """Remove an instance that did not run; what fails then is told beside why it did not."""
        try:
            await self._gone(where)
        except DriverError as error:
            text = f"{why.text}; and it is left as {where}, to be removed: {error.text}"
            raise Permanent(text) from None

    async def _gone(self, where: str) -> None:
        stop = {"action": "stop", "force": True, "timeout": 10}
        for method, what, body in (("PUT", f"{where}/state", stop), ("DELETE", where, None)):
            try:
                await self._do(method, what, body, within_s=START_S)
            except DriverError as error:
                if not (is_missing(error) or is_taken(error)):
                    raise

    async def _managed(self) -> list[str]:
        listed = await self._listed("/1.0/networks", recursion="1")
        return [each["name"] for each in listed if each["managed"]]

    async def _listed(self, where: str, **params: str) -> list[Any]:
        """Return a list, which Incus calls null where there is nothing."""
        return await self._rest.get(where, **params) or []

    async def _make(self, where: str, body: Mapping[str, Any]) -> None:
        """Make it unless it is there."""
        try:
            await self._do("POST", where, body)
        except DriverError as error:
            if not is_taken(error):
                raise

    async def _do(
        self,
        method: str,
        where: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        within_s: float = WRITE_S,
    ) -> None:
        call = Call(method=method, path=where, body=body, params=params or {}, deadline_s=within_s)
        await self._rest.put_into_effect(call)


def _names(urls: list[str]) -> list[str]:
    return [url.partition("?")[0].rpartition("/")[2] for url in urls]
