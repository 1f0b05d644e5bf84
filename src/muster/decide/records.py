"""DNS: the name a cluster should have against the one that is published."""

from muster.decide.draft import Draft
from muster.model.cloud import Ability
from muster.model.step import DropRecord, PutRecord


def tend_record(draft: Draft) -> str:
    """Publish or withdraw the cluster's name where that is due; return what is in the way."""
    service, seen = draft.cluster.service, draft.snapshot.record
    if service is None or not service.dns_name or draft.snapshot.cloud.refusal(Ability.DNS):
        return ""
    if draft.cluster.leaving:
        if seen is not None and seen.owner == draft.cluster.id:
            draft.steps.append(DropRecord(name=service.dns_name, why="the cluster goes"))
        return ""
    pool = draft.snapshot.pool
    address = pool.address if pool else service.address
    if seen is not None and seen.owner != draft.cluster.id:
        return f"the name {service.dns_name} is held by somebody else"
    if address and (seen is None or seen.address != address):
        why = "the load balancer has an address" if seen is None else "the address has changed"
        draft.steps.append(PutRecord(name=service.dns_name, address=address, why=why))
    return ""
