"""Profiles made by themselves: checked against their type and their cloud, and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from muster.base.errors import Conflict, Invalid, Unsupported
from muster.base.ids import new_id
from muster.decide.profile_types import properties_of
from muster.model.profile import Profile
from muster.model.profile_type import ProfileType
from muster.model.rollout import Rollout
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service import hosting
from muster.service.desk import Desk
from muster.service.identity import PROFILE, find, refuse_taken
from muster.service.made_of import Made, made_of
from muster.service.types import opened

_WRONG = "InvalidSpec"
NOTHING = "No property needs an update."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileAsk:
    name: str
    spec: Mapping[str, Any]
    metadata: Mapping[str, Any] | None = None


async def listing(desk: Desk, query: Query) -> list[Profile]:
    return await desk.store.read(lambda tx: tx.profiles.find(query))


async def show(desk: Desk, who: Who, said: str) -> Profile:
    return await desk.store.read(lambda tx: find(tx, who, PROFILE, said))


async def validated(desk: Desk, who: Who, spec: Mapping[str, Any]) -> ProfileType:
    """Return the type of a specification of which nothing is wrong."""
    kind, _ = await _checked(desk, who, spec)
    return kind


async def _checked(desk: Desk, who: Who, spec: Mapping[str, Any]) -> tuple[ProfileType, Made]:
    found = opened(desk.profile_types, "profile_type", spec, _WRONG)
    try:
        properties = properties_of(found.kind, found.properties)
        return found.kind, await made_of(desk, who, found.kind, properties)
    except (Invalid, Unsupported) as error:
        error.details.setdefault("type", _WRONG)
        raise


async def creation(desk: Desk, who: Who, ask: ProfileAsk) -> Profile:
    """Return the new profile, everything that it names looked up and pinned."""
    try:
        kind, made = await _checked(desk, who, ask.spec)
    except (Invalid, Unsupported) as error:
        text = f"Failed in creating profile {ask.name}: {error.text}"
        raise Invalid(text, **error.details) from error
    profile = Profile(
        id=new_id(),
        project=who.project,
        user=who.user,
        domain=who.domain,
        name=ask.name,
        type=kind.key,
        spec=dict(ask.spec),
        metadata=dict(ask.metadata or {}),
        server=made.server,
        cloud=made.cloud,
        kept=True,
        created_at=desk.clock.now(),
    )

    def create(tx: Transaction) -> Profile:
        refuse_taken(tx, desk, who.project, (PROFILE, ask.name))
        tx.profiles.put(profile)
        hosting.take(tx, profile)
        return profile

    return await desk.store.write(create)


async def update(
    desk: Desk, who: Who, said: str, name: str | None, metadata: Mapping[str, Any] | None
) -> Profile:
    """Return the profile with what is not None changed; raises `Invalid` where nothing is new."""
    now = desk.clock.now()

    def change(tx: Transaction) -> Profile:
        before = find(tx, who, PROFILE, said)
        after = replace(
            before,
            name=before.name if name is None else name,
            metadata=before.metadata if metadata is None else metadata,
        )
        if after == before:
            raise Invalid(NOTHING)
        changed = replace(after, updated_at=now)
        tx.profiles.put(changed)
        return changed

    return await desk.store.write(change)


async def deletion(desk: Desk, who: Who, said: str) -> None:
    """Delete a profile. Raises `Conflict` where a cluster or node is made of it."""

    def delete(tx: Transaction) -> None:
        profile = find(tx, who, PROFILE, said)
        if _in_use(tx, profile):
            text = f"The profile '{profile.id}' cannot be deleted: still referenced by some"
            raise Conflict(f"{text} clusters and/or nodes.", type="ResourceInUse")
        hosting.give_back(tx, profile)
        tx.profiles.drop(profile.id)

    await desk.store.write(delete)


class _Rolling(msgspec.Struct, frozen=True):
    """As much of a cluster as says which profiles an update is about."""

    rollout: Rollout | None


def _in_use(tx: Transaction, profile: Profile) -> bool:
    mine = Query(where={"profile_id": (profile.id,)}, limit=1)
    if any(count(mine) for count in (tx.clusters.count, tx.solos.count, tx.nodes.count)):
        return True
    theirs = Query(project=profile.project)
    updates = tx.clusters.find_as(theirs, _Rolling) + tx.solos.find_as(theirs, _Rolling)
    return any(
        profile.id in (each.rollout.from_profile, each.rollout.to_profile)
        for each in updates
        if each.rollout and each.rollout.under_way
    )
