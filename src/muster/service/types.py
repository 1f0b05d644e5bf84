"""Types of profiles and policies: which there are, and which one a specification is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from muster.base.errors import Invalid, NotFound
from muster.model.policy_type import PolicyType
from muster.model.profile_type import ProfileType

T = TypeVar("T", PolicyType, ProfileType)
_ENVELOPE = ("type", "version", "properties")


@dataclass(frozen=True, slots=True)
class Spec(Generic[T]):
    """What a specification is of, and what it says of that."""

    kind: T
    properties: Any


def find(types: Mapping[str, T], word: str, said: str) -> T:
    """Return the type of that name and version; `word` is what the API calls types of its kind."""
    kind = types.get(said)
    if kind is None:
        raise NotFound(f"The {word} '{said}' could not be found.")
    return kind


def every(types: Mapping[str, T]) -> list[T]:
    """Return all types, by name and then by version."""
    return sorted(types.values(), key=lambda each: (each.name, each.version))


def opened(types: Mapping[str, T], word: str, spec: Mapping[str, Any], wrong: str) -> Spec[T]:
    """Return what a specification is of.

    Raises `NotFound` for a type that is not there, and `Invalid` of type `wrong` for an
    envelope that lacks something or holds more than it may.
    """
    for name in _ENVELOPE[:2]:
        if spec.get(name) is None:
            text = f"The '{name}' key is missing from the provided spec map."
            raise Invalid(text, field=name, type=wrong)
    kind = find(types, word, f"{spec['type']}-{spec['version']}")
    for name in spec:
        if name not in (*_ENVELOPE, "description"):
            raise Invalid(f"Unrecognizable spec item '{name}'", field=name, type=wrong)
    if spec.get("properties") is None:
        text = "Required spec item 'properties' not provided"
        raise Invalid(text, field="properties", type=wrong)
    return Spec(kind, spec["properties"])
