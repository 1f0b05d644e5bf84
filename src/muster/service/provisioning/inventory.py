"""The inventory, asked: pages of one kind, single things, everything that fits a question."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec

from muster.base.errors import NotFound
from muster.decide.sift import sifted
from muster.model.inventory import Kind, Record, Stocktake, id_of
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.lookup import as_id

CHUNK = 500
Wanted = Callable[[Record], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which records of a kind, by name, from where on and how many."""

    where: Mapping[str, Sequence[str]] = field(default_factory=dict)  # cluster, server, project
    filter: str = ""
    text: str = ""  # words that all have to be somewhere in it
    limit: int | None = None
    marker: str = ""  # uuid of the last one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for over all kinds. `or_null`: also what has nothing of the sort."""

    kinds: tuple[Kind, ...] = ()
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    or_null: frozenset[str] = frozenset()
    filter: str = ""
    text: str = ""


async def page(desk: Desk, kind: Kind, asked: Page, shown: Callable[[Record], Any]) -> list[Record]:
    """Return one page. Raises `Invalid` for what is no expression."""
    wanted = _wanted(asked.filter, asked.text, shown)
    id = as_id(asked.marker) if asked.marker else None
    query = Query(
        where={"kind": (kind,), **asked.where},
        sort=(("name", False),),
        marker=id_of(kind, id) if id else None,
        limit=asked.limit,
    )
    if wanted is None:
        return await desk.store.read(lambda tx: tx.inventory.find(query))
    return await desk.store.read(lambda tx: list(_sought(tx, query, wanted)))


# Note [By the chunk]
# A filter is an expression over whole things, which no database reads. So they are read a few
# hundred at a time and sifted, until the page is full: one page costs no more than what it shows
# and what it passes over, and never all that there is at once.
def _sought(tx: Transaction, query: Query, wanted: Wanted) -> Iterator[Record]:
    """Yield what is wanted of a query, up to its limit. See Note [By the chunk]."""
    left = query.limit
    chunk = replace(query, limit=CHUNK)
    while left is None or left > 0:
        found = tx.inventory.find(chunk)
        for each in found:
            if wanted(each):
                yield each
                left = None if left is None else left - 1
                if left == 0:
                    return
        if len(found) < CHUNK:
            return
        chunk = replace(chunk, marker=found[-1].id)


def _wanted(filter: str, text: str, shown: Callable[[Record], Any]) -> Wanted | None:
    """Return what tells whether a record is wanted, None where each is."""
    words = text.lower().split()
    if not (filter.strip() or words):
        return None
    holds = sifted(filter)

    def wanted(each: Record) -> bool:
        if words:
            said = (each.name, each.project, each.cluster, each.server, each.parent)
            whole = " ".join(said) + msgspec.json.encode(each.object).decode()
            whole = whole.lower()
            if not all(word in whole for word in words):
                return False
        return holds(shown(each))

    return wanted


async def show(desk: Desk, kind: Kind, said: str) -> Record:
    """Return one thing. Raises `NotFound`."""
    return await desk.store.read(lambda tx: _found(tx, kind, said))


async def read_again(desk: Desk, kind: Kind, said: str) -> None:
    """Have the cluster of a thing read again. Raises `NotFound`."""
    await desk.store.write(lambda tx: _ask(tx, desk, _found(tx, kind, said).cluster))


async def read_all_again(desk: Desk, cluster: str) -> None:
    """Have all of a cluster read, now. Raises `NotFound` for one that nobody knows."""

    def work(tx: Transaction) -> None:
        there = tx.server_clusters.find(Query(where={"name": (cluster,)}, limit=1))
        if not there and tx.stocktakes.get(Stocktake(cluster=cluster).id) is None:
            raise NotFound(f"there is no cluster '{cluster}'")
        _ask(tx, desk, cluster)

    await desk.store.write(work)


async def taken(desk: Desk) -> list[Stocktake]:
    """Return how the reading of every cluster goes, by name."""
    found = await desk.store.read(lambda tx: tx.stocktakes.find(Query(sort=(("cluster", False),))))
    return found


async def sought(
    desk: Desk, asked: Question, shown: Callable[[Record], Any]
) -> dict[str, dict[Kind, list[Record]]]:
    """Return what fits a question, by cluster and kind."""
    wanted = _wanted(asked.filter, asked.text, shown) or (lambda each: True)
    clusters = asked.where.get("cluster")
    rest = {name: each for name, each in asked.where.items() if name != "cluster"}

    def fits(each: Record) -> bool:
        for name, values in rest.items():
            said = getattr(each, name)
            if said not in values and not (not said and name in asked.or_null):
                return False
        return wanted(each)

    def work(tx: Transaction) -> dict[str, dict[Kind, list[Record]]]:
        made: dict[str, dict[Kind, list[Record]]] = {}
        for kind in asked.kinds or tuple(Kind):
            where = {"kind": (kind,), **({"cluster": clusters} if clusters else {})}
            query = Query(where=where, sort=(("name", False),))
            for each in _sought(tx, query, fits):
                made.setdefault(each.cluster, {}).setdefault(kind, []).append(each)
        return made

    return await desk.store.read(work)


def _found(tx: Transaction, kind: Kind, said: str) -> Record:
    id: UUID | None = as_id(said)
    there = tx.inventory.get(id_of(kind, id)) if id else None
    if there is None:
        raise NotFound(f"there is nothing '{said}' among {kind}")
    return there


def _ask(tx: Transaction, desk: Desk, cluster: str) -> None:
    there = tx.stocktakes.get(Stocktake(cluster=cluster).id) or Stocktake(cluster=cluster)
    tx.stocktakes.put(replace(there, asked_at=desk.clock.now()))
