"""A cloud of OpenStack as tests have it: the fixture `openstack_cloud`.

    def test_it(openstack_cloud: Cloud) -> None:
        before = openstack_cloud.everything()
        mine = openstack_cloud.project("mine", compute={"instances": 3})
        mine.auth, mine.clouds           # what a client signs in with; a clouds.yaml, cloud `mine`
        openstack_cloud.auth             # the same of the administrator
        with openstack_cloud.without("keystone"):
            ...                          # refuses to connect; back and answering afterwards
        openstack_cloud.remove(mine)     # leftovers of a project are a failed test's
        assert openstack_cloud.everything() == before

There are hosts `compute-1` (zone az1), `compute-2` (az2) and `compute-3` (nova), flavors `tiny`,
`small` and `medium`, images `demo-web` and `demo-web-v2`, and an outside network `public`.
Nothing flows through networks and balancers, which are rows in databases.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.openstack import furnish, processes, settings, stores
from testbed.openstack.asking import Asking
from testbed.openstack.catalog import grant
from testbed.openstack.daemons import APIS, STORES, names
from testbed.openstack.inventory import Things, everything
from testbed.openstack.listeners import await_listening
from testbed.openstack.place import COMPUTES, Place

NEEDED_FOR_HOSTS = (*STORES, "keystone", "nova", "nova-conductor")
_ROLES = ("load-balancer_member",)


@dataclass(frozen=True, slots=True)
class Project:
    """A project of one test, and its only user, who is called as it is."""

    id: str
    name: str
    user: str
    zone: str  # the id of its DNS zone
    domain: str  # that zone's name, with a dot at its end
    auth: Mapping[str, str]
    clouds: Path


class Cloud:
    """One cloud: who is in it, what is in it, and the processes that it is made of."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.asking = Asking(place)
        self.keystone = self.asking.keystone
        self.auth = settings.auth(place, "admin", "admin")
        self.clouds = place.clouds

    @property
    def processes(self) -> list[str]:
        """What can be stopped and killed: `nova` is Nova's API, `compute-1` one of its hosts."""
        return names(self.place)

    def project(self, name: str, **limits: Mapping[str, int]) -> Project:
        """Make a project with a user and a zone; `compute`, `volume`, `network` limit it."""
        id = self.keystone.project(name)
        user = self.keystone.user(name, **{name: "member"})
        for role in _ROLES:
            grant(self.keystone, user, name, role)
        for kind, limit in limits.items():
            self.limit(id, kind, **limit)
        domain = f"{name}.example.org."
        auth = settings.auth(self.place, name, name)
        clouds = self.place.base / f"{name}.yaml"
        clouds.write_text(settings.clouds_yaml({name: auth}))
        return Project(id, name, user, self._make_zone(id, domain), domain, auth, clouds)

    def _make_zone(self, project: str, name: str) -> str:
        if "designate" not in self.place.services:
            return ""
        zone = {"name": name, "email": f"admin@{name.rstrip('.')}"}
        made = self.asking.call("designate", "POST", "/v2/zones", zone, project)
        return str(made["id"])

    def limit(self, project: str, kind: str, **limits: int) -> None:
        """Change the quota of a project, by its id, as names the API of that kind: `instances`."""
        service, path, noun = {
            "compute": ("nova", f"/os-quota-sets/{project}", "quota_set"),
            "volume": ("cinder", f"/{self.asking.admin}/os-quota-sets/{project}", "quota_set"),
            "network": ("neutron", f"/v2.0/quotas/{project}", "quota"),
            "balancer": ("octavia", f"/v2/quotas/{project}", "quota"),
        }[kind]
        self.asking.call(service, "PUT", path, {noun: limits})

    def remove(self, project: Project) -> None:
        """Remove a project, its user and its zone; what is still in it stays, without an owner."""
        if project.zone:
            self.asking.call("designate", "DELETE", f"/v2/zones/{project.zone}")
        self.keystone.call("DELETE", f"/users/{project.user}")
        self.keystone.call("DELETE", f"/projects/{project.id}")
        project.clouds.unlink()

    def everything(self) -> Things:
        """Return the ids of all that is in the services, by `service/kind`; see `inventory`."""
        return everything(self.asking)

    def stop(self, name: str) -> None:
        """End a process as an operator does, and return when it has ended."""
        processes.end(self.place, name)

    def kill(self, name: str) -> None:
        """End a process at once, with its children."""
        processes.end(self.place, name, signal.SIGKILL)

    def hold(self, name: str) -> None:
        """Have a process stand still: it takes connections and says nothing."""
        processes.hold(self.place, name, on=True)

    def release(self, name: str) -> None:
        processes.hold(self.place, name, on=False)

    def start(self, name: str) -> None:
        """Start a process that has ended, and return when it does its part again.

        For what all stand on that is when the others are well, too.
        """
        if name in stores.STARTS:
            stores.STARTS[name](self.place)
        else:
            processes.start(self.place, name)
            processes.await_ready(self.place, name)
        if name not in APIS:
            self._await_whole(self.processes if name in STORES else [name])

    def _await_whole(self, names: list[str]) -> None:
        """Wait until those of these that live take messages, and all hosts that live are up."""
        gone = processes.dead(self.place, names)
        await_listening(self.place, set(names) - set(gone))
        if "nova" in self.place.services and not processes.dead(self.place, NEEDED_FOR_HOSTS):
            hosts = set(COMPUTES) - set(processes.dead(self.place, COMPUTES))
            furnish.await_hosts(self.asking, hosts)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Have a process be away for the block."""
        self.kill(name)
        try:
            yield
        finally:
            self.start(name)

    def mend(self) -> None:
        """Start what has ended, so that the next test has a whole cloud."""
        for name in processes.dead(self.place, self.processes):
            self.start(name)

    def force_down(self, host: str, *, down: bool = True) -> None:
        """Have Nova know at once that a host is down, or no longer; by itself it takes a while."""
        listed = self.asking.call("nova", "GET", f"/os-services?binary=nova-compute&host={host}")
        id = listed["services"][0]["id"]
        self.asking.call("nova", "PUT", f"/os-services/{id}", {"forced_down": down})

    def states(self) -> dict[str, str]:
        """Return how Nova sees its hosts: up or down."""
        return furnish.states(self.asking)

    def url(self, service: str) -> str:
        """Return where the API of a service is."""
        assert service in APIS, service
        return self.place.url(service)

    def connection(self, project: Project | None = None) -> Any:
        """Return a connection of openstacksdk: a project's, or the administrator's."""
        import openstack

        given = project.auth if project else self.auth
        return openstack.connection.Connection(auth=dict(given), region_name="RegionOne")
