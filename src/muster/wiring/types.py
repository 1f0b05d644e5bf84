"""Which types of policies and profiles there are: those built in, and those of plug-ins.

A plug-in is a distribution with an entry point of one of the groups below, which names a
`PolicyType` or a `ProfileType`. Each version that its `support` knows becomes a type.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from muster.base.errors import Invalid
from muster.decide.policies import POLICY_TYPES
from muster.decide.profile_types import PROFILE_TYPES
from muster.model.policy_type import PolicyType
from muster.model.profile_type import ProfileType

POLICY_GROUP, PROFILE_GROUP = "muster.policy_types", "muster.profile_types"

T = TypeVar("T", PolicyType, ProfileType)


def policy_types(found: Iterable[EntryPoint] | None = None) -> Mapping[str, PolicyType]:
    """Return every policy type by name and version; raises `Invalid` naming a bad plug-in."""
    plugs = entry_points(group=POLICY_GROUP) if found is None else found
    return _with(POLICY_TYPES, PolicyType, plugs)


def profile_types(found: Iterable[EntryPoint] | None = None) -> Mapping[str, ProfileType]:
    """Return every profile type by name and version; raises `Invalid` naming a bad plug-in."""
    plugs = entry_points(group=PROFILE_GROUP) if found is None else found
    return _with(PROFILE_TYPES, ProfileType, plugs)


def _with(known: Mapping[str, T], kind: type[T], plugs: Iterable[EntryPoint]) -> Mapping[str, T]:
    types = dict(known)
    for plug in plugs:
        for each in _versions(plug, kind):
            if each.key in types:
                text = f"plug-in {plug.name}: there is a type {each.key} already"
                raise Invalid(text, field=plug.name)
            types[each.key] = each
    return types


def _versions(plug: EntryPoint, kind: type[T]) -> list[T]:
    try:
        said = plug.load()
    except (ImportError, AttributeError) as error:
        raise Invalid(f"plug-in {plug.name} ({plug.value}): {error}", field=plug.name) from error
    if not isinstance(said, kind):
        text = f"plug-in {plug.name}: {plug.value} must be a {kind.__name__}, not {said!r}"
        raise Invalid(text, field=plug.name)
    return [replace(said, version=version) for version in said.support or (said.version,)]
