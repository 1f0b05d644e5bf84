"""Load balancing policies: what a cluster offers to clients, and through which pool."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid5

from muster.base.errors import Invalid
from muster.model.cloud import Ability, About
from muster.model.cluster import Cluster, Service
from muster.model.policy_type import Attached, Floor, Named, PolicyType, Properties, Scene
from muster.model.pool import Monitor, MonitorKind, Persistence, Traffic
from muster.model.schema import Schema, Support, boolean, integer, mapping, string

DRAIN_S = 5.0  # open sessions of a node that goes may last so long

_HEALTH_MONITOR: Schema = {
    "admin_state_up": boolean(
        description="Administrative state of the health monitor.", default=True
    ),
    "delay": integer(
        description=("The amount of time in milliseconds between sending probes to members."),
        default=10,
    ),
    "expected_codes": string(description="Expected HTTP codes for a passing HTTP(S) monitor."),
    "http_method": string(
        description="The HTTP method that the monitor uses for requests.",
        allowed=("GET", "POST", "PUT", "DELETE"),
    ),
    "id": string(description="ID of the health manager for the loadbalancer."),
    "max_retries": integer(
        description=(
            "The number of allowed connection failures before changing the "
            "status of the member to INACTIVE."
        ),
        default=3,
    ),
    "timeout": integer(
        description=(
            "The maximum time in milliseconds that a monitor waits to connect before it times out."
        ),
        default=5,
    ),
    "type": string(
        description=("The type of probe sent by the loadbalancer to verify the member state."),
        default="PING",
        allowed=("PING", "TCP", "HTTP", "HTTPS"),
    ),
    "url_path": string(
        description=(
            "The HTTP path of the request sent by the monitor to test the health of a member."
        )
    ),
}
_SESSION_PERSISTENCE: Schema = {
    "cookie_name": string(description="Name of cookie if type set to APP_COOKIE."),
    "type": string(
        description="Type of session persistence implementation.",
        allowed=("SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE", "NONE"),
    ),
}
_POOL: Schema = {
    "admin_state_up": boolean(description="Administrative state of the pool.", default=True),
    "id": string(description="ID of pool for the cluster on which nodes can be connected."),
    "lb_method": string(
        description="Load balancing algorithm.",
        default="ROUND_ROBIN",
        allowed=("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"),
    ),
    "protocol": string(
        description="Protocol used for load balancing.",
        default="HTTP",
        allowed=("HTTP", "HTTPS", "TCP"),
    ),
    "protocol_port": integer(
        description="Port on which servers are running on the nodes.", default=80
    ),
    "session_persistence": mapping(
        description="Session persistence configuration.", default={}, fields=_SESSION_PERSISTENCE
    ),
    "subnet": string(
        description="Name or ID of subnet for the port on which nodes can be connected.",
        required=True,
    ),
}
_VIP: Schema = {
    "address": string(description="IP address of the VIP."),
    "admin_state_up": boolean(description="Administrative state of the VIP.", default=True),
    "connection_limit": integer(
        description="Maximum number of connections per second allowed for this VIP", default=-1
    ),
    "network": string(
        description=(
            "Name or ID of Network on which the VIP address will be allocated. "
            "One of Subnet or Network is required."
        )
    ),
    "protocol": string(
        description="Protocol used for VIP.", default="HTTP", allowed=("HTTP", "HTTPS", "TCP")
    ),
    "protocol_port": integer(description="TCP port to listen on.", default=80),
    "subnet": string(
        description=(
            "Name or ID of Subnet on which the VIP address will be allocated. "
            "One of Subnet or Network is required."
        )
    ),
}
SCHEMA: Schema = {
    "availability_zone": string(
        description=(
            "Name of the loadbalancer availability zone to use for creation of the loadbalancer."
        )
    ),
    "flavor_id": string(
        description=("ID of octavia loadbalancer flavor to use for creation of the loadbalancer.")
    ),
    "health_monitor": mapping(
        description="Health monitor for loadbalancer.", fields=_HEALTH_MONITOR
    ),
    "lb_status_timeout": integer(
        description=(
            "Time in second to wait for loadbalancer to become ready after "
            "senlin requests LBaaS V2 service for operations."
        ),
        default=300,
    ),
    "loadbalancer": string(
        description=("Name or ID of loadbalancer for the cluster on which nodes can be connected.")
    ),
    "pool": mapping(description="LB pool properties.", fields=_POOL),
    "vip": mapping(description="VIP address and port of the pool.", fields=_VIP),
}


_TRAFFIC = {"HTTP": Traffic.HTTP, "HTTPS": Traffic.HTTPS, "TCP": Traffic.TCP}
_METHODS = {
    "ROUND_ROBIN": "round_robin",
    "LEAST_CONNECTIONS": "least_conn",
    "SOURCE_IP": "source_ip",
}
_MONITORS = {
    "PING": MonitorKind.PING,
    "TCP": MonitorKind.TCP,
    "HTTP": MonitorKind.HTTP,
    "HTTPS": MonitorKind.HTTP,
}
_PERSISTENCE = {
    "SOURCE_IP": Persistence.SOURCE_IP,
    "HTTP_COOKIE": Persistence.HTTP_COOKIE,
    "APP_COOKIE": Persistence.APP_COOKIE,
}
_PLAIN = re.compile(r"\d{3}|(?P<first>[1-5])00-(?P=first)99")
_CODES = re.compile(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*")


def _check(properties: Properties, floor: Floor) -> None:
    vip, pool = properties.get("vip", {}), properties.get("pool", {})
    if not properties.get("loadbalancer") and not (vip.get("subnet") or vip.get("network")):
        raise Invalid("At least one of VIP Subnet or Network must be defined.", field="vip")
    if pool.get("id") and not properties.get("loadbalancer"):
        raise Invalid("The 'id' of a pool needs the 'loadbalancer' it belongs to", field="id")
    for part in (vip, pool):
        port = part.get("protocol_port", 80)
        if not 1 <= port <= 65535:
            raise Invalid(f"the 'protocol_port' must be from 1 to 65535, not {port}", field="port")
    said = pool.get("session_persistence", {})
    if said.get("type") == "APP_COOKIE" and not said.get("cookie_name"):
        raise Invalid("APP_COOKIE persistence needs a 'cookie_name'", field="cookie_name")
    _check_monitor(properties.get("health_monitor", {}))


def _check_monitor(said: Mapping[str, Any]) -> None:
    for name in ("delay", "timeout", "max_retries"):
        if said.get(name, 1) <= 0:
            raise Invalid(f"the '{name}' for 'health_monitor' must be > 0", field=name)
    codes = said.get("expected_codes")
    if codes and not _CODES.fullmatch(codes.replace(" ", "")):
        text = f"'expected_codes' must be like 200, 200,202 or 200-204, not '{codes}'"
        raise Invalid(text, field="expected_codes")
    if not (said.get("url_path") or "/").startswith("/"):
        raise Invalid("the 'url_path' must begin with a slash", field="url_path")


# Note [Balancers]
# A cluster's balancer is the pool that its service describes, made by Muster and gone with
# it: there is none to be named that stood before, nor kinds of balancers to choose from. So
# a policy that names such things is refused when it is attached, and what a cloud's own
# balancer cannot do is said by that balancer, who is asked about the front as well.
_NAMED = {
    "loadbalancer": "an existing load balancer",
    "availability_zone": "the zone of a load balancer",
    "flavor_id": "the flavor of a load balancer",
}


def _refusal(properties: Properties, scene: Scene) -> str | None:
    """See Note [Balancers]."""
    cloud = scene.cloud
    reason = cloud.refusal(Ability.BALANCER)
    if reason:
        return f"The cloud '{cloud.name}' has no load balancer: {reason}"
    for name, what in _NAMED.items():
        if properties.get(name) and not cloud.open_catalog:
            return f"The cloud '{cloud.name}' does not let {what} be chosen ('{name}')"
    if properties.get("vip", {}).get("address") and not cloud.open_catalog:
        return f"The cloud '{cloud.name}' chooses the address of a load balancer by itself"
    return _front_refusal(properties, cloud)


def _names(properties: Properties) -> Named:
    vip, pool = properties.get("vip", {}), properties.get("pool", {})
    said = (pool.get("subnet"), vip.get("subnet"), vip.get("network"))
    return Named(networks=tuple(name for name in said if name))


def _front_refusal(properties: Properties, cloud: About) -> str | None:
    """Return the first thing that the front needs and the cloud's balancer cannot do."""
    service = _service(properties)
    protocols = {properties.get(part, {}).get("protocol", "HTTP") for part in ("vip", "pool")}
    monitor = properties.get("health_monitor", {}).get("type")
    secure = "HTTPS" in (properties.get("pool", {}).get("protocol"), monitor)
    needed = (
        ("TCP" in protocols, Ability.TCP, "do TCP"),
        (service.traffic is Traffic.HTTPS, Ability.HTTPS, "do HTTPS"),
        (secure, Ability.MEMBER_TLS, "speak TLS with members"),
        (service.monitor.kind is MonitorKind.PING, Ability.PING, "ping"),
        (service.persistence is Persistence.APP_COOKIE, Ability.APP_COOKIE, "keep APP_COOKIE"),
        (service.connections > 0, Ability.CONNECTION_LIMIT, "limit connections"),
        (not _plain(service.monitor.codes), Ability.STATUS_CODES, "expect several codes"),
    )
    for needs, ability, what in needed:
        reason = cloud.refusal(ability)
        if needs and reason:
            return f"The load balancer of '{cloud.name}' cannot {what}: {reason}"
    if "TCP" in protocols and len(protocols) > 1 and not cloud.open_catalog:
        return f"The load balancer of '{cloud.name}' cannot mix {' and '.join(sorted(protocols))}"
    return None


def _plain(codes: str) -> bool:
    """Return whether no more is expected than one code, or a class of them."""
    return not codes or _PLAIN.fullmatch(codes) is not None


def _monitor(properties: Properties) -> Monitor:
    said = properties.get("health_monitor")
    if said is None or not said["admin_state_up"]:
        return Monitor(kind=MonitorKind.NONE)
    return Monitor(
        kind=_MONITORS[said["type"]],
        method=said.get("http_method") or "GET",
        codes=(said.get("expected_codes") or "").replace(" ", ""),
        every_s=said["delay"],
        timeout_s=said["timeout"],
        failures=said["max_retries"],
    )


def _service(properties: Properties) -> Service:
    vip, pool = properties.get("vip", {}), properties.get("pool", {})
    said = pool.get("session_persistence", {})
    return Service(
        port=vip.get("protocol_port", 80),
        member_port=pool.get("protocol_port", 80),
        traffic=_TRAFFIC[vip.get("protocol", "HTTP")],
        health_path=properties.get("health_monitor", {}).get("url_path") or "/",
        method=_METHODS[pool.get("lb_method", "ROUND_ROBIN")],
        drain_s=DRAIN_S,
        monitor=_monitor(properties),
        persistence=_PERSISTENCE.get(said.get("type", ""), Persistence.NONE),
        cookie=said.get("cookie_name") or "",
        connections=max(0, vip.get("connection_limit", 0)),
    )


def _effect(cluster: Cluster, attached: Attached) -> Cluster:
    service = _service(attached.properties)
    if cluster.service:
        service = replace(service, address=cluster.service.address)
    vip = {"vip_address": service.address}
    data = {**cluster.data, "loadbalancers": {str(attached.binding.policy_id): vip}}
    return replace(cluster, service=service, data=data)


def _data(properties: Properties, cluster: Cluster) -> Mapping[str, Any]:
    """Name the parts of the balancer; it is one thing here, so the names are derived."""
    parts = ["loadbalancer", "listener", "pool"]
    if properties.get("health_monitor") is not None:
        parts.append("healthmonitor")
    data = {part: str(uuid5(cluster.id, part)) for part in parts}
    return {"LoadBalancingPolicy": {"version": "1.3", "data": data}}


TYPE = PolicyType(
    name="senlin.policy.loadbalance",
    support={
        "1.0": (Support(status="SUPPORTED", since="2016.04"),),
        "1.1": (Support(status="SUPPORTED", since="2018.01"),),
        "1.2": (Support(status="SUPPORTED", since="2020.02"),),
        "1.3": (Support(status="SUPPORTED", since="2020.03"),),
    },
    priority=500,
    profile_types=("os.nova.server-1.0",),
    schema=SCHEMA,
    names=_names,
    governs=frozenset({"service"}),
    check=_check,
    effect=_effect,
    refusal=_refusal,
    data=_data,
)
