"""What an operator gives a new cloud: a catalog, roles, and users for the services."""

from testbed.keystone import Keystone
from testbed.openstack.place import PASSWORD, Place

ROLES = ("load-balancer_member", "load-balancer_admin", "heat_stack_user")
TYPES = {
    "placement": "placement",
    "glance": "image",
    "nova": "compute",
    "neutron": "network",
    "cinder": "block-storage",
    "octavia": "load-balancer",
    "heat": "orchestration",
    "designate": "dns",
}
PATHS = {"nova": "/v2.1", "cinder": "/v3", "heat": "/v1/%(tenant_id)s"}


def identity(place: Place) -> Keystone:
    """Return the cloud's Keystone, as the tests know one."""
    return Keystone(place.base, place.port("keystone"), {}, place.program)


def fill(place: Place) -> None:
    """Fill the catalog of a cloud whose Keystone has just been made."""
    keystone = identity(place)
    for role in ROLES:
        keystone.call("POST", "/roles", {"role": {"name": role}})
    keystone.project("service")
    svc = keystone.user("svc", service="admin")
    for role in ("service", "load-balancer_admin"):
        grant(keystone, svc, "service", role)
    admin = keystone.call("GET", "/users?name=admin")["users"][0]["id"]
    grant(keystone, admin, "admin", "load-balancer_admin")
    for service in place.services:
        if service in TYPES:
            _list(place, keystone, service)
    if "heat" in place.services:
        _make_domain(keystone)


def _list(place: Place, keystone: Keystone, service: str) -> None:
    """Enter a service twice: Nova answers 500 where one has no internal address."""
    body = {"service": {"name": service, "type": TYPES[service]}}
    id = keystone.call("POST", "/services", body)["service"]["id"]
    url = place.url(service) + PATHS.get(service, "")
    for interface in ("public", "internal"):
        said = {"service_id": id, "interface": interface, "region_id": "RegionOne", "url": url}
        keystone.call("POST", "/endpoints", {"endpoint": said})


def _make_domain(keystone: Keystone) -> None:
    """Make the domain where Heat keeps the users of its stacks, and who may do so."""
    domain = keystone.call("POST", "/domains", {"domain": {"name": "heat"}})["domain"]["id"]
    who = {"name": "heat_domain_admin", "password": PASSWORD, "domain_id": domain}
    user = keystone.call("POST", "/users", {"user": who})["user"]["id"]
    role = _role(keystone, "admin")
    keystone.call("PUT", f"/domains/{domain}/users/{user}/roles/{role}")


def grant(keystone: Keystone, user: str, project: str, role: str) -> None:
    """Give a user, by his id, a role in a project, both by their names."""
    found = keystone.call("GET", f"/projects?name={project}")["projects"][0]["id"]
    keystone.call("PUT", f"/projects/{found}/users/{user}/roles/{_role(keystone, role)}")


def _role(keystone: Keystone, name: str) -> str:
    return str(keystone.call("GET", f"/roles?name={name}")["roles"][0]["id"])
