"""Profile types: the built-in table, and what a specification of each says."""

from collections.abc import Mapping
from typing import Any

from muster.base.errors import Invalid
from muster.decide.profile_types import docker, server, stack
from muster.decide.specs import checked
from muster.model.profile_type import ProfileType

PROFILE_TYPES: Mapping[str, ProfileType] = {
    each.key: each for each in (docker.TYPE, stack.TYPE, server.TYPE)
}


def properties_of(type: ProfileType, said: Any) -> dict[str, Any]:
    """Return the properties of a profile with defaults; raises `Invalid` with the API's text."""
    try:
        properties = checked(type.schema, said)
        type.check(properties)
    except Invalid as error:
        error.details.setdefault("type", "InvalidSpec")
        raise
    return properties
