"""Zone placement policies: how nodes are spread over the zones of their cloud."""

from dataclasses import replace

from muster.base.errors import Invalid
from muster.decide.policies.named import zones_refusal
from muster.model.cluster import Cluster
from muster.model.placement import Share
from muster.model.policy_type import Attached, Floor, Named, PolicyType, Properties, Scene
from muster.model.schema import Schema, Support, integer, listing, mapping, string

_ZONES: Schema = {
    "name": string(description="Name of an availability zone."),
    "weight": integer(description="Weight of the availability zone (default is 100).", default=100),
}
SCHEMA: Schema = {
    "zones": listing(
        description="List of availability zones to choose from.",
        each=mapping(description="An availability zone as candidate.", fields=_ZONES),
    )
}


def _check(properties: Properties, floor: Floor) -> None:
    zones = properties.get("zones", ())
    for each in zones:
        if not each.get("name"):
            raise Invalid("every one of the 'zones' needs a 'name'", field="name")
        if each["weight"] < 0:
            raise Invalid("the 'weight' of a zone must be >= 0", field="weight")
    if zones and not any(each["weight"] for each in zones):
        raise Invalid("one of the 'zones' needs a 'weight' > 0", field="weight")


def _refusal(properties: Properties, scene: Scene) -> str | None:
    return zones_refusal(_names(properties).zones, scene.cloud)


def _names(properties: Properties) -> Named:
    return Named(zones=tuple(each["name"] for each in properties.get("zones", ())))


def _effect(cluster: Cluster, attached: Attached) -> Cluster:
    shares = tuple(
        Share(zone=each["name"], weight=each["weight"])
        for each in attached.properties.get("zones", ())
    )
    return replace(cluster, placement=replace(cluster.placement, shares=shares))


TYPE = PolicyType(
    name="senlin.policy.zone_placement",
    support={
        "1.0": (
            Support(status="EXPERIMENTAL", since="2016.04"),
            Support(status="SUPPORTED", since="2016.10"),
        )
    },
    priority=300,
    profile_types=("os.nova.server-1.0",),
    schema=SCHEMA,
    names=_names,
    governs=frozenset({"placement"}),
    check=_check,
    effect=_effect,
    refusal=_refusal,
)
