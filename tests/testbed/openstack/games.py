"""Trouble that no API can make: services that fail inside, and balancers as amphorae leave them.

What a real amphora would report is written here into Octavia's tables, where its health manager
would have written it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed.openstack import stores
from testbed.openstack.place import Place

_AMPHORA = "00000000-0000-0000-0000-000000000001"
# Without it the API of a service answers 500 to most of what it is asked.
_TABLES = {
    "glance": "glance.images",
    "nova": "nova.instances",
    "neutron": "neutron.networks",
    "cinder": "cinder.volumes",
    "octavia": "octavia.load_balancer",
    "heat": "heat.stack",
    "designate": "designate.zones",
}


@contextmanager
def failing(place: Place, service: str) -> Iterator[None]:
    """Have a service answer 500 in the block, to what is about its first kind of thing."""
    table = _TABLES[service]
    stores.query(place, f"RENAME TABLE {table} TO {table}_away;")
    try:
        yield
    finally:
        stores.query(place, f"RENAME TABLE {table}_away TO {table};")


def set_balancer(place: Place, balancer: str, **statuses: str) -> None:
    """Give a load balancer its `provisioning_status` or `operating_status`, past Octavia."""
    said = ", ".join(f"{name} = '{status}'" for name, status in statuses.items())
    stores.query(place, f"UPDATE octavia.load_balancer SET {said} WHERE id = '{balancer}';")


def set_member(place: Place, member: str, operating_status: str) -> None:
    """Give a member of a pool its health, as an amphora sees it."""
    said = f"operating_status = '{operating_status}'"
    stores.query(place, f"UPDATE octavia.member SET {said} WHERE id = '{member}';")


def count_traffic(place: Place, listener: str, **counted: int) -> None:
    """Say what a listener has counted so far: `total_connections`, `bytes_in`, `bytes_out` ..."""
    names = ("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors")
    unknown = set(counted) - set(names)
    assert not unknown, unknown
    numbers = ", ".join(str(counted.get(name, 0)) for name in names)
    stores.query(
        place,
        f"REPLACE octavia.listener_statistics (listener_id, amphora_id, {', '.join(names)})"
        f" VALUES ('{listener}', '{_AMPHORA}', {numbers});",
    )
