"""Deletion policies: which nodes go first, and what happens before they do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from muster.base.errors import Invalid
from muster.model.cluster import Cluster
from muster.model.policy_type import Attached, Floor, PolicyType, Properties
from muster.model.removal import Hook, HookType, Order, Removal
from muster.model.schema import Schema, Support, boolean, integer, mapping, string

_PARAMS: Schema = {
    "queue": string(description="Zaqar queue to receive lifecycle hook message", default=""),
    "url": string(description="Url sink to which to send lifecycle hook message", default=""),
}
_HOOKS: Schema = {
    "params": mapping(default={}, fields=_PARAMS),
    "timeout": integer(description="Number of seconds before actual deletion happens.", default=0),
    "type": string(
        description="Type of lifecycle hook", default="zaqar", allowed=("zaqar", "webhook")
    ),
}
SCHEMA: Schema = {
    "criteria": string(
        description="Criteria used in selecting candidates for deletion",
        default="RANDOM",
        allowed=("OLDEST_FIRST", "OLDEST_PROFILE_FIRST", "YOUNGEST_FIRST", "RANDOM"),
    ),
    "destroy_after_deletion": boolean(
        description=(
            "Whether a node should be completely destroyed after deletion. Default to True"
        ),
        default=True,
    ),
    "grace_period": integer(
        description="Number of seconds before real deletion happens.", default=0
    ),
    "hooks": mapping(description="Lifecycle hook properties", default={}, fields=_HOOKS),
    "reduce_desired_capacity": boolean(
        description=(
            "Whether the desired capacity of the cluster should be reduced "
            "along the deletion. Default to True."
        ),
        default=True,
    ),
}


def _check(properties: Properties, floor: Floor) -> None:
    hooks = properties["hooks"]
    for name, value in (
        ("grace_period", properties["grace_period"]),
        ("timeout", hooks["timeout"]),
    ):
        if value < 0:
            raise Invalid(f"the '{name}' must be >= 0", field=name)
    if hooks["timeout"] and _hook(hooks) is None:
        wanted = "queue" if hooks["type"] == HookType.QUEUE else "url"
        raise Invalid(f"a hook of type {hooks['type']} needs a '{wanted}'", field=wanted)


def _hook(hooks: Mapping[str, Any]) -> Hook | None:
    """Return who is to be told, None if nobody is named."""
    hook = Hook(
        type=HookType(hooks["type"]),
        queue=hooks["params"]["queue"],
        url=hooks["params"]["url"],
        timeout_s=hooks["timeout"],
    )
    named = hook.queue if hook.type is HookType.QUEUE else hook.url
    return hook if named else None


def _effect(cluster: Cluster, attached: Attached) -> Cluster:
    said = attached.properties
    removal = Removal(
        order=Order(said["criteria"]),
        destroy=said["destroy_after_deletion"],
        grace_s=said["grace_period"],
        reduce_desired=said["reduce_desired_capacity"],
        hook=_hook(said["hooks"]),
    )
    return replace(cluster, removal=removal)


TYPE = PolicyType(
    name="senlin.policy.deletion",
    support={
        "1.0": (Support(status="SUPPORTED", since="2016.04"),),
        "1.1": (Support(status="SUPPORTED", since="2018.01"),),
    },
    priority=400,
    schema=SCHEMA,
    governs=frozenset({"removal"}),
    check=_check,
    effect=_effect,
)
