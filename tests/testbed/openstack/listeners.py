"""Who takes messages from RabbitMQ: what is sent to nobody is lost, and waited for in vain."""

import time
from collections.abc import Iterable

from testbed.openstack.place import COMPUTES, Place
from testbed.openstack.stores import ask_rabbitmq

# By process, the queue that it takes from last of all when it begins.
QUEUES = {
    "nova-conductor": "conductor",
    "nova-scheduler": "scheduler",
    **{host: f"compute.{host}" for host in COMPUTES},
    "cinder-scheduler": "cinder-scheduler",
    "cinder-volume": "cinder-volume",
    "octavia-worker": "octavia_provisioning_v2",
    "heat-engine": "engine_worker",
    "designate-central": "central",
    "designate-producer": "producer",
    "designate-worker": "worker",
}


def await_listening(place: Place, names: Iterable[str], patience_s: float = 180) -> None:
    """Wait until those of these processes who take messages do."""
    wanted = {QUEUES[name] for name in names if name in QUEUES}
    deadline = time.monotonic() + patience_s
    while missing := wanted - _taken(place) if wanted else set():
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {patience_s:g} s nobody takes from {sorted(missing)}")
        time.sleep(0.2)


def _taken(place: Place) -> set[str]:
    said = ask_rabbitmq(place, "list_queues", "name", "consumers")
    rows = [line.split("\t") for line in said.splitlines()]
    return {row[0] for row in rows if row[-1] not in ("0", "consumers")}
