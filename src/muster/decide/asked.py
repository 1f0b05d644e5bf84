"""Wishes that have not ended, and when one has taken too long."""

from datetime import datetime

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
    """Return whether its time is over; one that was given none may take any."""
    began = action.started_at or action.created_at
    return 0 < action.timeout_s <= (now - began).total_seconds()


def too_late(action: Action) -> str:
    return f"{action.verb} [{str(action.id)[:8]}] timeout"
