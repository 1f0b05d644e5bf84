"""Instances and rules of a virtual cluster as one placement problem."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from muster.decide.vclusters.checks import rules_of
from muster.model.placing import Host, Item, Kind, Problem, with_own
from muster.model.vcluster import Grouping, Member


def problem_of(
    hosts: Sequence[Host],
    members: Sequence[Member],
    groupings: Sequence[Grouping],
    *,
    moving: bool = False,
) -> Problem:
    """Return the problem whose answer is a host for each member.

    Who has a host already stays there, unless `moving`. `hosts` say what nobody has.
    """
    fixed = frozenset[str]() if moving else frozenset(each.name for each in members if each.host)
    items = tuple(replace(item_of(each), fixed=each.name in fixed) for each in members)
    attached = {
        each.name: each.volume.attach_to
        for each in members
        if each.volume and each.volume.attach_to
    }
    return Problem(hosts=with_own(hosts, items), items=items, rules=rules_of(groupings, attached))


def sent(problem: Problem, names: Sequence[str], host: str) -> Problem:
    """Return the problem with these on that host, and on no other."""
    if not names:
        return problem
    mark = {f"is:{host}": "yes"}
    return replace(
        problem,
        hosts=tuple(
            replace(each, labels={**each.labels, **mark}) if each.id == host else each
            for each in problem.hosts
        ),
        items=tuple(
            replace(each, fixed=False, labels={**each.labels, **mark}) if each.id in names else each
            for each in problem.items
        ),
    )


def item_of(member: Member) -> Item:
    """Return what an instance needs of its host. A part of a vCPU is taken for a whole one."""
    server, volume = member.server, member.volume
    if volume:
        return Item(
            id=member.name,
            kind=Kind.VOLUME,
            disk_gib={volume.pool: volume.size_gib},
            host=member.host,
            zone=member.zone,
        )
    flavor = server.flavor if server else None
    return Item(
        id=member.name,
        vcpus=ceil(flavor.vcpus) if flavor else 0,
        ram_mib=flavor.memory_mib if flavor else 0,
        disk_gib={"": flavor.disk_gib} if flavor and flavor.disk_gib else {},
        host=member.host,
        zone=member.zone,
    )


def placed(
    members: Sequence[Member], hosts: Sequence[Host], places: Mapping[str, str]
) -> tuple[Member, ...]:
    """Return the members with the hosts that they are to be on, and the zones of those."""
    zones = {host.id: host.zone for host in hosts}
    return tuple(
        replace(each, host=host, host_zone=zones.get(host, ""))
        for each in members
        for host in (places.get(each.name, each.host),)
    )
