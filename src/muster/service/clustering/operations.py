"""What is done to the nodes of a cluster as they are: looked at, mended, operated on."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from muster.base.errors import Invalid, NotFound
from muster.decide.specs import checked_parameters
from muster.model.action import Action, ActionStatus, Verb
from muster.model.node import Node
from muster.model.profile_type import ProfileType
from muster.ports.store import Query, Transaction
from muster.service.clustering.case import Case
from muster.service.clustering.conflicts import refuse_busy
from muster.service.lookup import as_id
from muster.service.wish import Wish, grown

RECOVERIES = ("REBOOT", "REBUILD", "RECREATE")
_REBOOTS = ("SOFT", "HARD")
CLUSTER_RECOVER = frozenset({"operation", "operation_params", "check", "check_capacity"})
NODE_RECOVER = frozenset(
    {"operation", "operation_params", "check", "delete_timeout", "force_recreate"}
)
FILTERS = frozenset({"name", "profile_id", "status", "role"})
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect."
)


def check(case: Case, inputs: Mapping[str, Any]) -> Action:
    """Return the action that looks at every member anew."""
    refuse_busy(case.tx, Verb.CLUSTER_CHECK, case.cluster.id)
    if inputs.get("delete_check_action"):
        _forget_checks(case.tx, case.cluster.id)
    reason = f"{case.who.user} asked to check the nodes"
    return case.record(Wish(verb=Verb.CLUSTER_CHECK, reason=reason, inputs=inputs))


def _forget_checks(tx: Transaction, cluster_id: UUID) -> None:
    checks = (Verb.CLUSTER_CHECK.value, Verb.NODE_CHECK.value)
    where = {"cluster_id": (cluster_id,), "action": checks, "status": _ENDED}
    tx.actions.drop(*(each.id for each in tx.actions.find(Query(where=where))))


def recover(case: Case, inputs: Mapping[str, Any]) -> Action:
    """Return the action that mends the members that are not in order."""
    asked = recovery(inputs, CLUSTER_RECOVER)
    refuse_busy(case.tx, Verb.CLUSTER_RECOVER, case.cluster.id)
    reason = f"{case.who.user} asked to recover the nodes"
    return case.record(Wish(verb=Verb.CLUSTER_RECOVER, reason=reason, inputs=asked))


def recovery(said: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the parameters of a recovery, the operation in capitals. Raises `Invalid`."""
    unknown = [name for name in said if name not in known]
    if unknown:
        raise Invalid(f"Action parameter {unknown} is not recognizable.")
    asked = {name: value for name, value in said.items() if value is not None}
    operation = asked.get("operation")
    if operation is None:
        return asked
    asked["operation"] = str(operation).upper()
    if asked["operation"] not in RECOVERIES:
        known_ones = ", ".join(RECOVERIES)
        raise Invalid(
            f"Operation value '{operation}' has to be one of the following: {known_ones}."
        )
    if asked["operation"] == "REBOOT":
        _check_reboot(asked.get("operation_params"))
    return asked


def _check_reboot(params: Any) -> None:
    if params is None:
        return
    if not isinstance(params, Mapping):
        raise Invalid(MALFORMED, field="operation_params", type="HTTPBadRequest")
    kind = params.get("type")
    if kind is not None and str(kind).upper() not in _REBOOTS:
        known = ", ".join(_REBOOTS)
        raise Invalid(
            f"Type field '{kind}' in operation_params has to be one of the following: {known}."
        )


def operate(case: Case, operation: str, said: Mapping[str, Any]) -> Action:
    """Return the action that does one operation to the members that the filters name."""
    kind = case.desk.profile_types.get(case.profile_type)
    params = parameters(kind, case.profile_type, operation, said.get("params") or {})
    filters = said.get("filters") or {}
    unknown = [f"Filter key '{name}' is unsupported." for name in filters if name not in FILTERS]
    if unknown:
        raise Invalid("\n".join(unknown))
    nodes = [each for each in case.members if each.leaving is None and _fits(each, filters)]
    if not nodes:
        raise Invalid("No node (matching the filter) could be found.")
    refuse_busy(case.tx, Verb.CLUSTER_OPERATION, case.cluster.id)
    wish = Wish(
        verb=Verb.CLUSTER_OPERATION,
        reason=f"{case.who.user} asked to {operation} {len(nodes)} nodes",
        inputs={
            "operation": operation,
            "params": params,
            "nodes": [str(each.id) for each in nodes],
        },
        failed=lacking(operation, params),
    )
    return case.record(wish)


def _fits(node: Node, filters: Mapping[str, Any]) -> bool:
    return all(str(getattr(node, name)) == str(value) for name, value in filters.items())


def parameters(
    kind: ProfileType | None, type_name: str, operation: str, said: Any
) -> dict[str, Any]:
    """Return an operation's parameters with defaults. Raises `Invalid` for what is not known."""
    known = kind.operations.get(operation) if kind else None
    if known is None or known.shown is not None:
        raise Invalid(
            f"The requested operation '{operation}' is not supported by the profile type "
            f"'{type_name}'."
        )
    if said and not known.parameters:
        raise Invalid(MALFORMED, type="HTTPBadRequest")
    return checked_parameters(known.parameters, said)


# What an operation cannot do without, although its schema has it that it could.
_NEEDED: Mapping[str, str] = {"change_password": "admin_pass"}


def lacking(operation: str, params: Mapping[str, Any]) -> str:
    """Return what an operation lacks to have any effect, "" if nothing."""
    needed = _NEEDED.get(operation)
    if needed is None or params.get(needed):
        return ""
    return f"The operation '{operation}' needs the parameter '{needed}'."


def complete_lifecycle(case: Case, token: str) -> Action:
    """Return the action that the token stands for; if it was waiting for this, it goes on."""
    id = as_id(token)
    action = case.tx.actions.get(id) if id else None
    if action is None or action.cluster_id != case.cluster.id:
        raise NotFound(f"The action '{token}' could not be found.")
    if action.status is not ActionStatus.WAITING_LIFECYCLE_COMPLETION:
        return action
    ready = action.turned(ActionStatus.READY, case.now, "Lifecycle completed.")
    case.tx.actions.put(ready)
    case.tx.clusters.put(grown(case.cluster, case.now))
    case.tx.marks.mark(case.cluster.id)
    return ready
