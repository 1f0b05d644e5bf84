"""The plan for one cluster. Start reading Muster here."""

from datetime import datetime, timedelta

from muster.decide import verdict, wishes
from muster.decide.bastion import tend_bastion
from muster.decide.departures import keep_waiting, parted
from muster.decide.draft import Draft
from muster.decide.fates import decide_fates
from muster.decide.health import note_turns, ward, weather
from muster.decide.members import tend_pool
from muster.decide.places import dissolve, fit_to_size
from muster.decide.records import tend_record
from muster.decide.renewal import next_batch
from muster.decide.requests import attend, conclude
from muster.decide.rolling import advance, note_waits, tell_start
from muster.decide.sight import drafted
from muster.decide.strays import clear_strays, is_let_go
from muster.decide.telling import events, of_wish
from muster.decide.trees import expanded, harvest
from muster.decide.watching import heed_watches, remedies
from muster.model.action import ActionStatus
from muster.model.plan import Plan, Snapshot

_AT_LATEST = timedelta(seconds=2)


def plan(snapshot: Snapshot) -> Plan:
    """Say what brings the cluster one pass closer to what was asked of it.

    Everything in the plan can start at once. What has to wait for something in it is left
    for the next pass, which sees how this one turned out. The same snapshot always gives
    the same plan, down to the ids of what it tells.
    """
    draft = drafted(snapshot)
    heed_watches(draft)
    note_turns(draft)
    if snapshot.cluster.leaving:
        dissolve(draft)
    ill = ward(draft)
    storm = None if snapshot.cluster.leaving else weather(draft, ill)
    if storm != snapshot.cluster.storm:
        draft.change(storm=storm)
    attend(draft, [*expanded(draft), *remedies(draft, ill)])
    if not snapshot.cluster.leaving:
        tell_start(draft)
        advance(draft)
        fit_to_size(draft)
        next_batch(draft)
    decide_fates(draft, ill)
    conclude(draft)
    keep_waiting(draft)
    tend_pool(draft)
    obstacle = tend_record(draft)
    clear_strays(draft)
    tend_bastion(draft)
    note_waits(draft)
    _take_address(draft)
    return _finished(draft, obstacle)


def _take_address(draft: Draft) -> None:
    """Learn the pool's address where its outcome was lost."""
    pool = draft.snapshot.pool
    if pool and pool.address:
        draft.cluster = draft.cluster.addressed(pool.address)


def _is_gone(draft: Draft) -> bool:
    """Return whether nothing is left of a cluster that was to be deleted."""
    if not draft.cluster.leaving:
        return False
    seen = draft.snapshot
    servers = [each for each in seen.servers.values() if not is_let_go(draft, each)]
    left = servers or seen.bastion or draft.steps or len(draft.drop) < len(draft.places)
    return not left


def _look_at(draft: Draft) -> datetime | None:
    """Return when to look again: at once after doing something, else when a wait may be over."""
    if draft.steps or draft.drop or draft.parted:
        return draft.now
    if draft.waits and draft.look_at is None:
        return draft.now + _AT_LATEST
    return draft.look_at if draft.waits else None


def _finished(draft: Draft, obstacle: str) -> Plan:
    """Name everything, end what has come true, and put the plan together."""
    harvest(draft)
    wishes.note_outputs(draft)
    settled = not (draft.drop or draft.steps or draft.waits or draft.parted)
    gone = _is_gone(draft)
    verdict.name_nodes(draft)
    verdict.learn_boot(draft)
    verdict.name_cluster(draft, ward(draft), settled=settled, obstacle=obstacle)
    ended = wishes.ended(draft, verdict.given_up(draft), settled=settled, gone=gone)
    told = [*events(draft)]
    for each in ended:
        if each.status is not ActionStatus.CANCELLED:
            told.append(of_wish(draft, each))
    gone_on = parted(draft)
    dropped = {*draft.drop, *(node.id for node, _ in gone_on)}
    kept = (
        each.written()
        for each in draft.places
        if (each.edits or each.opened) and each.node.id not in dropped
    )
    return Plan(
        cluster=draft.cluster,
        put=(*kept, *(node for node, _ in gone_on), *filter(None, (draft.bastion_node,))),
        drop=tuple(draft.drop),
        steps=tuple(draft.steps),
        events=tuple(told),
        actions=tuple({**draft.actions, **{each.id: each for each in ended}}.values()),
        solos=(*(keeper for _, keeper in gone_on), *filter(None, (draft.bastion,))),
        waits=tuple(draft.waits),
        look_at=_look_at(draft),
        gone=gone,
    )
