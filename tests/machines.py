"""`a_machine()` and what goes with it: valid values, with only what matters spelled out."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from builders import NOW
from drivers.pem.made import CERTIFICATE
from muster.base.certificates import fingerprint
from muster.model.machine import Detail, Facts, Kind, Machine, MachineStatus
from muster.model.machine_template import MachineTemplate, Variable
from muster.model.machine_token import MachineToken
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import Entry, EntryStatus, Job, JobKind, Verb

URL = "https://10.0.0.1:8443"


def a_machine(number: int = 1, **but: Any) -> Machine:
    plain = {
        "id": UUID(int=800 + number),
        "name": f"m{number}",
        "connection_url": f"https://10.0.0.{number}:8443",
        "certificate": CERTIFICATE,
        "fingerprint": fingerprint(CERTIFICATE),
        "status": MachineStatus.READY,
        "created_at": NOW,
    }
    return Machine(**plain | but)


def a_clusterable_machine(number: int = 1, **but: Any) -> Machine:
    """Return one that is ready, and has what a member of a cluster needs."""
    address = f"10.0.0.{number}"
    facts = Facts(
        applications=({"name": "incus", "version": "6.0.4"},),
        environment={"hostname": f"m{number}", "os_version": "12"},
        network={"state": {"interfaces": {"mgmt": {"addresses": [address], "roles": ["cluster"]}}}},
    )
    return a_machine(number, **{"facts": facts, "detail": Detail.NONE} | but)


def a_machine_token(**but: Any) -> MachineToken:
    plain = {
        "id": UUID(int=850),
        "uses_remaining": 2,
        "expire_at": NOW + timedelta(days=30),
        "created_at": NOW,
    }
    return MachineToken(**plain | but)


def a_machine_template(**but: Any) -> MachineTemplate:
    plain = {
        "id": UUID(int=860),
        "name": "storage",
        "service_config_template": "lvm:\n  enabled: @LVM@\n",
        "application_config_template": 'config:\n  user.rack: "@RACK@"\n',
        "variables": {"LVM": Variable(default="true"), "RACK": Variable(description="where")},
        "created_at": NOW,
    }
    return MachineTemplate(**plain | but)


def a_server_cluster(**but: Any) -> ServerCluster:
    done = Entry(verb=Verb.RELEASE, server="m1", status=EntryStatus.DONE, kept={"before": {"a": 1}})
    job = Job(id=UUID(int=871), kind=JobKind.CREATE, entries=(done,), asked_at=NOW)
    plain = {"id": UUID(int=870), "name": "c1", "kind": Kind.INCUS, "job": job, "created_at": NOW}
    return ServerCluster(**plain | but)
