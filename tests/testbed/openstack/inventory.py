"""All that is in the services of a cloud, to see that nothing is left of what was made."""

from collections.abc import Mapping
from typing import Any

from testbed.openstack.asking import Asking

Things = Mapping[str, frozenset[str]]

# By service and kind: where all projects' are listed, and what the list is called.
_LISTS = {
    "nova/servers": ("/servers?all_tenants=1", "servers"),
    "nova/server-groups": ("/os-server-groups?all_projects=1", "server_groups"),
    "nova/flavors": ("/flavors?is_public=None", "flavors"),
    "nova/aggregates": ("/os-aggregates", "aggregates"),
    "neutron/networks": ("/v2.0/networks", "networks"),
    "neutron/subnets": ("/v2.0/subnets", "subnets"),
    "neutron/ports": ("/v2.0/ports", "ports"),
    "neutron/routers": ("/v2.0/routers", "routers"),
    "neutron/floating-ips": ("/v2.0/floatingips", "floatingips"),
    "neutron/security-groups": ("/v2.0/security-groups", "security_groups"),
    "cinder/volumes": ("/{admin}/volumes?all_tenants=1", "volumes"),
    "cinder/snapshots": ("/{admin}/snapshots?all_tenants=1", "snapshots"),
    "cinder/attachments": ("/{admin}/attachments?all_tenants=1", "attachments"),
    "glance/images": ("/v2/images?limit=1000", "images"),
    "octavia/load-balancers": ("/v2/lbaas/loadbalancers", "loadbalancers"),
    "octavia/listeners": ("/v2/lbaas/listeners", "listeners"),
    "octavia/pools": ("/v2/lbaas/pools", "pools"),
    "octavia/health-monitors": ("/v2/lbaas/healthmonitors", "healthmonitors"),
    "octavia/policies": ("/v2/lbaas/l7policies", "l7policies"),
    "heat/stacks": ("/{admin}/stacks?global_tenant=true&show_nested=true", "stacks"),
    "designate/zones": ("/v2/zones?limit=1000", "zones"),
    "designate/recordsets": ("/v2/recordsets?limit=1000", "recordsets"),
}
_IDENTITY = {
    "keystone/projects": ("/projects", "projects"),
    "keystone/users": ("/users", "users"),
    "keystone/trusts": ("/OS-TRUST/trusts", "trusts"),
}
_KEYPAIRS = "/os-keypairs?user_id={user}"


def everything(it: Asking) -> Things:
    """Return the ids of what is there, by `service/kind`.

    A project's security group `default` is left out: Neutron makes one where it looks for it,
    and keeps it for as long as the project is there.
    """
    found = {
        kind: _ids(_listed(it, kind))
        for kind in _LISTS
        if kind.partition("/")[0] in it.place.services
    }
    for kind, (path, noun) in _IDENTITY.items():
        found[kind] = frozenset(each["id"] for each in it.keystone.call("GET", path)[noun])
    users = found["keystone/users"]
    credentials = [each for user in users for each in _credentials(it, user)]
    found["keystone/application-credentials"] = frozenset(credentials)
    if "nova" in it.place.services:
        keypairs = [f"{user}/{name}" for user in users for name in _keypairs(it, user)]
        found["nova/keypairs"] = frozenset(keypairs)
        found["placement/consumers"] = _consumers(it)
    return found


def _listed(it: Asking, kind: str) -> list[dict[str, Any]]:
    path, noun = _LISTS[kind]
    answer = it.call(kind.partition("/")[0], "GET", path.format(admin=it.admin))
    listed: list[dict[str, Any]] = answer[noun]
    more = answer.get(f"{noun}_links") or answer.get("next")
    assert not more, f"{kind}: one page of more"
    return [each for each in listed if noun != "security_groups" or each["name"] != "default"]


def _ids(listed: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(str(each["id"]) for each in listed)


def _keypairs(it: Asking, user: str) -> list[str]:
    listed = it.call("nova", "GET", _KEYPAIRS.format(user=user))["keypairs"]
    return [each["keypair"]["name"] for each in listed]


def _credentials(it: Asking, user: str) -> list[str]:
    path = f"/users/{user}/application_credentials"
    return [each["id"] for each in it.keystone.call("GET", path)["application_credentials"]]


def _consumers(it: Asking) -> frozenset[str]:
    """Return who has taken some of a host: servers, and what was left of them."""
    providers = it.call("placement", "GET", "/resource_providers")["resource_providers"]
    taken = [
        it.call("placement", "GET", f"/resource_providers/{each['uuid']}/allocations")
        for each in providers
    ]
    return frozenset(consumer for each in taken for consumer in each["allocations"])
