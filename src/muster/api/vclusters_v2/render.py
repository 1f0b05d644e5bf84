"""Virtual clusters, plans and explanations as the JSON that people see."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from muster.api.words import moment
from muster.model.placing import (
    Broken,
    Conflict,
    Impossible,
    Kind,
    Move,
    Relaxation,
    Rule,
    Undecided,
    word_of,
)
from muster.model.vcluster import Grouping, Member, VCluster
from muster.service.vclusters import VClusterPlan, VClusterSeen


class InstanceOut(msgspec.Struct, kw_only=True):
    id: str | None
    name: str
    type: str
    status: str
    status_reason: str
    host: str | None
    zone: str | None
    addresses: tuple[str, ...]
    attached_to: str | None
    spec: Mapping[str, Any]


class GroupingOut(msgspec.Struct, kw_only=True):
    name: str
    membersRef: tuple[str, ...]
    spec: Mapping[str, Any]
    state: str
    violated_by: tuple[str, ...]
    reason: str | None


class VClusterOut(msgspec.Struct, kw_only=True):
    id: str | None
    name: str
    tenant_id: str
    user: str
    cloud: str
    status: str
    status_reason: str
    instances: tuple[InstanceOut, ...]
    groupings: tuple[GroupingOut, ...]
    created_at: str | None
    updated_at: str | None


class MoveOut(msgspec.Struct, kw_only=True):
    instance: str
    source: str
    target: str


class PlacementOut(msgspec.Struct, kw_only=True):
    best: bool  # proved: fewer moves, or less of what is wanted broken, is none
    moves: tuple[MoveOut, ...]


def seen(one: VClusterSeen) -> VClusterOut:
    """Return a vcluster that is recorded."""
    return _vcluster(one.vcluster, one.broken, planned=False)


def plan(one: VClusterPlan) -> dict[str, Any]:
    """Return what would be made. Nothing of it is there, so nothing has an id."""
    return {
        "vcluster": _vcluster(one.vcluster, one.broken, planned=True),
        "placement": PlacementOut(best=one.best, moves=_moves(one.moves)),
        "hash": one.hash,
    }


def explained(answer: Impossible | Undecided, rules: Sequence[Rule]) -> dict[str, Any]:
    """Return why nothing was placed, and what would change that."""
    if isinstance(answer, Undecided):
        return {
            "undecided": True,
            "placement": dict(answer.places),
            "unplaced": answer.unplaced,
        }
    return {
        "conflict": _conflict(answer.conflict, rules),
        "relaxations": [_relaxation(each, rules) for each in answer.relaxations],
    }


def _vcluster(one: VCluster, broken: Sequence[Broken], *, planned: bool) -> VClusterOut:
    wrong = {each.rule: each for each in broken}
    return VClusterOut(
        id=None if planned else str(one.id),
        name=one.name,
        tenant_id=one.project,
        user=one.user,
        cloud=one.cloud,
        status="PLANNED" if planned else one.status,
        status_reason=one.reason,
        instances=tuple(_instance(each, planned=planned) for each in one.members),
        groupings=tuple(
            _grouping(each, wrong.get(number)) for number, each in enumerate(one.groupings)
        ),
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
    )


def _instance(one: Member, *, planned: bool) -> InstanceOut:
    return InstanceOut(
        id=None if planned else str(one.id),
        name=one.name,
        type="server" if one.kind is Kind.SERVER else "volume",
        status=one.status,
        status_reason=one.reason,
        host=one.host or None,
        zone=one.host_zone or None,
        addresses=(one.address,) if one.address else (),
        attached_to=(one.volume.attach_to or None) if one.volume else None,
        spec=_spec(one),
    )


def _spec(one: Member) -> Mapping[str, Any]:
    if one.volume:
        return {"size": one.volume.size_gib, "volume_type": one.volume.pool}
    server = one.server
    return {"imageRef": server.image_name, "flavorRef": server.flavor.name} if server else {}


def _grouping(one: Grouping, broken: Broken | None) -> GroupingOut:
    rule = one.rule
    spec: dict[str, Any] = {"rule": one.word, "scope": rule.scope}
    if rule.most > 1:
        spec["max_per_host"] = rule.most
    return GroupingOut(
        name=one.name,
        membersRef=one.members,
        spec=spec,
        state="violated" if broken else "satisfied",
        violated_by=broken.members if broken else (),
        reason=broken.text if broken else None,
    )


def _conflict(one: Conflict, rules: Sequence[Rule]) -> dict[str, Any]:
    return {
        "text": one.text,
        "instances": one.items,
        "rules": [_rule(number, rules) for number in one.rules],
        "wants": [{"instance": item, "wants": want} for item, want in one.wants],
        "resources": one.resources,
        "minimal": one.minimal,
    }


def _rule(number: int, rules: Sequence[Rule]) -> dict[str, Any]:
    return {"number": number, "name": rules[number].name, "rule": word_of(rules[number])}


def _relaxation(one: Relaxation, rules: Sequence[Rule]) -> dict[str, Any]:
    return {
        "text": one.text,
        "cost": one.cost,
        "changes": [
            {
                "change": each.ease,
                "rule": None if each.rule is None else _rule(each.rule, rules),
                "instance": each.item,
                "zone": each.zone,
            }
            for each in one.changes
        ],
        "placement": dict(one.placed.places),
        "moves": _moves(one.placed.moves),
    }


def _moves(moves: Sequence[Move]) -> tuple[MoveOut, ...]:
    return tuple(
        MoveOut(instance=each.item, source=each.source, target=each.target) for each in moves
    )
