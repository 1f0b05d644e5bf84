"""An event as JSON, the same for whoever lists, shows or follows them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from muster.api.words import exact, moment, spelled
from muster.model.event import Event


class EventOut(msgspec.Struct, kw_only=True):
    """The clustering API's object, with kind, number and progress."""

    id: str
    seq: int
    kind: str
    timestamp: str | None
    at: str
    level: str
    otype: str
    oid: str
    oname: str
    cluster_id: str
    user: str
    project: str
    action: str
    action_id: str | None
    status: str
    status_reason: str
    done: int | None
    total: int | None
    meta_data: Mapping[str, Any]


def event(one: Event) -> EventOut:
    return EventOut(
        id=spelled(one.id),
        seq=one.seq,
        kind=one.kind,
        timestamp=moment(one.at),
        at=exact(one.at),
        level=one.level,
        otype=one.otype,
        oid=spelled(one.oid),
        oname=one.oname,
        cluster_id=spelled(one.cluster_id) if one.cluster_id else "",
        user=one.user,
        project=one.project,
        action=one.action,
        action_id=spelled(one.action_id) if one.action_id else None,
        status=one.status,
        status_reason=one.reason,
        done=one.done,
        total=one.total,
        meta_data=one.data,
    )
