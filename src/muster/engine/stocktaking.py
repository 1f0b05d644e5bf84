"""The inventory: all of a cluster read now and then, and what its events tell read at once."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from muster.base.enduring import enduring
from muster.base.errors import DriverError, Permanent
from muster.base.log import log
from muster.decide.inventory.due import is_due
from muster.decide.inventory.kinds import RULES, Place, difference, one, places, record
from muster.decide.inventory.news import Concern, concerns, merged
from muster.engine.loop import attempt
from muster.engine.site import Site
from muster.engine.stock import MachineStock
from muster.engine.warnings import note
from muster.model.inventory import Kind, Record, Stocktake, id_of
from muster.model.server_cluster import ServerClusterStatus
from muster.model.warning import Finding
from muster.model.warning import Kind as Sort
from muster.ports.agent import Line, line_of
from muster.ports.stock import News, Stock
from muster.ports.store import Query, Transaction

_READY = Query(where={"status": (ServerClusterStatus.READY,)})
MEET_EVERY = timedelta(seconds=5)
_MISSING = 404
ABOUT = "/1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """As much of a machine as it takes to ask it."""

    name: str
    cluster: str = ""
    connection_url: str = ""
    certificate: str = ""
    shows: str = ""


@dataclass
class _Source:
    """One cluster, and what is under way at it."""

    stock: Stock
    news: asyncio.Task[News] | None = None
    work: asyncio.Task[bool | None] | None = None

    def told(self) -> News:
        """Return what was told since, and listen on."""
        if self.news is None:
            self.news = asyncio.create_task(self.stock.heard())
            return News()
        if not self.news.done():
            return News()
        heard, self.news = self.news, asyncio.create_task(self.stock.heard())
        with enduring("inventory"):
            return heard.result()
        return News()

    async def close(self) -> None:
        tasks = [each for each in (self.news, self.work) if each]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(self.stock, MachineStock):
            await self.stock.close()


class Stocktaking:
    """Looks after the inventory of every cluster that there is."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sources: dict[str, _Source] = {}
        self._extensions: dict[str, frozenset[str]] = {}  # of each cluster, when all was read
        self._meet_at = datetime.min.replace(tzinfo=UTC)

    async def begin(self) -> list[asyncio.Task[bool | None]]:
        """Begin to read what is due, or was told of; return all that is under way."""
        now = self._site.clock.now()
        if now >= self._meet_at:
            self._meet_at = now + MEET_EVERY
            await self._meet()
        if not self._sources:
            return []
        known = await self._site.store.read(lambda tx: tx.stocktakes.find(Query()))
        taken = {each.cluster: each for each in known}
        for cluster, source in self._sources.items():
            if source.work and not source.work.done():
                continue
            news = source.told()
            take = taken.get(cluster) or Stocktake(cluster=cluster)
            if is_due(take, now) or (news.missed and not take.error):
                work = partial(self._take, cluster, source.stock)
            elif news.events:
                work = partial(self._hear, cluster, source.stock, news.events)
            else:
                continue
            source.work = asyncio.create_task(attempt("inventory", work))
        return [each.work for each in self._sources.values() if each.work and not each.work.done()]

    async def stop(self) -> None:
        """Listen to nobody any more."""
        sources, self._sources = self._sources, {}
        self._meet_at = datetime.min.replace(tzinfo=UTC)
        for each in sources.values():
            await each.close()

    async def _meet(self) -> None:
        """Know the clusters that there are now, and forget what was known of others."""
        found: dict[str, dict[str, Line]] = {}
        if self._site.agents:
            ready, machines = await self._site.store.read(
                lambda tx: (
                    tx.server_clusters.find_as(_READY, Name),
                    tx.machines.find_as(Query(), Member),
                )
            )
            names = {each.name for each in ready}
            for each in machines:
                if each.cluster in names and each.connection_url:
                    found.setdefault(each.cluster, {})[each.name] = line_of(each)
        stocks = {
            name: reach.cloud.stock
            for name, reach in self._site.clouds.items()
            if reach.cloud.stock and name not in found
        }
        for cluster, those in found.items():
            await self._meet_machines(cluster, those)
        for name, stock in stocks.items():
            await self._meet_cloud(name, stock)
        for gone in set(self._sources) - {*found, *stocks}:
            await self._sources.pop(gone).close()
            await self._site.store.write(partial(_forget, cluster=gone))

    # Note [A cluster, or its cloud]
    # A cluster of servers is a cloud of its name as well, and read by its servers. One that is
    # forgotten while its cloud stays is read by that from then on: what is known of it is the same.
    async def _meet_machines(self, cluster: str, lines: Mapping[str, Line]) -> None:
        """See Note [A cluster, or its cloud]."""
        source = self._sources.get(cluster)
        if source and isinstance(source.stock, MachineStock):
            source.stock.meet(lines)
        elif self._site.agents:
            await self._replace(cluster, MachineStock(self._site.agents, lines))

    async def _meet_cloud(self, name: str, stock: Stock) -> None:
        """Read a cloud by the stock that it has now. See Note [A cluster, or its cloud]."""
        source = self._sources.get(name)
        if source is None or source.stock is not stock:
            await self._replace(name, stock)

    async def _replace(self, name: str, stock: Stock) -> None:
        if before := self._sources.pop(name, None):
            await before.close()
        self._sources[name] = _Source(stock)

    async def _take(self, cluster: str, stock: Stock) -> bool:
        """Read all of a cluster, and write down how that went."""
        began = self._site.clock.now()
        drifted, errors = 0, []
        try:
            extensions = await self._learn(cluster, stock)
            for kind in RULES:
                try:
                    drifted += await self._kind(kind, cluster, stock, extensions)
                except Permanent as error:  # this kind stays as it was; others may be read
                    errors.append(f"{kind}: {error.text}")
        except DriverError as error:
            errors.append(error.text)

        def work(tx: Transaction) -> None:
            there = _stocktake(tx, cluster)
            tried = replace(there, tried_at=began, error="; ".join(errors))
            said = [
                Finding(kind=Sort.INVENTORY, entity_type="cluster", entity=cluster, message=each)
                for each in ("; ".join(errors),)
                if each
            ]
            note(tx, f"inventory/{cluster}", said, began)
            tx.stocktakes.put(tried if errors else replace(tried, read_at=began, drifted=drifted))

        await self._site.store.write(work)
        log(cluster=cluster).info("inventory.read", drifted=drifted, errors=errors)
        return not errors

    async def _learn(self, cluster: str, stock: Stock) -> frozenset[str]:
        """Return what the Incus of a cluster can do, as it says now."""
        about = await stock.read(ABOUT)
        self._extensions[cluster] = frozenset(about.get("api_extensions") or ())
        return self._extensions[cluster]

    async def _kind(
        self, kind: Kind, cluster: str, stock: Stock, extensions: frozenset[str]
    ) -> int:
        """Read one kind, and put the records right; return how many were not."""
        parents: Iterable[Mapping[str, Any]] = ()
        inside = RULES[kind].inside
        if inside:
            above = _query(inside, cluster)
            found = await self._site.store.read(lambda tx: tx.inventory.find(above))
            parents = [each.object for each in found]
        seen: list[Record] = []
        for place in places(kind, parents, extensions):
            seen += await self._list(place, cluster, stock)

        def work(tx: Transaction) -> int:
            made = difference(tx.inventory.find(_query(kind, cluster)), seen)
            tx.inventory.put(*made.put)
            tx.inventory.drop(*(each.id for each in made.drop))
            return len(made.put) + len(made.drop)

        return await self._site.store.write(work)

    async def _list(self, place: Place, cluster: str, stock: Stock) -> list[Record]:
        now = self._site.clock.now()
        said = await _found(stock, place.path)
        made = (record(place, cluster, each, now) for each in said or ())
        return [each for each in made if each]

    async def _hear(self, cluster: str, stock: Stock, events: Sequence[Any]) -> bool:
        """Read what the events are about."""
        extensions = self._extensions.get(cluster) or await self._learn(cluster, stock)
        for each in merged({each for event in events for each in concerns(event)}):
            if each.name:
                await self._one(each, cluster, stock)
            else:
                await self._kind(each.kind, cluster, stock, extensions)
        return True

    async def _one(self, concern: Concern, cluster: str, stock: Stock) -> None:
        path = one(concern.kind, concern.project, concern.name)
        said = await _found(stock, path)
        now = self._site.clock.now()
        place = Place(kind=concern.kind, path=path, project=concern.project)
        made = record(place, cluster, said, now) if said else None
        gone = Record(
            kind=concern.kind,
            cluster=cluster,
            project=concern.project,
            name=concern.name,
            updated_at=now,
        )

        def work(tx: Transaction) -> None:
            if made:
                tx.inventory.put(made)
            else:
                tx.inventory.drop(id_of(gone.kind, gone.uuid))

        await self._site.store.write(work)


def _query(kind: Kind, cluster: str) -> Query:
    return Query(where={"kind": (kind,), "cluster": (cluster,)})


def _stocktake(tx: Transaction, cluster: str) -> Stocktake:
    made = Stocktake(cluster=cluster)
    return tx.stocktakes.get(made.id) or made


def _forget(tx: Transaction, cluster: str) -> None:
    tx.inventory.drop(*(e.id for e in tx.inventory.find(Query(where={"cluster": (cluster,)}))))
    note(tx, f"inventory/{cluster}", (), datetime.min.replace(tzinfo=UTC))
    tx.stocktakes.drop(Stocktake(cluster=cluster).id)


async def _found(stock: Stock, path: str) -> Any:
    """Return what is at a path, None where there is nothing."""
    try:
        return await stock.read(path)
    except Permanent as error:
        if error.details.get("status") == _MISSING:
            return None
        raise
