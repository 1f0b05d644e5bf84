"""Batch policies: how many nodes an update takes at a time."""

from dataclasses import replace

from muster.base.errors import Invalid
from muster.model.capacity import Amount
from muster.model.cluster import Cluster
from muster.model.policy_type import Attached, Floor, PolicyType, Properties
from muster.model.rollout import Strategy, UpdateKind
from muster.model.schema import Schema, Support, integer

SCHEMA: Schema = {
    "max_batch_size": integer(
        description="Maximum number of nodes that will be updated in parallel.", default=-1
    ),
    "min_in_service": integer(
        description="Minimum number of nodes in service when performing updates.", default=1
    ),
    "pause_time": integer(
        description="Interval in seconds between update batches if any.", default=60
    ),
}


def _check(properties: Properties, floor: Floor) -> None:
    for name, least in (("min_in_service", 0), ("pause_time", 0), ("max_batch_size", -1)):
        if properties[name] < least:
            raise Invalid(f"the '{name}' must be >= {least}", field=name)
    if properties["max_batch_size"] == 0:
        raise Invalid(
            "the 'max_batch_size' must be > 0, or -1 for no limit", field="max_batch_size"
        )


def _effect(cluster: Cluster, attached: Attached) -> Cluster:
    said = attached.properties
    largest = said["max_batch_size"]
    strategy = Strategy(
        kind=UpdateKind.IN_PLACE,
        max_unavailable=Amount(largest) if largest > 0 else Amount(100, percent=True),
        min_in_service=said["min_in_service"],
        pause_s=said["pause_time"],
        min_ready_s=cluster.strategy.min_ready_s,
        # A pause is no progress, and no failure either.
        progress_deadline_s=cluster.strategy.progress_deadline_s + said["pause_time"],
        auto_rollback=cluster.strategy.auto_rollback,
    )
    return replace(cluster, strategy=strategy)


TYPE = PolicyType(
    name="senlin.policy.batch",
    support={"1.0": (Support(status="EXPERIMENTAL", since="2017.02"),)},
    priority=200,
    schema=SCHEMA,
    governs=frozenset({"strategy"}),
    check=_check,
    effect=_effect,
)
