"""Trimming: what is told of the past is kept for a while and not for ever."""

from datetime import datetime, timedelta
from functools import partial

from muster.engine.site import Site
from muster.model.action import Action, ActionStatus
from muster.model.scaling import DecisionRecord
from muster.ports.store import Query, Transaction

BATCH = 1000  # in one transaction, so that nobody waits long for the writer
ENDED = (ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.CANCELLED)


async def trim(site: Site) -> int:
    """Remove events, decisions and ended actions older than the days to keep; return how many."""
    before = site.clock.now() - timedelta(days=site.pace.keep_days)
    removed = await site.store.write(lambda tx: tx.events.trim(before))
    for batch in (_decisions, _actions):
        while many := await site.store.write(partial(batch, before=before)):
            removed += many
    return removed


def _decisions(tx: Transaction, before: datetime) -> int:
    oldest: list[DecisionRecord] = tx.decisions.find(Query(sort=(("last_at", False),), limit=BATCH))
    old = [each.id for each in oldest if each.last_at < before]
    tx.decisions.drop(*old)
    return len(old)


def _actions(tx: Transaction, before: datetime) -> int:
    ended = Query(
        where={"status": tuple(each.value for each in ENDED)},
        sort=(("created_at", False),),
        limit=BATCH,
    )
    oldest: list[Action] = tx.actions.find(ended)
    old = [each.id for each in oldest if each.ended_at and each.ended_at < before]
    tx.actions.drop(*old)
    return len(old)
