"""A virtual cluster with more or fewer instances and rules: what is wrong, and what it comes to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from muster.decide.vclusters.checks import Fault, faults
from muster.model.vcluster import (
    Grouping,
    Instance,
    Member,
    ServerWords,
    Update,
    VCluster,
    VClusterAsk,
    VClusterChange,
    VolumeWords,
    attachments,
)


def whole(vcluster: VCluster, change: VClusterChange) -> VClusterAsk:
    """Return all that there is to be, as if it were asked for anew: what is new comes first."""
    kept = tuple(_asked(each) for each in _kept(vcluster, change))
    return VClusterAsk(
        name=vcluster.name,
        cloud=vcluster.cloud,
        instances=change.instances + kept,
        groupings=change.groupings + tuple(_rules(vcluster, change)),
        seconds=change.seconds,
    )


def change_faults(vcluster: VCluster, change: VClusterChange) -> tuple[Fault, ...]:
    """Return everything that makes a change contradict itself or what is there."""
    plain = tuple(_strange(vcluster, change))
    return plain or faults(whole(vcluster, change))


def changed(vcluster: VCluster, change: VClusterChange, new: Sequence[Member]) -> VCluster:
    """Return the vcluster with the new members, nobody of whom is placed, and with its rules.

    Who is to go is among the members still. See Note [An update and its way back].
    """
    ask = whole(vcluster, change)
    attached = attachments(ask.instances, ask.groupings)
    members = (*vcluster.members, *new)
    return replace(
        vcluster,
        members=tuple(_attached(each, attached) for each in members),
        groupings=tuple(_rules(vcluster, change)) + change.groupings,
        update=Update(
            groupings=vcluster.groupings,
            new=tuple(each.name for each in new),
            going=change.remove_instances,
        ),
    )


def _kept(vcluster: VCluster, change: VClusterChange) -> Sequence[Member]:
    return [each for each in vcluster.members if each.name not in change.remove_instances]


def _rules(vcluster: VCluster, change: VClusterChange) -> Iterator[Grouping]:
    """Yield the rules that stay, over those that stay."""
    for each in vcluster.groupings:
        members = tuple(name for name in each.members if name not in change.remove_instances)
        if members and each.name not in change.remove_groupings:
            yield replace(each, members=members)


def _asked(member: Member) -> Instance:
    """Return what there is already as a request names it: as far as its faults go."""
    if member.volume is None:
        return Instance(name=member.name, server=ServerWords(image="", flavor=""))
    volume = member.volume
    words = VolumeWords(size_gib=volume.size_gib, pool=volume.pool, attach_to=volume.attach_to)
    return Instance(name=member.name, volume=words)


def _attached(member: Member, attached: Mapping[str, str]) -> Member:
    if member.volume is None:
        return member
    volume = replace(member.volume, attach_to=attached.get(member.name, ""))
    return replace(member, volume=volume)


def _strange(vcluster: VCluster, change: VClusterChange) -> Iterator[Fault]:
    there = {each.name for each in vcluster.members}
    rules = {each.name for each in vcluster.groupings}
    users = {m.volume.attach_to: m.name for m in _kept(vcluster, change) if m.volume}
    for number, each in enumerate(change.instances):
        if each.name in there:
            yield f"instances[{number}].name", f"'{each.name}' is there already"
    for number, name in enumerate(change.remove_instances):
        if name not in there:
            yield f"remove_instances[{number}]", f"there is no instance '{name}'"
        elif name in users:
            text = f"volume {users[name]} is attached to '{name}': remove both, or neither"
            yield f"remove_instances[{number}]", text
    for number, name in enumerate(change.remove_groupings):
        if name not in rules:
            yield f"remove_groupings[{number}]", f"there is no grouping '{name}'"
    yield from _wrong_moves(vcluster, change)
    if there <= set(change.remove_instances) and not change.instances:
        yield "remove_instances", "nothing would be left: delete it instead"


def _wrong_moves(vcluster: VCluster, change: VClusterChange) -> Iterator[Fault]:
    staying = {each.name for each in _kept(vcluster, change)}
    for number, name in enumerate(change.move_instances):
        if name not in staying:
            yield f"move_instances[{number}]", f"there is no instance '{name}' that stays"
    if bool(change.move_instances) is not bool(change.to_host):
        yield "to_host", "move_instances says who moves, and to_host where to: both, or neither"
