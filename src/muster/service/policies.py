"""Policies: written down once, checked against their type, attached elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from muster.base.errors import Conflict, DriverError, Invalid
from muster.base.ids import new_id
from muster.decide.policies import properties_of
from muster.decide.policies.named import no_region, unknown
from muster.model.policy import Policy
from muster.model.policy_type import Named, PolicyType
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.identity import POLICY, find, refuse_taken
from muster.service.profiles import NOTHING
from muster.service.types import opened

# Clients of old assert that a specification with mistakes is answered by a 500 of this type.
_WRONG = "ESchema"


async def listing(desk: Desk, query: Query) -> list[Policy]:
    return await desk.store.read(lambda tx: tx.policies.find(query))


async def show(desk: Desk, who: Who, said: str) -> Policy:
    return await desk.store.read(lambda tx: find(tx, who, POLICY, said))


@dataclass(frozen=True, slots=True)
class Checked:
    """A specification of which nothing is wrong: its type, and what of a cloud it names."""

    kind: PolicyType
    named: Named


def checked(desk: Desk, spec: Mapping[str, Any]) -> Checked:
    """Return what a specification says. Raises what the API answers for a wrong one."""
    found = opened(desk.policy_types, "policy_type", spec, _WRONG)
    properties = properties_of(found.kind, found.properties, desk.policy_floor)
    return Checked(found.kind, found.kind.names(properties))


async def _refuse_unknown(desk: Desk, named: Named) -> None:
    """Raise `Invalid` where no cloud has what is named. See Note [Named things]."""
    open_to_any = any(cloud.about.open_catalog for cloud in desk.clouds.values())
    if not open_to_any and (why := no_region(named, desk.clouds)):
        raise Invalid(why, type="InvalidSpec")
    if not (named.zones or named.networks):
        return
    reasons = []
    for cloud in desk.clouds.values():
        why = await _unknown(cloud, named)
        if why is None:
            return
        reasons.append(why)
    raise Invalid("; ".join(reasons), type="InvalidSpec")


async def _unknown(cloud: Cloud, named: Named) -> str | None:
    """Return what this cloud has not of the named things; one that is away cannot tell."""
    try:
        networks = await cloud.networks.list_networks() if named.networks else ()
    except DriverError:
        return None
    return unknown(named, cloud.about, networks)


async def creation(desk: Desk, who: Who, name: str, spec: Mapping[str, Any]) -> Policy:
    said = checked(desk, spec)
    await _refuse_unknown(desk, said.named)
    policy = Policy(
        id=new_id(),
        project=who.project,
        user=who.user,
        domain=who.domain,
        name=name,
        type=said.kind.key,
        spec=dict(spec),
        created_at=desk.clock.now(),
    )

    def create(tx: Transaction) -> Policy:
        refuse_taken(tx, desk, who.project, (POLICY, name))
        tx.policies.put(policy)
        return policy

    return await desk.store.write(create)


async def renaming(desk: Desk, who: Who, said: str, name: str) -> Policy:
    """Return the policy under its new name; where it is attached, it is called so too."""
    now = desk.clock.now()

    def rename(tx: Transaction) -> Policy:
        before = find(tx, who, POLICY, said)
        if before.name == name:
            raise Invalid(NOTHING)
        after = replace(before, name=name, updated_at=now)
        tx.policies.put(after)
        bound = tx.bindings.find(Query(where={"policy_id": (after.id,)}))
        tx.bindings.put(*(replace(each, policy_name=name) for each in bound))
        return after

    return await desk.store.write(rename)


async def deletion(desk: Desk, who: Who, said: str) -> None:
    """Delete a policy. Raises `Conflict` where it is attached."""

    def delete(tx: Transaction) -> None:
        policy = find(tx, who, POLICY, said)
        if tx.bindings.count(Query(where={"policy_id": (policy.id,)})):
            text = f"The policy '{said}' cannot be deleted: still attached to some clusters."
            raise Conflict(text, type="ResourceInUse")
        tx.policies.drop(policy.id)

    await desk.store.write(delete)
