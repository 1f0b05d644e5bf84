"""Clouds that clusters of servers are: their names, and what speaks against their going."""

from dataclasses import dataclass

from muster.base.errors import Conflict
from muster.decide.server_clusters.clouds import hindrance
from muster.model.admission import Admitted, cloud_id
from muster.model.server_cluster import ServerCluster
from muster.ports.store import Transaction
from muster.service.clouds import told, user_of
from muster.service.desk import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a cluster of servers is as a cloud."""

    cloud: str = ""  # its name; "": it is none
    reason: str = ""  # why it is none, or cannot be used


def standing(desk: Desk, tx: Transaction, cluster: ServerCluster) -> Standing:
    """Return what a cluster is as a cloud, here and now."""
    if there := _cloud(tx, cluster):
        known = there.name in desk.clouds
        return Standing(cloud=there.name, reason="" if known else "it is not open here yet")
    certificate = desk.agents.certificate if desk.agents else ""
    if cluster.cloud and (cluster.name in desk.clouds or tx.clouds.get(cloud_id(cluster.name))):
        return Standing(reason=f"somebody has added a cloud '{cluster.name}'")
    return Standing(reason=hindrance(cluster, certificate) or "it is about to be one")


def refuse_taken(desk: Desk, tx: Transaction, name: str) -> None:
    """Raise `Conflict` where a cloud has the name that a cluster is to have."""
    if name in desk.clouds or tx.clouds.get(cloud_id(name)):
        text = f"there is a cloud '{name}', and a cluster of servers becomes one of its own name"
        raise Conflict(text, field="name")


def let_go(desk: Desk, tx: Transaction, cluster: ServerCluster) -> None:
    """Have a cluster be no cloud any more. Raises `Conflict` where something of ours is in it."""
    there = _cloud(tx, cluster)
    if there is None:
        return
    if user := _user(desk, tx, there):
        text = f"cluster '{cluster.name}' is a cloud, and in use by {user}: change that first"
        raise Conflict(text)
    _strike(desk, tx, there)


def outlive(desk: Desk, tx: Transaction, cluster: ServerCluster) -> None:
    """Have the cloud of a cluster that is forgotten stay while something of ours is in it."""
    there = _cloud(tx, cluster)
    if there and not _user(desk, tx, there):
        _strike(desk, tx, there)


def _cloud(tx: Transaction, cluster: ServerCluster) -> Admitted | None:
    there = tx.clouds.get(cloud_id(cluster.name))
    return there if there and there.servers == cluster.id else None


def _user(desk: Desk, tx: Transaction, cloud: Admitted) -> str:
    default = "the settings, as the default cloud" if cloud.name == desk.default_cloud else ""
    return default or user_of(tx, cloud.name)


def _strike(desk: Desk, tx: Transaction, cloud: Admitted) -> None:
    tx.clouds.drop(cloud.id)
    tx.events.append(told(desk, "", cloud.name, "cloud.removed"))
