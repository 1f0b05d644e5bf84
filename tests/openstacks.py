"""What there is in a project of an OpenStack, service by service."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from contracts.openstack import a_rest, furnished, network_of
from house import House, house, until
from muster.client.http import ApiError
from muster.drivers.openstack.rest import Rest

# Where each kind of thing is listed, and what its id is called.
KINDS: Mapping[str, tuple[str, str, str]] = {
    "servers": ("compute", "/servers", "id"),
    "server_groups": ("compute", "/os-server-groups", "id"),
    "ports": ("network", "/ports", "id"),
    "floatingips": ("network", "/floatingips", "id"),
    "volumes": ("block-storage", "/volumes", "id"),
    "images": ("image", "/images?visibility=private", "id"),
}


def everything(file: Path, entry: str) -> dict[str, set[str]]:
    """Return the ids of all there is in the project of an entry, by kind."""

    async def read() -> dict[str, set[str]]:
        rest = a_rest(file, entry)
        try:
            return {kind: await _ids(rest, kind) for kind in KINDS} | {
                "keypairs": await _key_names(rest)
            }
        finally:
            await rest.close()

    return asyncio.run(read())


async def _ids(rest: Rest, kind: str) -> set[str]:
    service, path, name = KINDS[kind]
    return {str(each[name]) for each in await rest.listed(service, path, kind)}


async def _key_names(rest: Rest) -> set[str]:
    listed = await rest.listed("compute", "/os-keypairs", "keypairs")
    return {str(each["keypair"]["name"]) for each in listed}


@contextmanager
def beside(file: Path, entry: str, home: Path) -> Iterator[House]:
    """Run a house whose cloud `site` is the project of an entry; nothing outlives it."""
    asyncio.run(furnished(file, entry))
    pace = "look_every_s = 1.0, stray_grace_s = 15.0, port_grace_s = 3.0, deadline_s = 90.0"
    said = f'clouds_file = "{file}", entry = "{entry}", network = "{network_of(entry)}"'
    clouds = f'{{site = {{kind = "openstack", {pace}, {said}}}}}'
    with house(home, MUSTER_CLOUDS=clouds) as made:
        made.start()
        yield made
        with made.session() as session:
            for each in session.call("GET", "/v1/clusters")["clusters"]:
                with suppress(ApiError):  # a test that has asked for its end may see it first
                    session.call("DELETE", f"/v1/clusters/{each['name']}/{each['id']}")

            def gone() -> bool:
                return not session.call("GET", "/v1/clusters")["clusters"]

            until(gone, 400, "no cluster is left", every_s=0.5)
