"""Whether a cloud has what a policy names: zones, networks, regions."""

from collections.abc import Collection, Sequence

from muster.model.catalog import Network
from muster.model.cloud import Ability, About
from muster.model.policy_type import Named


def zones_refusal(names: Sequence[str], cloud: About) -> str | None:
    """Return why the cloud cannot place nodes in any of these zones, or None.

    Some unknown zones among known ones are passed over, as the original did.
    """
    if not names:
        return None
    reason = cloud.refusal(Ability.ZONES)
    if reason:
        return f"The cloud '{cloud.name}' has no zones: {reason}"
    if cloud.open_catalog or not cloud.zones or set(names) & set(cloud.zones):
        return None
    known = ", ".join(cloud.zones)
    said = ", ".join(f"'{name}'" for name in names)
    return f"The cloud '{cloud.name}' has no zone {said}; it has {known}"


# Note [Named things]
# What a policy names has to be known to some cloud when the policy is made, and to the
# cluster's own when it is attached. A cloud that takes any name, or has just one of a kind and
# so nothing to choose from, cannot tell a name that is wrong; nor is a policy refused when it is
# made for what a cloud cannot do at all: it may be meant for another one, or for later.
def no_region(named: Named, clouds: Collection[str]) -> str | None:
    """Return which of the regions that are named is no cloud here, or None."""
    lost = [name for name in named.regions if name not in clouds]
    if not lost:
        return None
    said = ", ".join(f"'{name}'" for name in lost)
    return f"There is no region {said}; there is {', '.join(sorted(clouds))}"


def unknown(named: Named, cloud: About, networks: Sequence[Network]) -> str | None:
    """Return what of zones and networks this cloud has not, or None. See Note [Named things]."""
    if cloud.open_catalog:
        return None
    if cloud.refusal(Ability.ZONES) is None and (why := zones_refusal(named.zones, cloud)):
        return why
    if cloud.refusal(Ability.NETWORKS) is not None or not networks:
        return None
    known = {word for each in networks for word in (each.id, each.name)}
    wrong = next((name for name in named.networks if name not in known), None)
    if wrong is None:
        return None
    there = ", ".join(each.name for each in networks)
    return f"The cloud '{cloud.name}' has no network or subnet '{wrong}'; it has {there}"
