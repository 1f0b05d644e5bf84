"""Actions that are set off from outside, by webhook or message, with inputs nobody has checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from muster.base.errors import Invalid, NotFound
from muster.model.action import Action, Verb
from muster.model.who import Who
from muster.ports.store import Transaction
from muster.service.clustering import clusters, membership, operations, policies, sizes
from muster.service.clustering.case import Answers, Case
from muster.service.desk import Desk

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What somebody sets off; `name` is what its action is called, "" by what it does."""

    cluster_id: UUID
    verb: Verb
    inputs: Inputs = field(default_factory=dict)
    name: str = ""


def triggered(tx: Transaction, desk: Desk, who: Who, asked: Trigger, answers: Answers) -> Action:
    """Return the action, as part of a transaction that `case.decided` runs.

    Raises `Conflict` as for a request, `Invalid` for inputs without sense.
    """
    cluster = tx.clusters.get(asked.cluster_id)
    if cluster is None:
        raise NotFound(f"The cluster '{asked.cluster_id}' could not be found.")
    deed = DEEDS.get(asked.verb)
    if deed is None:
        raise Invalid(f"{asked.verb} cannot be set off from outside.")
    now = desk.clock.now()
    case = Case(tx, desk, who, now, cluster, name=asked.name, answers=answers)
    return deed(case, asked.inputs)


def _word(inputs: Inputs, name: str) -> str:
    said = inputs.get(name)
    if not isinstance(said, str):
        raise Invalid(f"'{name}' is a required property", field=name)
    return said


def _words(inputs: Inputs, *names: str) -> list[str]:
    said = next((inputs[name] for name in names if name in inputs), None)
    if not isinstance(said, list) or not said:
        raise Invalid(f"Value for '{names[0]}' must have at least 1 item(s).", field=names[0])
    return [str(each) for each in said]


def _remove(case: Case, inputs: Inputs) -> Action:
    destroy = inputs.get("destroy_after_deletion")
    nodes = _words(inputs, "candidates", "nodes")
    return membership.remove(case, nodes, destroy=None if destroy is None else bool(destroy))


def _replace(case: Case, inputs: Inputs) -> Action:
    pairs = inputs.get("candidates", inputs.get("nodes"))
    if not isinstance(pairs, Mapping) or not pairs:
        raise Invalid("The data provided is not a map", field="candidates")
    return membership.replacement(case, {str(old): str(new) for old, new in pairs.items()})


def _operate(case: Case, inputs: Inputs) -> Action:
    return operations.operate(case, _word(inputs, "operation"), inputs)


def _update(case: Case, inputs: Inputs) -> Action:
    known = {**inputs, "profile_id": inputs.get("profile_id", inputs.get("new_profile_id"))}
    return clusters.update(case, known).action


def _change(case: Case, inputs: Inputs) -> Action:
    enabled = inputs.get("enabled")
    word = _word(inputs, "policy_id")
    return policies.change(case, word, enabled=None if enabled is None else bool(enabled))


def _attach(case: Case, inputs: Inputs) -> Action:
    return policies.attach(
        case, _word(inputs, "policy_id"), enabled=bool(inputs.get("enabled", True))
    )


DEEDS: Mapping[Verb, Callable[[Case, Inputs], Action]] = {
    Verb.CLUSTER_DELETE: lambda case, _: clusters.delete(case, force=False),
    Verb.CLUSTER_UPDATE: _update,
    Verb.CLUSTER_RESIZE: sizes.resizing,
    Verb.CLUSTER_SCALE_OUT: lambda case, said: sizes.scaling(case, Verb.CLUSTER_SCALE_OUT, said),
    Verb.CLUSTER_SCALE_IN: lambda case, said: sizes.scaling(case, Verb.CLUSTER_SCALE_IN, said),
    Verb.CLUSTER_ADD_NODES: lambda case, said: membership.add(case, _words(said, "nodes")),
    Verb.CLUSTER_DEL_NODES: _remove,
    Verb.CLUSTER_REPLACE_NODES: _replace,
    Verb.CLUSTER_CHECK: operations.check,
    Verb.CLUSTER_RECOVER: operations.recover,
    Verb.CLUSTER_OPERATION: _operate,
    Verb.CLUSTER_ATTACH_POLICY: _attach,
    Verb.CLUSTER_DETACH_POLICY: lambda case, said: policies.detach(case, _word(said, "policy_id")),
    Verb.CLUSTER_UPDATE_POLICY: _change,
}
