"""What is told of a virtual cluster that has turned from one thing into another."""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid5

from muster.model.event import About, Event, Level
from muster.model.vcluster import VCluster, VClusterStatus

_S = VClusterStatus
_Turn = tuple[VClusterStatus | None, VClusterStatus | None]  # None: there is no record of it

# Kind and phase of what is told, by the turn. One that is not here is told of by another: that
# an end was asked for while it was made says that its making has ended.
TURNS: Mapping[_Turn, tuple[str, str]] = {
    (None, _S.CREATING): ("vcluster.created", "start"),
    (_S.CREATING, _S.ACTIVE): ("vcluster.created", "end"),
    (_S.CREATING, _S.ROLLING_BACK): ("vcluster.created", "error"),
    (_S.ROLLING_BACK, _S.ERROR): ("vcluster.rolled_back", "end"),
    (_S.ACTIVE, _S.WARNING): ("vcluster.degraded", ""),
    (_S.WARNING, _S.ACTIVE): ("vcluster.settled", ""),
    (_S.ACTIVE, _S.UPDATING): ("vcluster.updated", "start"),
    (_S.WARNING, _S.UPDATING): ("vcluster.updated", "start"),
    (_S.UPDATING, _S.ACTIVE): ("vcluster.updated", "end"),
    (_S.UPDATING, _S.WARNING): ("vcluster.updated", "end"),
    **{(each, _S.DELETING): ("vcluster.deleted", "start") for each in _S if each != _S.DELETING},
    (_S.DELETING, None): ("vcluster.deleted", "end"),
}
_LOUD = frozenset({"vcluster.degraded", "vcluster.rolled_back"})


def told(before: VCluster | None, after: VCluster | None, now: datetime) -> tuple[Event, ...]:
    """Return the events of that turn: one, or none where nothing is to be told."""
    one = after or before
    turn = (before.status if before else None, after.status if after else None)
    if one is None or turn not in TURNS:
        return ()
    kind, status = TURNS[turn]
    failed = bool(before and after and before.update and before.update.failed)
    status = "error" if status == "end" and failed else status
    return (
        Event(
            id=uuid5(one.id, f"{kind}/{status}/{one.generation}/{now.isoformat()}"),
            at=now,
            kind=kind,
            level=Level.WARN if status == "error" or kind in _LOUD else Level.INFO,
            otype=About.VCLUSTER,
            oid=one.id,
            oname=one.name,
            project=one.project,
            user=one.user,
            status=status,
            reason=one.reason,
            done=sum(bool(each.ref) for each in one.members),
            total=len(one.staying),
        ),
    )
