"""Where instances of each revision are asked how they are, while several are about."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from muster.model.cluster import Cluster, Service


def parted(seen: Cluster, service: Service | None) -> Service | None:
    """Return the service that a new revision brings, as it is while earlier ones are about.

    See Note [Two paths].
    """
    before = seen.service
    if before is None or service is None or before.health_path == service.health_path:
        return service
    rollout = seen.rollout if seen.rollout and seen.rollout.under_way else None
    known = {seen.profile_id, *seen.revisions, *({rollout.target} if rollout else ())}
    former = tuple((id, before.path_of(id)) for id in sorted(known))
    return replace(service, former=former)


def returning(cluster: Cluster, paths: Mapping[UUID, str]) -> Cluster:
    """Return a cluster that goes back to an earlier revision, asked where that one says.

    See Note [Two paths].
    """
    service, rollout = cluster.service, cluster.rollout
    if service is None or rollout is None or rollout.target in dict(service.former):
        return cluster
    path = paths.get(rollout.target) or service.health_path
    if path == service.health_path:
        return cluster
    former = (*service.former, (rollout.target, path))
    return replace(cluster, service=replace(service, former=former))
