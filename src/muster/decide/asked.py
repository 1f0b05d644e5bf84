"""Wishes that have not ended, and when one has taken too long."""

from datetime import datetime, timedelta

from muster.decide.draft import Draft
from muster.model.action import Action

DONE = "Action completed successfully."


def open_wishes(draft: Draft) -> list[Action]:
    return [
        each
        for each in draft.snapshot.actions
        if each.target == draft.cluster.id and each.verb.startswith("CLUSTER_") and not each.ended
    ]


def late(action: Action, now: datetime) -> bool:
    return now - (action.started_at or action.created_at) >= timedelta(seconds=action.timeout_s)


def too_late(action: Action) -> str:
    return f"{action.verb} [{str(action.id)[:8]}] timeout"
