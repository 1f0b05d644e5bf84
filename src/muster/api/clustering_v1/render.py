"""The objects of the clustering API as JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from muster.api.words import epoch, moment, spelled
from muster.model.action import ActionStatus, told
from muster.model.engine import engine_id
from muster.model.node import Node
from muster.model.policy import Binding, Policy
from muster.model.profile import Profile
from muster.model.receiver import Receiver
from muster.model.who import Who
from muster.service.actions import Shown

TAINTED = 13  # the first microversion that shows what is named so
CLUSTER_OF_ACTION = 14


class NodeOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    cluster_id: str
    physical_id: str | None
    profile_id: str
    profile_name: str
    user: str
    project: str
    domain: str | None
    index: int
    role: str
    init_at: str | None
    created_at: str | None
    updated_at: str | None
    status: str
    status_reason: str
    metadata: Mapping[str, Any]
    data: Mapping[str, Any]
    dependents: Mapping[str, Any]
    tainted: bool | UnsetType = UNSET
    details: Mapping[str, Any] | UnsetType = UNSET


def node(
    one: Node,
    profile_name: str,
    minor: int,
    details: Mapping[str, Any] | UnsetType = UNSET,
) -> NodeOut:
    """Return a node; what the microversion does not know is left out."""
    return NodeOut(
        id=spelled(one.id),
        name=one.name,
        cluster_id=spelled(one.cluster_id) if one.cluster_id else "",
        physical_id=one.ref or None,
        profile_id=spelled(one.profile_id),
        profile_name=profile_name,
        user=one.user,
        project=one.project,
        domain=one.domain,
        index=one.index,
        role=one.role,
        init_at=moment(one.since),
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
        status=one.status,
        status_reason=one.reason,
        metadata=one.metadata,
        data={**one.data, "lb_member": str(one.id)} if one.pooled else one.data,
        dependents=one.dependents,
        tainted=one.tainted if minor >= TAINTED else UNSET,
        details=details,
    )


class ProfileOut(msgspec.Struct, kw_only=True):
    id: str | None
    name: str
    type: str
    spec: Mapping[str, Any]
    metadata: Mapping[str, Any] | None
    user: str
    project: str
    domain: str | None
    created_at: str | None
    updated_at: str | None


def profile(one: Profile) -> ProfileOut:
    return ProfileOut(
        id=str(one.id),
        name=one.name,
        type=one.type,
        spec=one.spec,
        metadata=one.metadata,
        user=one.user,
        project=one.project,
        domain=one.domain,
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
    )


def validated_profile(who: Who, type: str, spec: Mapping[str, Any]) -> ProfileOut:
    """Return a profile of which nothing is wrong and nothing is kept."""
    return ProfileOut(
        id=None,
        name="validated_profile",
        type=type,
        spec=spec,
        metadata=None,
        user=who.user,
        project=who.project,
        domain=who.domain,
        created_at=None,
        updated_at=None,
    )


class PolicyOut(msgspec.Struct, kw_only=True):
    id: str | None
    name: str
    type: str
    spec: Mapping[str, Any]
    data: Mapping[str, Any]
    user: str
    project: str
    domain: str | None
    created_at: str | None
    updated_at: str | None


def policy(one: Policy) -> PolicyOut:
    return PolicyOut(
        id=str(one.id),
        name=one.name,
        type=one.type,
        spec=one.spec,
        data=one.data,
        user=one.user,
        project=one.project,
        domain=one.domain,
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
    )


def validated_policy(who: Who, type: str, spec: Mapping[str, Any]) -> PolicyOut:
    """Return a policy of which nothing is wrong and nothing is kept."""
    return PolicyOut(
        id=None,
        name="validated_policy",
        type=type,
        spec=spec,
        data={},
        user=who.user,
        project=who.project,
        domain=who.domain,
        created_at=None,
        updated_at=None,
    )


class BindingOut(msgspec.Struct, kw_only=True):
    id: str
    cluster_id: str
    cluster_name: str
    policy_id: str
    policy_name: str
    policy_type: str
    enabled: bool
    priority: int
    data: Mapping[str, Any] | None
    last_op: str | None


def binding(one: Binding, cluster_name: str) -> BindingOut:
    return BindingOut(
        id=str(one.id),
        cluster_id=str(one.cluster_id),
        cluster_name=cluster_name,
        policy_id=str(one.policy_id),
        policy_name=one.policy_name,
        policy_type=one.policy_type,
        enabled=one.enabled,
        priority=one.priority,
        data=one.data or None,
        last_op=moment(one.last_op),
    )


class ReceiverOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    type: str
    cluster_id: str | None
    action: str | None
    params: Mapping[str, Any]
    actor: Mapping[str, Any]
    channel: Mapping[str, Any]
    user: str
    project: str
    domain: str | None
    created_at: str | None
    updated_at: str | None


def receiver(one: Receiver) -> ReceiverOut:
    return ReceiverOut(
        id=str(one.id),
        name=one.name,
        type=one.type,
        cluster_id=str(one.cluster_id) if one.cluster_id else None,
        action=one.action,
        params=one.params,
        actor={"trust_id": "", **one.actor},  # nobody's trust is kept
        channel=one.channel,
        user=one.user,
        project=one.project,
        domain=one.domain,
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
    )


class ActionOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    action: str
    target: str
    cluster_id: str | UnsetType = UNSET
    cause: str
    owner: str | None
    interval: int
    start_time: float | None
    end_time: float | None
    timeout: int
    status: str
    status_reason: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    data: Mapping[str, Any]
    depends_on: list[str]
    depended_by: list[str]
    created_at: str | None
    updated_at: str | None
    user: str
    project: str


# Note [Waiting]
# An action whose node actions have not ended is one that waits, to users of this API: so it is
# shown, and so it is found by status. Nothing waits in truth; it runs from pass to pass.
def standing(shown: Shown) -> tuple[ActionStatus, str]:
    """Return status and reason. See Note [Waiting]."""
    one = shown.action
    if one.status is ActionStatus.RUNNING and shown.waits_for:
        return ActionStatus.WAITING, "Waiting for depended actions."
    return one.status, one.reason


def action(shown: Shown, minor: int) -> ActionOut:
    """Return an action; what the microversion does not know is left out."""
    one = shown.action
    status, reason = standing(shown)
    return ActionOut(
        id=str(one.id),
        name=one.name[:63],
        action=one.verb,
        target=str(one.target),
        cluster_id=str(one.cluster_id or "") if minor >= CLUSTER_OF_ACTION else UNSET,
        cause=one.cause,
        owner=str(engine_id(one.owner)) if one.owner and not one.ended else None,
        interval=-1,
        start_time=epoch(one.started_at),
        end_time=epoch(one.ended_at),
        timeout=one.timeout_s,
        status=status,
        status_reason=reason,
        inputs=told(one.inputs),
        outputs=one.outputs,
        data=one.data,
        depends_on=list(shown.waits_for),
        depended_by=list(shown.held_up),
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
        user=one.user,
        project=one.project,
    )
