"""What is claimed on hosts: taken off what is free, and whether a further claim fits."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from muster.decide.placement.phrases import amount
from muster.decide.vclusters.problem import item_of
from muster.model.placing import Host
from muster.model.reservation import Reservation, Room, arrival_id
from muster.model.vcluster import VCluster


def claims_of(vcluster: VCluster, now: datetime) -> tuple[Reservation, ...]:
    """Return what the members of a vcluster hold on the hosts that they are placed on."""
    return tuple(
        Reservation(
            id=member.id,
            project=vcluster.project,
            cloud=vcluster.cloud,
            owner=vcluster.id,
            host=member.host,
            vcpus=item.vcpus,
            ram_mib=item.ram_mib,
            disk_gib=item.disk_gib,
            created_at=now,
        )
        for member in vcluster.members
        for item in (item_of(member),)
    )


# Note [Room for arrivals]
# A member's claim is as good as its instance: where the cloud counts the one, the other is not
# taken off. Of one that is to move the cloud counts what it uses where it is still. So there is
# a further claim where it is to go, which nobody has an instance of, until the update is over.
def arrivals(vcluster: VCluster, now: datetime) -> tuple[Reservation, ...]:
    """Return what those that move hold where they are to go. See Note [Room for arrivals]."""
    return arriving(vcluster, vcluster.update.moved if vcluster.update else (), now)


def arriving(vcluster: VCluster, names: Collection[str], now: datetime) -> tuple[Reservation, ...]:
    """Return what these hold where they are to be, besides where they are."""
    coming = replace(vcluster, members=tuple(m for m in vcluster.members if m.name in names))
    return tuple(replace(each, id=arrival_id(each.id)) for each in claims_of(coming, now))


def in_force(claims: Iterable[Reservation], now: datetime) -> list[Reservation]:
    """Return those that hold something still."""
    return [each for each in claims if each.until is None or each.until > now]


def left(room: Room, claims: Iterable[Reservation]) -> tuple[Host, ...]:
    """Return the hosts with what is claimed and not used yet taken off. Note [Counted once]."""
    taken = _sums(each for each in claims if each.id not in room.counted)
    return tuple(_without(host, taken) for host in room.hosts)


def overdrawn(hosts: Sequence[Host], claims: Sequence[Reservation]) -> tuple[str, ...]:
    """Return, in words, where these claims do not fit; () where they do.

    `hosts` are as `left` tells them.
    """
    wanted = _sums(claims)
    there = {host.id for host in hosts if host.open}
    free = {(host.id, name): size for host in hosts for name, size in _sizes(host)}
    lost = sorted({each.host for each in claims} - there)
    short = (
        f"{host} has {amount(has, name)} left, and {amount(needs, name)} would be needed"
        for (host, name), needs in sorted(wanted.items())
        if host in there and (has := free.get((host, name), 0)) is not None and needs > has
    )
    return (*(f"{host} takes nothing now" for host in lost), *short)


def _sums(claims: Iterable[Reservation]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for each in claims:
        for name, size in _needs(each):
            found[each.host, name] += size
    return found


def _needs(claim: Reservation) -> Iterator[tuple[str, int]]:
    pools = ((f"disk_gib:{pool}", size) for pool, size in claim.disk_gib.items())
    every = (("vcpus", claim.vcpus), ("ram_mib", claim.ram_mib), *pools)
    yield from (each for each in every if each[1])


def _sizes(host: Host) -> Iterator[tuple[str, int | None]]:
    yield "vcpus", host.vcpus
    yield "ram_mib", host.ram_mib
    yield from ((f"disk_gib:{pool}", size) for pool, size in host.disk_gib.items())


def _without(host: Host, taken: Counter[tuple[str, str]]) -> Host:
    def less(free: int | None, name: str) -> int | None:
        return None if free is None else max(free - taken[host.id, name], 0)

    return replace(
        host,
        vcpus=less(host.vcpus, "vcpus"),
        ram_mib=less(host.ram_mib, "ram_mib"),
        disk_gib={p: less(free, f"disk_gib:{p}") for p, free in host.disk_gib.items()},
    )
