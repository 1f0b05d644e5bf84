"""Clouds and their networks, as a menu shows them; taking clouds on, and letting go of them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from muster.base.errors import Conflict, Invalid, NotFound, Unsupported
from muster.base.ids import new_id
from muster.decide.server_clusters.clouds import becomes_cloud
from muster.model.admission import Admitted, CloudAsk, cloud_id
from muster.model.catalog import Network
from muster.model.cloud import About
from muster.model.event import About as Subject
from muster.model.event import Event
from muster.model.who import Who
from muster.ports.admission import Admission
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.intent import Intent, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOf:
    cloud: str
    network: Network
    default: bool


def listing(desk: Desk) -> list[About]:
    """Return all clouds, the default one first."""
    names = sorted(desk.clouds, key=lambda name: (name != desk.default_cloud, name))
    return [desk.clouds[name].about for name in names]


def show(desk: Desk, name: str) -> About:
    if name not in desk.clouds:
        raise NotFound(f"there is no cloud '{name}'; there is {', '.join(sorted(desk.clouds))}")
    return desk.clouds[name].about


def added(desk: Desk, name: str) -> Admitted | None:
    """Return the row of a cloud that came while we ran; None for those of the settings."""
    return desk.admission.admitted().get(name) if desk.admission else None


async def addition(desk: Desk, who: Who, ask: CloudAsk) -> Intent[About]:
    """Return the intent to take a cloud on, which is there from then on, in every process."""
    admission = _admission(desk)

    def check(tx: Transaction) -> None:
        if ask.name in desk.clouds or tx.clouds.get(cloud_id(ask.name)):
            raise Conflict(f"there is a cloud '{ask.name}' already", field="name")
        named = tx.server_clusters.find(Query(where={"name": (ask.name,)}))
        certificate = desk.agents.certificate if desk.agents else ""
        if any(becomes_cloud(each, certificate) for each in named):
            text = f"cluster of servers '{ask.name}' is, or becomes, the cloud of that name"
            raise Conflict(text, field="name")

    async def add() -> About:
        met = await admission.introduce(ask)

        def keep(tx: Transaction) -> None:
            check(tx)
            tx.clouds.put(met)
            tx.events.append(told(desk, who.user, ask.name, "cloud.added"))

        async with AsyncExitStack() as unless_kept:
            unless_kept.push_async_callback(admission.part, met)
            await desk.store.write(keep)
            unless_kept.pop_all()
        await admission.refresh()
        return show(desk, ask.name)

    await desk.store.read(check)
    where = f" at {ask.url}" if ask.url else ""
    return plain(add, f"take cloud {ask.name} on, of kind {ask.kind}{where}")


async def removal(desk: Desk, who: Who, name: str) -> Intent[None]:
    """Return the intent to let go of a cloud that nobody uses; what is in it stays."""
    admission = _admission(desk)
    show(desk, name)

    def check(tx: Transaction) -> Admitted:
        known = tx.clouds.get(cloud_id(name))
        if known is None:
            text = f"cloud '{name}' is built in or stands in the settings: take it out there"
            raise Conflict(text)
        if known.servers and (cluster := tx.server_clusters.get(known.servers)):
            raise Conflict(f"cloud '{name}' is server cluster '{cluster.name}': delete that")
        if name == desk.default_cloud:
            raise Conflict(f"cloud '{name}' is the default cloud: set another first")
        if user := user_of(tx, name):
            raise Conflict(f"cloud '{name}' is in use by {user}: delete that first")
        return known

    def strike(tx: Transaction) -> Admitted:
        known = check(tx)
        tx.clouds.drop(known.id)
        tx.events.append(told(desk, who.user, name, "cloud.removed"))
        return known

    async def remove() -> None:
        known = await desk.store.write(strike)
        await admission.refresh()
        await admission.part(known)

    await desk.store.read(check)
    lost = (f"cloud {name}; its volumes and images stay in it and are looked after no more",)
    return plain(remove, f"let go of cloud {name}", loses=lost)


def told(desk: Desk, user: str, name: str, kind: str) -> Event:
    return Event(
        id=new_id(),
        at=desk.clock.now(),
        kind=kind,
        otype=Subject.CLOUD,
        oid=cloud_id(name),
        oname=name,
        project="",
        user=user,
    )


def _admission(desk: Desk) -> Admission:
    if desk.admission is None:
        raise Unsupported("no cloud is taken on while this server runs: set it in its settings")
    return desk.admission


def user_of(tx: Transaction, name: str) -> str:
    """Return what is made for that cloud, or ""."""
    there = Query(where={"cloud": (name,)}, limit=1)
    for word, rows in (("cluster", tx.clusters), ("node", tx.solos)):
        for each in rows.find(there):
            return f"{word} '{each.name}'"
    for whole in tx.vclusters.find(there):
        return f"virtual cluster '{whole.name}'"
    kept = (each for each in tx.profiles.find(Query()) if each.cloud == name and each.kept)
    return next((f"profile '{each.name}'" for each in kept), "")


def chosen(desk: Desk, name: str) -> list[Cloud]:
    """Return that cloud, or all of them for "". Raises `Invalid` for one that is not there."""
    if name and name not in desk.clouds:
        known = ", ".join(sorted(desk.clouds))
        raise Invalid(f"there is no cloud '{name}'; there is {known}", field="cloud")
    return [desk.clouds[name]] if name else list(desk.clouds.values())


async def networks(desk: Desk, cloud: str = "") -> list[NetworkOf]:
    """Return the networks of one cloud or of all, the default of each first."""
    found = []
    for each in chosen(desk, cloud):
        for place, network in enumerate(await each.networks.list_networks()):
            found.append(NetworkOf(cloud=each.about.name, network=network, default=place == 0))
    return found
