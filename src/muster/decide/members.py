"""The load balancer's pool: the members it should have against those it shows."""

from collections.abc import Sequence, Set
from datetime import datetime
from uuid import UUID

from muster.decide.destiny import Destiny, Fitness
from muster.decide.draft import Draft, Place, names
from muster.model.observed import Seen
from muster.model.pool import MemberState, MemberWanted, PoolSeen, PoolWanted, digest
from muster.model.step import PutPool, RemovePool

Wanted = tuple[Place, MemberState]

_ALIVE = frozenset({Fitness.READY, Fitness.UNREADY, Fitness.SICK})


def tend_pool(draft: Draft) -> None:
    """Put the pool right where it is not as it should be."""
    seen = draft.snapshot.pool
    if draft.cluster.leaving or not draft.balanced:
        if seen is not None:
            why = "the cluster goes" if draft.cluster.leaving else "nothing is served any more"
            draft.steps.append(RemovePool(cluster_id=draft.cluster.id, why=why))
        return
    front = draft.cluster.front
    assert front
    wanted = [(each, state) for each in draft.places if (state := _state(each))]
    changed = seen is not None and seen.front_digest != digest(front)
    why = "the front has changed" if changed else _difference(draft, seen, wanted)
    if why:
        pool = PoolWanted(front=front, members=_members(draft, wanted))
        draft.steps.append(PutPool(pool=pool, why=why))


# Note [Into the pool]
# A node joins once its application has answered, so that no client ever meets a cold one.
# It stays while its server may run, whatever our own probe says: whether to send requests
# there is the balancer's judgement, made several times a second, and ours is to replace it.
def _state(each: Place) -> MemberState | None:
    """Return how a place is to be in the pool, None: not at all. See Note [Into the pool]."""
    server = each.server
    if server is None or each.standby:
        return None
    if each.leaving is not None:
        if each.member is not None and each.fate is Destiny.DRAIN:
            return MemberState.DRAIN
        serves = each.member is not None and each.fate is Destiny.HOLD and each.fitness in _ALIVE
        return MemberState.SERVE if serves else None
    if each.renew_by is not None:
        return MemberState.DRAIN if each.member and each.fate is Destiny.DRAIN else None
    if each.fitness is Fitness.PARKED:
        return None
    if each.member is not None:
        return MemberState.SERVE if server.seen in (Seen.RUNNING, Seen.UNREACHABLE) else None
    joins = server.seen is Seen.RUNNING and each.answers and bool(server.address)
    return MemberState.SERVE if joins else None


def _difference(draft: Draft, seen: PoolSeen | None, wanted: Sequence[Wanted]) -> str:
    """Return in words what is wrong with the pool as it is, "" if nothing."""
    if seen is None:
        return f"serve {draft.cluster.name}"
    came = [each for each, _ in wanted if each.member is None]  # or has another address now
    turned = [(e, state) for e, state in wanted if e.member and not _same(draft, e, state)]
    drained = [each for each, state in turned if state is MemberState.DRAIN]
    back = [each for each, state in turned if state is MemberState.SERVE]
    stay = len(wanted) - len(came)
    lost = _lost(seen, wanted) if stay < len(seen.members) else frozenset()
    gone = [each for each in draft.places if each.node.id in lost] if lost else []
    parts = (
        f"{names(came)} in" if came else "",
        f"{names(drained)} to drain" if drained else "",
        f"{names(back)} to serve" if back else "",
        f"{names(gone) or len(lost)} out" if lost else "",
    )
    return ", ".join(part for part in parts if part) or seen.owed


def _lost(seen: PoolSeen, wanted: Sequence[Wanted]) -> Set[UUID]:
    """Return the members that are to be none any more."""
    return seen.members.keys() - {each.node.id for each, _ in wanted}


def _same(draft: Draft, each: Place, state: MemberState) -> bool:
    member = each.member
    return bool(member and member.state is state and member.port == _port(draft, each))


def _members(draft: Draft, wanted: Sequence[Wanted]) -> tuple[MemberWanted, ...]:
    return tuple(
        MemberWanted(
            node_id=each.node.id,
            address=_address(each),
            port=_port(draft, each),
            state=state,
            ends=_end(each) if state is MemberState.DRAIN else None,
        )
        for each, state in wanted
    )


def _end(each: Place) -> datetime | None:
    """Return until when what is still open on this member may go on."""
    return each.leaving.deadline if each.leaving else each.renew_by


# Note [Two ports at once]
# When the port changes, clients meet the new one at once, and instances come to it by
# waves. Until its turn each listens where its own revision says, and is a member there;
# unless the service says where all of them listen, for it then speaks of what is.
def _port(draft: Draft, each: Place) -> int:
    """Return where this member listens. See Note [Two ports at once]."""
    service = draft.cluster.service
    return service.member_at(each.node.port) if service else each.node.port


def _address(each: Place) -> str:
    return each.server.address if each.server and each.server.address else each.node.address
