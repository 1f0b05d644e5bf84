"""Trimming: what is told of the past is kept for a while and not for ever."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from muster.engine.site import Site
from muster.model.action import Action, ActionStatus
from muster.model.receiver import Message
from muster.model.scaling import DecisionRecord
from muster.ports.store import Query, Store, Token, Transaction

BATCH = 1000  # in one transaction, so that nobody waits long for the writer
ENDED = (ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Past:
    """What is older than this, of one project or of all."""

    before: datetime
    project: str | None = None


async def trim(site: Site) -> int:
    """Remove what is older than the days to keep, and expired tokens; return how much it was."""
    now = site.clock.now()
    past = Past(now - timedelta(days=site.pace.keep_days))
    spent = await _in_batches(site.store, lambda tx: _tokens(tx, now))
    return spent + sum([await purge(site.store, kind, past) for kind in KINDS])


async def purge(store: Store, kind: str, past: Past) -> int:
    """Remove one of KINDS as far as it is past; return how many it were."""
    return await _in_batches(store, lambda tx: KINDS[kind](tx, past))


async def _in_batches(store: Store, batch: Callable[[Transaction], int]) -> int:
    removed = 0
    while many := await store.write(batch):
        removed += many
    return removed


def _tokens(tx: Transaction, now: datetime) -> int:
    """Remove what stands for nobody any more, however young it is."""
    every: list[Token] = tx.tokens.find(Query())
    spent = [each.id for each in every if each.expires_at and each.expires_at <= now][:BATCH]
    tx.tokens.drop(*spent)
    return len(spent)


def _events(tx: Transaction, past: Past) -> int:
    return tx.events.trim(past.before, past.project)


def _decisions(tx: Transaction, past: Past) -> int:
    query = Query(project=past.project, sort=(("last_at", False),), limit=BATCH)
    oldest: list[DecisionRecord] = tx.decisions.find(query)
    old = [each.id for each in oldest if each.last_at < past.before]
    tx.decisions.drop(*old)
    return len(old)


def _actions(tx: Transaction, past: Past) -> int:
    ended = Query(
        project=past.project,
        where={"status": tuple(each.value for each in ENDED)},
        sort=(("created_at", False),),
        limit=BATCH,
    )
    oldest: list[Action] = tx.actions.find(ended)
    old = [each.id for each in oldest if each.ended_at and each.ended_at < past.before]
    tx.actions.drop(*old)
    return len(old)


def _messages(tx: Transaction, past: Past) -> int:
    query = Query(project=past.project, sort=(("created_at", False),), limit=BATCH)
    oldest: list[Message] = tx.messages.find(query)
    old = [each.id for each in oldest if each.created_at < past.before]
    tx.messages.drop(*old)
    return len(old)


KINDS: Mapping[str, Callable[[Transaction, Past], int]] = {
    "events": _events,
    "decisions": _decisions,
    "actions": _actions,
    "messages": _messages,
}
