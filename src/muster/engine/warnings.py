"""Warnings written down, with what is found, and forgotten, with what is not any more."""

from collections.abc import Sequence
from datetime import datetime

from muster.decide.warnings import looked
from muster.model.warning import Finding
from muster.ports.store import Query, Transaction


def note(tx: Transaction, scope: str, found: Sequence[Finding], now: datetime) -> None:
    """Write down what a look at something found; what it does not find any more is over."""
    there = tx.warnings.find(Query(where={"scope": (scope,)}))
    if not (there or found):
        return
    after = looked(scope, there, found, now)
    tx.warnings.put(*after.put)
    tx.warnings.drop(*(each.id for each in after.over))
