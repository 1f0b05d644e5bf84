"""What happened, as events: the same plan always tells them under the same ids."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

from muster.decide.draft import Draft, News, names
from muster.model.action import Action, ActionStatus
from muster.model.event import OF_VERB, About, Event, Level

MANY = 100


# Note [Many at once]
# A cluster of ten thousand tells of each node when they come one by one. When more than
# a hundred do the same in one pass, one event says so with their number: nobody reads a
# thousand lines, and the node's own row and action say the rest.
def events(draft: Draft) -> Iterator[Event]:
    """Yield what was noted, in order. See Note [Many at once]."""
    kinds: dict[str, list[News]] = defaultdict(list)
    for news in draft.news:
        if news.place is not None:
            kinds[f"{news.kind}/{news.status}"].append(news)
    many = {kind for kind, all_of_it in kinds.items() if len(all_of_it) > MANY}
    active = sum(each.available for each in draft.serving)
    for news in draft.news:
        if news.place is None and draft.snapshot.solo:
            continue  # nobody sees that cluster
        if news.place is None or f"{news.kind}/{news.status}" not in many:
            yield _event(draft, news, active)
    for kind in sorted(many):
        yield _summary(draft, kinds[kind], active)


def _event(draft: Draft, news: News, active: int) -> Event:
    cluster, node = draft.cluster, news.place.node if news.place else None
    oid = node.id if node else cluster.id
    return Event(
        id=_id(draft, oid, news),
        at=draft.now,
        kind=news.kind,
        level=news.level,
        otype=About.NODE if node else About.CLUSTER,
        oid=oid,
        oname=node.name if node else cluster.name,
        cluster_id=None if draft.snapshot.solo else cluster.id,
        project=cluster.project,
        reason=news.reason,
        done=active if node else news.done,
        total=cluster.desired if node else news.total,
        **_of_action(news.action, news.status, cluster.user),
    )


def _of_action(action: Action | None, status: str, user: str) -> dict[str, Any]:
    """Return what an event says of the action that it is a start or an end of."""
    if action is None:
        return {"user": user}
    told = {"user": action.user, "action": action.verb, "action_id": action.id}
    return {**told, "status": status}


def _summary(draft: Draft, all_of_it: Sequence[News], active: int) -> Event:
    first, cluster = all_of_it[0], draft.cluster
    shown = names([each.place for each in all_of_it if each.place])
    return Event(
        id=_id(draft, cluster.id, first),
        at=draft.now,
        kind=first.kind,
        level=first.level,
        otype=About.CLUSTER,
        oid=cluster.id,
        oname=cluster.name,
        cluster_id=cluster.id,
        project=cluster.project,
        reason=f"{len(all_of_it)} nodes: {shown}: {first.reason}",
        done=active,
        total=cluster.desired,
        data={"count": len(all_of_it)},
        **_of_action(first.action, first.status, cluster.user),
    )


def _id(draft: Draft, about: UUID, news: News) -> UUID:
    return uuid5(about, f"{news.kind}/{news.key or draft.now.isoformat()}")


def of_wish(draft: Draft, action: Action) -> Event:
    """Return the event of a wish's end."""
    cluster, kind = draft.cluster, OF_VERB[action.verb]
    well = action.status is ActionStatus.SUCCEEDED
    return Event(
        id=uuid5(action.id, f"{kind}/end"),
        at=draft.now,
        kind=kind,
        level=Level.INFO if well else Level.ERROR,
        otype=About.CLUSTER,
        oid=cluster.id,
        oname=cluster.name,
        cluster_id=cluster.id,
        project=cluster.project,
        user=action.user,
        action=action.verb,
        action_id=action.id,
        status="end" if well else "error",
        reason=action.reason,
        done=sum(each.available for each in draft.serving),
        total=cluster.desired,
    )
