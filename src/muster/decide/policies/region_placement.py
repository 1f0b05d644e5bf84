"""Region placement policies: a cluster lives in one region, up to so many nodes."""

from dataclasses import replace

from muster.base.errors import Invalid
from muster.model.cluster import Cluster
from muster.model.policy_type import Attached, Floor, Named, PolicyType, Properties, Scene
from muster.model.schema import Schema, Support, integer, listing, mapping, string

_REGIONS: Schema = {
    "cap": integer(
        description=(
            "Maximum number of nodes in this region. The default is -1 which means no cap set."
        ),
        default=-1,
    ),
    "name": string(description="Name of a region."),
    "weight": integer(description="Weight of the region. The default is 100.", default=100),
}
SCHEMA: Schema = {
    "regions": listing(
        description="List of regions to choose from.",
        each=mapping(description="An region as a candidate.", fields=_REGIONS),
    )
}


def _check(properties: Properties, floor: Floor) -> None:
    regions = properties.get("regions", ())
    for each in regions:
        if not each.get("name"):
            raise Invalid("every one of the 'regions' needs a 'name'", field="name")
        if each["weight"] < 0:
            raise Invalid("the 'weight' of a region must be >= 0", field="weight")
    if regions and not any(each["weight"] for each in regions):
        raise Invalid("one of the 'regions' needs a 'weight' > 0", field="weight")


# Note [Regions]
# A region is a cloud that is configured here, and all nodes of a cluster are on one cloud.
# Spreading over several would be a promise that nothing keeps, so it is refused, by name. What
# gets no node anyway is no matter: a region of no weight or with no room, and one that is not
# there any more. The cluster's own has to be among them.
def _refusal(properties: Properties, scene: Scene) -> str | None:
    """See Note [Regions]."""
    here, known = scene.cluster.cloud, scene.regions
    regions = properties.get("regions", ())
    names = [each["name"] for each in regions]
    gets = {each["name"] for each in regions if each["weight"] and each["cap"]}
    other = [name for name in names if name != here and name in gets & (known or gets)]
    if names and here not in names:
        other = names
    if other:
        return (
            f"A cluster lives in one region, and this one in '{here}': it cannot be placed in "
            + ", ".join(f"'{name}'" for name in other)
        )
    return None


def _names(properties: Properties) -> Named:
    return Named(regions=tuple(each["name"] for each in properties.get("regions", ())))


def _effect(cluster: Cluster, attached: Attached) -> Cluster:
    caps = [
        each["cap"] if each["weight"] else 0  # without weight it has no share of anything
        for each in attached.properties.get("regions", ())
        if each["name"] == cluster.cloud and (each["cap"] >= 0 or not each["weight"])
    ]
    return replace(cluster, placement=replace(cluster.placement, cap=min(caps, default=None)))


TYPE = PolicyType(
    name="senlin.policy.region_placement",
    support={
        "1.0": (
            Support(status="EXPERIMENTAL", since="2016.04"),
            Support(status="SUPPORTED", since="2016.10"),
        )
    },
    priority=200,
    schema=SCHEMA,
    names=_names,
    governs=frozenset({"placement"}),
    check=_check,
    effect=_effect,
    refusal=_refusal,
)
