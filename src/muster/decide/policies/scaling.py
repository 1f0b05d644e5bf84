"""Scaling policies: by how much a cluster changes when asked to scale, and how often."""

from muster.base.errors import Invalid
from muster.model.policy_type import Floor, PolicyType, Properties
from muster.model.schema import Schema, Support, boolean, integer, mapping, number, string

_ADJUSTMENT: Schema = {
    "best_effort": boolean(
        description=(
            "Whether do best effort scaling when new size of cluster will break the size limitation"
        ),
        default=False,
    ),
    "cooldown": integer(
        description=(
            "Number of seconds to hold the cluster for cool-down before "
            "allowing cluster to be resized again."
        ),
        default=0,
    ),
    "min_step": integer(
        description=(
            'When adjustment type is set to "CHANGE_IN_PERCENTAGE", this '
            "specifies the cluster size will be decreased by at least this "
            "number of nodes."
        ),
        default=1,
    ),
    "number": number(description="A number specifying the amount of adjustment.", default=1),
    "type": string(
        description="Type of adjustment when scaling is triggered.",
        default="CHANGE_IN_CAPACITY",
        allowed=("EXACT_CAPACITY", "CHANGE_IN_CAPACITY", "CHANGE_IN_PERCENTAGE"),
    ),
}
SCHEMA: Schema = {
    "adjustment": mapping(
        implied=True,
        description="Detailed specification for scaling adjustments.",
        fields=_ADJUSTMENT,
    ),
    "event": string(
        description=(
            "Event that will trigger this policy. Must be one of "
            "CLUSTER_SCALE_IN and CLUSTER_SCALE_OUT."
        ),
        required=True,
        allowed=("CLUSTER_SCALE_IN", "CLUSTER_SCALE_OUT"),
    ),
}


def _check(properties: Properties, floor: Floor) -> None:
    adjustment = properties["adjustment"]
    if adjustment["number"] <= 0:
        raise Invalid("the 'number' for 'adjustment' must be > 0", field="number")
    for name in ("min_step", "cooldown"):
        if adjustment[name] < 0:
            raise Invalid(f"the '{name}' for 'adjustment' must be >= 0", field=name)


# What it does is asked for by `sizes.scale`, in the transaction of the request.
TYPE = PolicyType(
    name="senlin.policy.scaling",
    support={"1.0": (Support(status="SUPPORTED", since="2016.04"),)},
    priority=100,
    singleton=False,
    schema=SCHEMA,
    check=_check,
)
