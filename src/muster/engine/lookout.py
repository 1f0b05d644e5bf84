"""What servers one cloud has, asked as seldom as possible."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, groupby
from operator import attrgetter
from uuid import UUID

from muster.model.observed import Seen, Server
from muster.ports.compute import Compute

NEVER_LISTED = timedelta(seconds=30)
ONE_BY_ONE = 4  # so many tags are listed each for itself; beyond, the cloud is listed once


# Note [Folding in]
# A pass needs to know what servers there are, and asking a cloud is the dearest thing
# it does. What we did ourselves we know without asking: a creation answers with the
# server. So each cluster has a view, made of the last listing and of our creations
# since; the next listing confirms them. Every listing and every creation takes a number
# when it begins: a listing that began before a creation says nothing about it. A cloud
# may list late, so a creation is believed for a while even where a later listing lacks
# it; once it was listed, the listing is what counts.
#
# A view is not used where it may be wrong: something in it changes by itself (it is
# building), something was done whose end the answer does not show (a deletion), it is
# old, or the cluster's row is not as our last pass left it, which means that somebody
# else may have been at work.
#
# Most listings of a whole cloud say what the one before said. Then only the views that
# were touched since are gone through, and the others are as new.
@dataclass(slots=True)
class _View:
    edition: int  # another one whenever its servers may be others
    servers: dict[UUID, Server] = field(default_factory=dict)
    made: dict[UUID, tuple[int, datetime]] = field(default_factory=dict)  # not listed so far
    began: int = 0
    at: datetime | None = None
    restless: bool = False


class Lookout:
    """One cloud's servers as this engine knows them. See Note [Folding in]."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._numbers = count(1)
        self._views: dict[UUID, _View] = {}
        self._looked = 0
        self._listed: list[Server] = []  # by the last look
        self._found: Mapping[UUID, Sequence[Server]] = {}  # the same by tag
        self._touched: set[UUID] = set()  # may be other than the last look found them

    @property
    def looked(self) -> bool:
        """True once the whole cloud was listed."""
        return self._looked > 0

    async def servers(
        self, cluster_id: UUID, now: datetime, trust: timedelta
    ) -> Mapping[UUID, Server]:
        """Return the cluster's servers by server id, from a view no older than `trust`."""
        view = self._fresh(cluster_id, now, trust)
        if view is None:
            began = next(self._numbers)
            listed = await self._compute.list_servers(cluster_id)
            view, _ = self._take_in(cluster_id, listed, began, now)
        return view.servers

    async def servers_of(
        self, tags: Collection[UUID], now: datetime, trust: timedelta
    ) -> list[Server]:
        """Return all servers with these tags: each listed for itself, or many in one listing."""
        stale = [tag for tag in tags if self._fresh(tag, now, trust) is None]
        if len(stale) <= ONE_BY_ONE:
            views = [await self.servers(tag, now, trust) for tag in tags]
            return [server for view in views for server in view.values()]
        began = next(self._numbers)
        found = _by_tag(await self._compute.list_servers())
        for tag in stale:
            self._take_in(tag, found.get(tag, []), began, now)
        return [server for tag in tags for server in self.known(tag).values()]

    def known(self, cluster_id: UUID) -> Mapping[UUID, Server]:
        """Return the cluster's servers as last seen, however long ago, without asking."""
        view = self._views.get(cluster_id)
        return view.servers if view else {}

    def edition(self, cluster_id: UUID) -> int:
        """Return a number that stays as long as what is known of the cluster's servers."""
        view = self._views.get(cluster_id)
        return view.edition if view else 0

    async def look(self, now: datetime) -> tuple[frozenset[UUID], Mapping[UUID, Sequence[Server]]]:
        """List the whole cloud; return whose servers are not as was known, and all of them."""
        began = next(self._numbers)
        listed = list(await self._compute.list_servers())
        before = self._found
        if listed != self._listed:
            self._listed, self._found = listed, _by_tag(listed)
        changed = set()
        for cluster_id in self._to_go_through(before):
            told = self._found.get(cluster_id, ())
            view, other = self._take_in(cluster_id, told, began, now)
            if other:
                changed.add(cluster_id)
            if not view.made and view.began <= began:
                self._touched.discard(cluster_id)
        for view in self._views.values():
            view.began, view.at = max(view.began, began), now
        self._looked = began
        return frozenset(changed), self._found

    def _to_go_through(self, before: Mapping[UUID, Sequence[Server]]) -> set[UUID]:
        """Return whose views may be other than the newest listing; nobody is touched then."""
        after = self._found
        known = self._views.keys() | after.keys()
        touched, self._touched = self._touched & known, set()
        if after is before:
            return touched
        return touched | {id for id in known if before.get(id) != after.get(id)}

    def note(self, servers: Iterable[Server], now: datetime) -> None:
        """Fold in what creations of ours answered."""
        for cluster_id, made in groupby(servers, attrgetter("cluster_id")):
            view, number = self._touch(cluster_id), next(self._numbers)
            for server in made:
                view.servers[server.server_id] = server
                view.made[server.server_id] = number, now
                view.restless = view.restless or server.seen is Seen.BUILDING

    def struck(self, cluster_id: UUID, server_id: UUID) -> None:
        """Believe the listings again about a server that we had deleted."""
        if cluster_id in self._views:
            view = self._touch(cluster_id)
            view.made.pop(server_id, None)
            view.restless = True

    def distrust(self, cluster_id: UUID) -> None:
        """Ask again before the next decision over this cluster."""
        if cluster_id in self._views:
            self._touch(cluster_id).restless = True

    def forget(self, cluster_id: UUID) -> None:
        self._views.pop(cluster_id, None)
        self._touched.add(cluster_id)

    def _touch(self, cluster_id: UUID) -> _View:
        """Return the view, which need no longer be what the last look has found."""
        self._touched.add(cluster_id)
        edition = next(self._numbers)
        view = self._views.get(cluster_id)
        if view is None:
            view = self._views[cluster_id] = _View(edition)
        view.edition = edition
        return view

    def _fresh(self, cluster_id: UUID, now: datetime, trust: timedelta) -> _View | None:
        view = self._views.get(cluster_id)
        fresh = view and view.at and not view.restless and now - view.at < trust
        return view if fresh else None

    def _take_in(
        self, cluster_id: UUID, listed: Iterable[Server], began: int, now: datetime
    ) -> tuple[_View, bool]:
        view = self._touch(cluster_id)
        if began < view.began:
            return view, False
        servers = {server.server_id: server for server in listed}
        for server_id, (number, at) in list(view.made.items()):
            if server_id in servers or (number < began and now - at > NEVER_LISTED):
                del view.made[server_id]
            else:
                servers[server_id] = view.servers[server_id]
        changed = servers != view.servers
        view.servers, view.began, view.at = servers, began, now
        view.restless = any(server.seen is Seen.BUILDING for server in servers.values())
        return view, changed


def _by_tag(listed: Iterable[Server]) -> dict[UUID, list[Server]]:
    found: dict[UUID, list[Server]] = defaultdict(list)
    for server in listed:
        found[server.cluster_id].append(server)
    return found
