"""Which certificates expire soon, or are not good now."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from muster.base.certificates import validity
from muster.model.warning import Finding, Kind

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A certificate, and whose it is."""

    entity_type: str  # server, cluster, cloud, muster
    entity: str
    what: str
    pem: str


def findings(papers: Iterable[Paper], now: datetime) -> Iterator[Finding]:
    """Yield what is not in order with them. The words stay the same for as long as it is so."""
    for each in papers:
        good = validity(each.pem)
        if good is None:
            continue  # what is no certificate shows itself when it is used
        begin, end = good
        if now < begin:
            yield _of(each, Kind.INVALID, f"{each.what} is not good before {begin:%Y-%m-%d %H:%M}")
        elif now >= end:
            yield _of(each, Kind.INVALID, f"{each.what} has expired at {end:%Y-%m-%d %H:%M}")
        elif now >= end - SOON:
            yield _of(each, Kind.EXPIRY, f"{each.what} expires at {end:%Y-%m-%d %H:%M}")


def _of(paper: Paper, kind: Kind, text: str) -> Finding:
    told = f"{text} (UTC)"
    return Finding(kind=kind, entity_type=paper.entity_type, entity=paper.entity, message=told)
