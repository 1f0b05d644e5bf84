"""Networks that are made through Muster, in the clouds that make any."""

from dataclasses import dataclass

from muster.base.errors import Conflict, Invalid, NotFound, Permanent, Unsupported
from muster.model.catalog import Network, NetworkOrder
from muster.ports.catalog import NetworkMaker
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.clouds import NetworkOf, chosen
from muster.service.desk import Desk
from muster.service.intent import Intent, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAsk:
    order: NetworkOrder
    cloud: str = ""


async def creation(desk: Desk, ask: NetworkAsk) -> Intent[NetworkOf]:
    """Return the intent to make a network."""
    cloud, order = _cloud(desk, ask.cloud), ask.order
    maker = _maker(cloud)
    for each in await cloud.networks.list_networks():
        if order.name in (each.id, each.name):
            text = f"cloud {cloud.about.name} has a network '{order.name}' already"
            raise Conflict(text, field="name")

    async def create() -> NetworkOf:
        try:
            made = await maker.create_network(order)
        except Permanent as error:
            raise Invalid(error.text, field=str(error.details.get("field", "type"))) from None
        return NetworkOf(cloud=cloud.about.name, network=made, default=False)

    by = f" with uplink {order.uplink}" if order.uplink else ""
    return plain(create, f"make network {order.name} of type {order.type}{by}")


async def removal(desk: Desk, name: str, cloud: str = "") -> Intent[None]:
    """Return the intent to delete a network that was made through Muster and nobody uses."""
    at = _cloud(desk, cloud)
    maker = _maker(at)
    network = await _found(at, name)

    def check(tx: Transaction) -> None:
        if user := _user(tx, at.about.name, network.id):
            raise Conflict(f"network '{network.name}' is in use by {user}: delete that first")

    async def delete() -> None:
        await desk.store.read(check)
        try:
            await maker.delete_network(network.id)
        except Permanent as error:
            raise Conflict(error.text) from None

    await desk.store.read(check)
    return plain(delete, f"delete network {network.name}", reversible=False)


def _cloud(desk: Desk, name: str) -> Cloud:
    return chosen(desk, name or desk.default_cloud)[0]


def _maker(cloud: Cloud) -> NetworkMaker:
    if cloud.network_maker is None:
        text = f"cloud {cloud.about.name} makes no networks: those that it has are given"
        raise Unsupported(text, field="cloud")
    return cloud.network_maker


async def _found(cloud: Cloud, said: str) -> Network:
    for each in await cloud.networks.list_networks():
        if said in (each.id, each.name):
            return each
    raise NotFound(f"cloud {cloud.about.name} has no network '{said}'")


def _user(tx: Transaction, cloud: str, network: str) -> str:
    """Return what has instances on the network, or "". Few networks go, so nothing finds these."""
    there = Query(where={"cloud": (cloud,)})
    for word, rows in (("cluster", tx.clusters), ("node", tx.solos)):
        for each in rows.find(there):
            if each.network == network:
                return f"{word} '{each.name}'"
    return ""
