"""Values of ours as JSON of this surface, and lists of them as URLs or whole."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from muster.api.call import Call, Param
from muster.api.words import exact
from muster.base.errors import Invalid
from muster.model.machine import Facts, Machine
from muster.model.machine_template import MachineTemplate, Variable
from muster.model.machine_token import MachineToken, Seed
from muster.service.provisioning.foresight import Foresight
from muster.service.provisioning.templates import Filled

T = TypeVar("T")
HERE = "/1.0/provisioning"
LISTS: Mapping[str, Param] = {
    "recursion": Param("0: URLs; 1: objects", {"type": "integer"}),
}
NEVER = datetime(1, 1, 1, tzinfo=UTC)


def at(*names: str) -> str:
    return "/".join((HERE, *(quote(name, safe=":") for name in names)))


def listed(
    call: Call,
    kind: str,
    found: Sequence[T],
    shown: Callable[[T], Mapping[str, Any]],
    key: str = "name",
) -> list[Any]:
    """Return a list as `recursion` asks for it."""
    objects = [shown(each) for each in found]
    return objects if is_recursive(call) else [at(kind, each[key]) for each in objects]


def is_recursive(call: Call) -> bool:
    """Return whether a list is to show objects, and not only where they are."""
    said = call.word("recursion") or "0"
    if said not in ("0", "1"):
        raise Invalid(f"must be 0 or 1, not '{said}'", field="recursion")
    return said == "1"


def when(moment: datetime | None) -> str:
    return exact(moment or NEVER)


def token(one: MachineToken) -> dict[str, Any]:
    return {"uuid": str(one.id), **token_settable(one)}


def token_settable(one: MachineToken) -> dict[str, Any]:
    return {
        "uses_remaining": one.uses_remaining,
        "expire_at": when(one.expire_at),
        "description": one.description,
        "channel": one.channel,
    }


def seed(one: Seed) -> dict[str, Any]:
    return {
        "name": one.name,
        **seed_settable(one),
        "fetched_at": when(one.fetched_at),
        "last_updated": when(one.updated_at),
    }


def seed_settable(one: Seed) -> dict[str, Any]:
    return {
        "description": one.description,
        "public": one.public,
        "seeds": one.parts,
    }


def machine(one: Machine) -> dict[str, Any]:
    return {
        "name": one.name,
        "connection_url": one.connection_url,
        **machine_settable(one),
        "system_uuid": one.system_uuid,
        "machine_id": one.machine_id,
        "certificate": one.certificate,
        "fingerprint": one.fingerprint,
        "cluster": one.cluster or None,
        "server_type": str(one.kind),
        "hardware_data": one.facts.resources,
        "os_data": {
            "network": one.facts.network,
            "security": one.facts.security,
            "storage": one.facts.storage,
        },
        "version_data": _versions(one.facts),
        "server_status": str(one.status),
        "server_status_detail": str(one.detail),
        "server_status_reason": one.reason,
        "last_updated": when(one.updated_at or one.created_at),
        "last_seen": when(one.seen_at),
        "system_state_is_trusted": one.trusted,
    }


def machine_settable(one: Machine) -> dict[str, Any]:
    return {
        "public_connection_url": one.public_connection_url,
        "channel": one.channel,
        "description": one.description,
        "properties": one.properties,
    }


def _versions(facts: Facts) -> dict[str, Any]:
    said, update = facts.environment, facts.update
    state, config = update.get("state") or {}, update.get("config") or {}
    return {
        "os": {
            "name": said.get("os_name", ""),
            "version": said.get("os_version", ""),
            "version_next": said.get("os_version_next", ""),
            "needs_reboot": bool(state.get("needs_reboot")),
        },
        "applications": [
            {
                "name": each.get("name", ""),
                "version": each.get("version", ""),
                "friendly_version": each.get("friendly_version", ""),
                "in_maintenance": facts.in_maintenance,
            }
            for each in facts.applications
        ],
        "update_channel": config.get("channel", ""),
        "needs_reboot": bool(state.get("needs_reboot")),
        "in_maintenance": facts.in_maintenance,
    }


def template(one: MachineTemplate) -> dict[str, Any]:
    return {**template_settable(one), "last_updated": when(one.updated_at or one.created_at)}


def _variable(one: Variable) -> dict[str, Any]:
    """Return a variable: beside description and default only what is said of it."""
    more = {
        "type": one.type,
        "pattern": one.pattern,
        "choices": list(one.choices),
        "min": one.min,
        "max": one.max,
    }
    said = {name: each for name, each in more.items() if each not in ("", [], None)}
    return {"description": one.description, "default": one.default, **said}


def template_settable(one: MachineTemplate) -> dict[str, Any]:
    return {
        "name": one.name,
        "description": one.description,
        "service_config_template": one.service_config_template,
        "application_config_template": one.application_config_template,
        "variables": {name: _variable(each) for name, each in one.variables.items()},
    }


def foresight(told: Foresight) -> dict[str, Any]:
    return {
        "possible": not told.findings,
        "findings": [
            {"server": each.server, "what": each.what, "text": each.text} for each in told.findings
        ],
        "services_config": {
            name: [{"service": service, **config} for service, config in orders]
            for name, orders in told.services.items()
        },
        "application_seed_config": told.seed,
    }


def filled(one: Filled) -> dict[str, Any]:
    return {
        "service_config": one.services,
        "application_config": one.seed,
        "findings": [{"field": each.field, "message": each.message} for each in one.faults],
    }
