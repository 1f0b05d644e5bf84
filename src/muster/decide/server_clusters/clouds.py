"""The cloud that a cluster of servers is by itself, once it is ready."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from muster.decide.server_clusters.making import at_port
from muster.decide.server_clusters.preflight import address_of
from muster.decide.server_clusters.seed import trusts
from muster.model.admission import Admitted, cloud_id
from muster.model.machine import INCUS_KINDS, Machine
from muster.model.server_cluster import ServerCluster, ServerClusterStatus
from muster.model.server_job import JobKind, Verb

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")  # of a cloud: it is a region, and a folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Who we are to machines, both in PEM."""

    certificate: str
    key: str


# Note [A cluster of servers is a cloud]
# A cluster is the cloud of its name from the moment it is ready until it begins to be dissolved.
# It is one by the certificate by which machines know us: that is in the seed of every cluster that
# is made, so its Incus trusts us without a token. What was made before that, or has a name that no
# cloud has, is none by itself; `muster cloud add` takes it on.
def hindrance(cluster: ServerCluster, certificate: str) -> str:
    """Return why a cluster is no cloud, "" for one that is. `certificate` is ours, in PEM.

    See Note [A cluster of servers is a cloud].
    """
    if not cluster.cloud:
        return "it is not wanted as one (config.cloud)"
    if cluster.kind not in INCUS_KINDS:
        return f"it is of type {cluster.kind}, and not of Incus"
    if cluster.status is not ServerClusterStatus.READY:
        return f"it is {cluster.status}, and not ready"
    if cluster.busy and cluster.job and cluster.job.kind is JobKind.DISSOLVE:
        return "its servers are being reset"
    if not _NAME.fullmatch(cluster.name):
        return "a cloud's name has letters, digits and '-' only"
    if not trusts(cluster.seed, certificate):
        return f"its Incus was never told to trust us: muster cloud add {cluster.name} does that"
    return ""


def becomes_cloud(cluster: ServerCluster, certificate: str) -> bool:
    """Return whether a cluster is the cloud of its name, or will be once it is ready."""
    ready = replace(cluster, status=ServerClusterStatus.READY)
    gone = cluster.status is ServerClusterStatus.FAILED
    return not gone and not hindrance(ready, certificate)


def cloud_of(
    cluster: ServerCluster, machines: Sequence[Machine], face: Face, now: datetime
) -> Admitted | None:
    """Return the cloud that a cluster with these servers is now, None where it is none."""
    members = list(_members(cluster, machines))
    if hindrance(cluster, face.certificate) or not members:
        return None
    url, *others = [_url(each) for each in members]
    # While it is being changed they may show the one or the other.
    shown = dict.fromkeys(each.shows.strip() for each in members if each.shows)
    papers = {
        "certificate": face.certificate,
        "key": face.key,
        "server_certificate": "\n".join((*shown, "")) if shown else cluster.certificate,
    }
    return Admitted(
        id=cloud_id(cluster.name),
        name=cluster.name,
        created_at=now,
        options={"kind": "incus", "url": url, **({"members": others} if others else {})},
        papers=papers,
        servers=cluster.id,
    )


def follows(there: Admitted | None, wanted: Admitted) -> Admitted | None:
    """Return the row as it has to be written, None where it is as wanted, or somebody else's."""
    if there is None:
        return wanted
    same = replace(wanted, created_at=there.created_at)
    return same if there.servers == wanted.servers and same != there else None


def _members(cluster: ServerCluster, machines: Sequence[Machine]) -> Iterator[Machine]:
    """Yield the servers that are members by now, by name."""
    open_ones = [each for each in cluster.job.entries if each.open] if cluster.job else []
    joining = {each.server for each in open_ones if each.verb is Verb.JOIN}
    for each in sorted(machines, key=lambda machine: machine.name):
        if each.cluster == cluster.name and each.name not in joining and not each.owes_reset:
            yield each


def _url(machine: Machine) -> str:
    address = address_of(machine, "management") or address_of(machine, "cluster")
    return f"https://{at_port(address or urlsplit(machine.connection_url).hostname or '')}"
