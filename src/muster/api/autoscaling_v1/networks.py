"""The routes of networks."""

from functools import partial
from ipaddress import IPv4Interface
from typing import Any

import msgspec
from litestar import Response, delete, get, post

from muster.api.autoscaling_v1.catalog import CLOUD, gone
from muster.api.call import PLAN, Asked, Word, carried_out
from muster.api.reading import At, Field, Fields, Kind, boolean, one_of, text
from muster.model.catalog import NetworkOrder
from muster.model.who import Right
from muster.service import clouds, networks
from muster.service.clouds import NetworkOf

_TYPES = {each: each for each in ("ovn", "bridge")}
_BALANCERS = {each: each for each in ("ovn", "haproxy", "instance")}


def _gateway() -> Kind:
    """Return the kind of an address with its prefix, such as 10.20.0.1/24."""

    def read(at: At, value: Any) -> Any:
        try:
            found = IPv4Interface(value if isinstance(value, str) else "")
        except ValueError:
            return at.wrong("must be the gateway's address with its prefix, such as 10.20.0.1/24")
        if "/" not in value or found.ip == found.network.network_address:
            return at.wrong("must be the gateway's address with its prefix, such as 10.20.0.1/24")
        return str(found)

    return Kind(read, {"type": "string", "examples": ["10.20.0.1/24"]})


NETWORK: Fields = {
    "name": Field(
        text(high=15, like=r"[a-z][a-z0-9-]*", must="lower-case letters, digits and '-'"),
        "what it is called in the cloud",
        required=True,
    ),
    "type": Field(one_of(_TYPES), "ovn, or bridge", required=True),
    "uplink": Field(
        text(high=63),
        "of OVN: the network by which it reaches others, default: the only one that can be; "
        "of a bridge: the members' interface that joins them",
    ),
    "cidr": Field(_gateway(), "the gateway's address and prefix; default: the cloud chooses"),
    "nat": Field(boolean(), "whether instances are hidden behind one address; default: true"),
    "balancer": Field(one_of(_BALANCERS), "what balances there; default: on OVN networks ovn"),
    "description": Field(text(high=255), "for people"),
    "cloud": Field(text(high=63), "default: the server's default cloud"),
}


class NetworkOut(msgspec.Struct):
    id: str
    name: str
    type: str | None
    cidr: str
    uplink: str | None
    balancer: str | None  # the network's own; null: the cloud's
    hidden: bool
    made_here: bool
    description: str
    cloud: str
    default: bool


def _network(one: NetworkOf) -> NetworkOut:
    seen = one.network
    return NetworkOut(
        id=seen.id,
        name=seen.name,
        type=seen.type or None,
        cidr=seen.cidr,
        uplink=seen.uplink or None,
        balancer=seen.balancer or None,
        hidden=seen.hidden,
        made_here=seen.ours,
        description=seen.description,
        cloud=one.cloud,
        default=one.default,
    )


@get("/v1/networks", opt={"query": CLOUD})
async def list_networks(call: Asked) -> dict[str, list[NetworkOut]]:
    """List networks, the default of each cloud first."""
    found = await clouds.networks(call.desk, call.word("cloud"))
    return {"networks": [_network(each) for each in found]}


@post("/v1/networks", opt={"query": PLAN, "body": NETWORK, "right": Right.OPERATE})
async def create_network(call: Asked) -> Response[Any]:
    """Make a network that instances can be on, in a cloud that makes any."""
    said = await call.fields(NETWORK)
    ask = networks.NetworkAsk(cloud=said.pop("cloud", ""), order=NetworkOrder(**said))

    async def answer(made: NetworkOf) -> Response[dict[str, NetworkOut]]:
        return Response({"network": _network(made)}, status_code=201)

    return await carried_out(call, partial(networks.creation, call.desk, ask), answer)


@delete(
    "/v1/networks/{name:str}",
    status_code=200,
    opt={"query": {**PLAN, **CLOUD}, "right": Right.OPERATE},
)
async def delete_network(call: Asked, name: Word) -> Response[Any]:
    """Delete a network that was made here and that nothing uses."""
    prepare = partial(networks.removal, call.desk, name, call.word("cloud"))
    return await carried_out(call, prepare, gone)


ROUTES = (list_networks, create_network, delete_network)
