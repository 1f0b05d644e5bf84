"""What of a virtual cluster moves together: servers and their volumes, with the rules between."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from muster.decide.vclusters.checks import rules_of
from muster.decide.vclusters.problem import item_of
from muster.model.placing import Item, Relation, Rule, Scope
from muster.model.rebalancing import Crowd, Standing
from muster.model.reservation import Room
from muster.model.vcluster import Member, MemberStatus, VCluster, VClusterStatus


# Note [Bundles]
# Members that a hard rule holds on one host, and volumes with the server they are attached to,
# move together or not at all: to a rebalancing they are one. All other rules stand between such
# bundles. They are never broken for a better balance, soft ones neither.
def bundles(vcluster: VCluster, room: Room, stays: str = "") -> tuple[Crowd, tuple[Standing, ...]]:
    """Return a virtual cluster as a crowd, and its bundles. See Note [Bundles].

    Where not all of it counts in the room nobody of it is told, for it is on its way.
    """
    crowd = Crowd(id=vcluster.id, name=vcluster.name, loose=True)
    there, members = {host.id for host in room.hosts}, vcluster.members
    if not members or any(m.host not in there or m.id not in room.counted for m in members):
        return crowd, ()
    attached = {m.name: m.volume.attach_to for m in members if m.volume and m.volume.attach_to}
    rules = rules_of(vcluster.groupings, attached)
    joined = _joined(members, rules)
    why = stays or _why_not(vcluster, joined, rules)
    ids = {member.name: each[0].id for each in joined for member in each}
    between = () if why else tuple(_between(rules, ids))
    standing = tuple(_standing(vcluster, each, why) for each in joined)
    return replace(crowd, rules=between), standing


def _joined(members: Sequence[Member], rules: Sequence[Rule]) -> list[list[Member]]:
    """Return the members in bundles, servers first in each."""
    root = {member.name: member.name for member in members}
    for rule in rules:
        if _joins(rule):
            old = {root[name] for name in rule.members}
            root = {name: min(old) if one in old else one for name, one in root.items()}
    found: dict[str, list[Member]] = {}
    for member in sorted(members, key=lambda each: (each.server is None, each.name)):
        found.setdefault(root[member.name], []).append(member)
    return [found[name] for name in sorted(found)]


def _joins(rule: Rule) -> bool:
    return rule.relation is Relation.TOGETHER and rule.scope is Scope.HOST and not rule.soft


def _between(rules: Sequence[Rule], ids: Mapping[str, UUID]) -> Iterable[Rule]:
    for rule in rules:
        members = tuple(dict.fromkeys(str(ids[name]) for name in rule.members))
        if not _joins(rule) and len(members) > 1:
            yield replace(rule, members=members)


def _why_not(vcluster: VCluster, joined: Sequence[Sequence[Member]], rules: Sequence[Rule]) -> str:
    """Return why nobody of it moves now, "" where they can."""
    if vcluster.status is not VClusterStatus.ACTIVE or vcluster.update:
        return f"{vcluster.name} is not in order"
    if any(each.status is not MemberStatus.ACTIVE for each in vcluster.members):
        return f"{vcluster.name} is not whole"
    if any(len({member.host for member in each}) > 1 for each in joined):
        return f"{vcluster.name} has members apart that belong together"
    together = [{member.name for member in each} for each in joined]
    apart = (rule for rule in rules if rule.relation is Relation.APART)
    if any(len(names & {*rule.members}) > 1 for rule in apart for names in together):
        return f"{vcluster.name} has members together that are counted one by one"
    return ""


def _standing(vcluster: VCluster, members: Sequence[Member], why: str) -> Standing:
    first, items = members[0], [item_of(each) for each in members]
    disks: Counter[str] = Counter()
    for each in items:
        disks.update(each.disk_gib)
    pinned = any(each.server and each.server.host for each in members)
    return Standing(
        id=first.id,
        name=f"{vcluster.name}/{first.name}",
        crowd=vcluster.id,
        host=first.host,
        item=Item(
            id=str(first.id),
            vcpus=sum(each.vcpus for each in items),
            ram_mib=sum(each.ram_mib for each in items),
            disk_gib=dict(disks),
            host=first.host,
        ),
        zones=tuple(sorted({each.zone for each in members if each.zone})),
        stays=why or ("it names its host" if pinned else ""),
        members=tuple(each.name for each in members),
    )
