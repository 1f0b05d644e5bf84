"""Whether nodes can be placed in the zones that a policy names."""

from collections.abc import Sequence

from muster.model.cloud import Ability
from muster.model.policy_type import Scene


def zones_refusal(names: Sequence[str], scene: Scene) -> str | None:
    """Return why the cloud cannot place nodes in any of these zones, or None.

    Some unknown zones among known ones are passed over, as the original did.
    """
    cloud = scene.cloud
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
