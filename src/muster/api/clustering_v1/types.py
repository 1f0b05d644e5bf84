"""The routes of profile types and policy types."""

from collections.abc import Iterable
from typing import Any

from litestar import get

from muster.api.call import Asked, Call, Word
from muster.api.clustering_v1.asking import minor, serves
from muster.base.errors import Invalid, NotFound
from muster.model.policy_type import PolicyType
from muster.model.profile_type import ProfileType
from muster.model.schema import Support, encoded_schema
from muster.service.types import every, find

Type = ProfileType | PolicyType
_IN_PARTS = 5  # the first microversion that tells name and version apart, and the support


def _support(said: Iterable[Support]) -> list[dict[str, str]]:
    return [{"status": each.status, "since": each.since} for each in said]


def _listed(call: Call, types: Iterable[Type]) -> list[dict[str, Any]]:
    if minor(call.request) < _IN_PARTS:
        return [{"name": each.key} for each in types]
    return [
        {
            "name": each.name,
            "version": each.version,
            "support_status": {each.version: _support(each.support.get(each.version, ()))},
        }
        for each in types
    ]


def _shown(call: Call, type: Type) -> dict[str, Any]:
    said: dict[str, Any] = {"name": type.key, "schema": encoded_schema(type.schema)}
    if minor(call.request) >= _IN_PARTS:
        said["support_status"] = {name: _support(each) for name, each in type.support.items()}
    return said


@get("/v1/profile-types", opt=serves())
async def list_profile_types(call: Asked) -> dict[str, list[dict[str, Any]]]:
    """List the types of profiles."""
    return {"profile_types": _listed(call, every(call.desk.profile_types))}


@get("/v1/profile-types/{identity:str}", opt=serves())
async def show_profile_type(call: Asked, identity: Word) -> dict[str, Any]:
    """Show what a profile of a type may say."""
    found = find(call.desk.profile_types, "profile_type", identity)
    return {"profile_type": _shown(call, found)}


@get("/v1/profile-types/{identity:str}/ops", opt=serves(since=4))
async def list_operations(call: Asked, identity: Word) -> dict[str, Any]:
    """List what can be done to nodes of a type."""
    try:
        found = find(call.desk.profile_types, "profile_type", identity)
    except NotFound as error:  # here the type counts as a part of the request
        raise Invalid(error.text) from None
    return {"operations": {name: each.encoded() for name, each in found.operations.items()}}


@get("/v1/policy-types", opt=serves())
async def list_policy_types(call: Asked) -> dict[str, list[dict[str, Any]]]:
    """List the types of policies."""
    return {"policy_types": _listed(call, every(call.desk.policy_types))}


@get("/v1/policy-types/{identity:str}", opt=serves())
async def show_policy_type(call: Asked, identity: Word) -> dict[str, Any]:
    """Show what a policy of a type may say."""
    found = find(call.desk.policy_types, "policy_type", identity)
    return {"policy_type": _shown(call, found)}


ROUTES = (
    list_profile_types,
    show_profile_type,
    list_operations,
    list_policy_types,
    show_policy_type,
)
