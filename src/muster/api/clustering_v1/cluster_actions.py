"""What is asked of a cluster in one word: scaling, membership, policies, checks, operations."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Response, post

from muster.api.call import Asked, Call, Word
from muster.api.clustering_v1.asking import accepted, serves, since
from muster.api.clustering_v1.bodies import (
    BOOLEAN,
    COUNT,
    IDENTITIES,
    MAP,
    NUMBER,
    TEXT,
    Field,
    Fields,
    capacity,
    one_of,
    raw,
    refusal,
    values,
)
from muster.api.clustering_v1.clusters import LARGEST
from muster.api.clustering_v1.faults import MALFORMED
from muster.base.errors import Invalid
from muster.model.action import Action, Verb
from muster.service.clustering import membership, operations, policies, sizes
from muster.service.clustering.case import Case, on_cluster

Said = Mapping[str, Any]
Deed = Callable[[Case], Action]
NOT_A_MAP = "The data provided is not a map"
_MOST = 2**31 - 1
_SHARE = "CHANGE_IN_PERCENTAGE"
_ADJUSTMENTS = ("EXACT_CAPACITY", "CHANGE_IN_CAPACITY", _SHARE)

NODES: Fields = {"nodes": Field(kind=IDENTITIES, required=True)}
REMOVAL: Fields = {**NODES, "destroy_after_deletion": Field(kind=BOOLEAN, null=True, since=4)}
SCALE: Fields = {"count": Field(kind=COUNT, null=True)}
RESIZE: Fields = {
    "adjustment_type": Field(kind=one_of(*_ADJUSTMENTS), null=True),
    "number": Field(kind=NUMBER, null=True),
    "min_size": Field(kind=capacity(0, LARGEST), null=True),
    "max_size": Field(kind=capacity(-1, LARGEST), null=True),
    "min_step": Field(kind=COUNT, null=True),
    "strict": Field(kind=BOOLEAN, null=True),
}
RECOVER: Fields = {
    "operation": Field(kind=TEXT, null=True),
    "operation_params": Field(kind=MAP, null=True),
    "check": Field(kind=BOOLEAN, null=True),
    "check_capacity": Field(kind=BOOLEAN, null=True),
}
POLICY: Fields = {"policy_id": Field(kind=TEXT, required=True)}
SWITCHED: Fields = {**POLICY, "enabled": Field(kind=BOOLEAN, null=True)}
TOKEN: Fields = {"lifecycle_action_token": Field(kind=TEXT)}


def _add(call: Call, said: Said) -> Deed:
    nodes = values(call.request, NODES, {"nodes": [], **said}, more=True)["nodes"]
    return lambda case: membership.add(case, nodes)


def _remove(call: Call, said: Said) -> Deed:
    asked = values(call.request, REMOVAL, {"nodes": [], **said}, more=True)
    destroy = asked.get("destroy_after_deletion")
    return lambda case: membership.remove(case, asked["nodes"], destroy=destroy)


def _replace(call: Call, said: Said) -> Deed:
    pairs = said.get("nodes")
    if not isinstance(pairs, dict) or not pairs:
        raise refusal(NOT_A_MAP, "nodes")
    for old, new in pairs.items():
        if new is None:
            raise refusal(f"Field `nodes[{old}]' cannot be None", "nodes")
        if not isinstance(new, str):
            raise refusal(f"{new!r} is not of type 'string'", "nodes")
    if len(set(pairs.values())) < len(pairs):
        raise refusal("Map contains duplicated values", "nodes")
    return lambda case: membership.replacement(case, pairs)


def _scale(verb: Verb) -> Callable[[Call, Said], Deed]:
    def read(call: Call, said: Said) -> Deed:
        count = values(call.request, SCALE, said, more=True).get("count")
        return lambda case: sizes.checked_scaling(case, verb, count)

    return read


def _resize(call: Call, said: Said) -> Deed:
    by_share = said.get("adjustment_type") == _SHARE
    heard = [name for name in RESIZE if by_share or name != "min_step"]
    known = {name: said[name] for name in heard if said.get(name) is not None}
    if not known.keys() & {"adjustment_type", "number", "min_size", "max_size"}:
        raise refusal("Not enough parameters to do resize action.")
    asked = values(call.request, RESIZE, known)
    _check_resize(asked)
    kind = asked.get("adjustment_type")
    inputs = {
        "adjustment_type": kind,
        "number": _truncated(kind, asked.get("number")),
        "min_size": asked.get("min_size"),
        "max_size": asked.get("max_size"),
        "min_step": asked.get("min_step"),
        "strict": asked.get("strict", True),
    }
    return lambda case: sizes.checked_resize(case, inputs)


def _truncated(kind: str | None, number: float | None) -> float | None:
    """Return the number: a size is a whole one, a share need not be."""
    return number if number is None or kind == _SHARE else int(number)


def _check_resize(asked: Said) -> None:
    if "adjustment_type" in asked and "number" not in asked:
        raise refusal("Missing number value for size adjustment.", "number")
    if "number" in asked and "adjustment_type" not in asked:
        raise refusal("Missing adjustment_type value for size adjustment.", "adjustment_type")
    low, high = asked.get("min_size"), asked.get("max_size")
    if low is not None and high is not None and 0 < high < low:
        text = f"The specified min_size ({low}) is greater than the specified max_size ({high})."
        raise refusal(text, "min_size")
    number = asked.get("number", 0)
    if abs(number) > _MOST:
        raise refusal(MALFORMED, "number")
    if number < 0 and asked["adjustment_type"] == "EXACT_CAPACITY":
        text = "The 'number' must be non-negative integer for adjustment type 'EXACT_CAPACITY'."
        raise Invalid(text, field="number")


def _check(call: Call, said: Said) -> Deed:
    return lambda case: operations.check(case, said)


def _recover(call: Call, said: Said) -> Deed:
    unknown = {name: value for name, value in said.items() if name not in RECOVER}
    asked = {**values(call.request, RECOVER, said, more=True), **unknown}
    return lambda case: operations.recover(case, asked)


def _attach(call: Call, said: Said) -> Deed:
    asked = values(call.request, SWITCHED, said)
    enabled = asked.get("enabled") is not False
    return lambda case: policies.attach(case, asked["policy_id"], enabled=enabled)


def _detach(call: Call, said: Said) -> Deed:
    word = values(call.request, POLICY, said)["policy_id"]
    return lambda case: policies.detach(case, word)


def _switch(call: Call, said: Said) -> Deed:
    asked = values(call.request, SWITCHED, said)
    return lambda case: policies.change(case, asked["policy_id"], enabled=asked.get("enabled"))


def _complete(call: Call, said: Said) -> Deed:
    asked = values(call.request, TOKEN, {"lifecycle_action_token": None, **said}, more=True)
    return lambda case: operations.complete_lifecycle(case, asked["lifecycle_action_token"])


# What can be asked of a cluster: how it is read, and the first microversion that knows it.
ACTIONS: Mapping[str, tuple[Callable[[Call, Said], Deed], int]] = {
    "add_nodes": (_add, 0),
    "del_nodes": (_remove, 0),
    "replace_nodes": (_replace, 3),
    "scale_out": (_scale(Verb.CLUSTER_SCALE_OUT), 0),
    "scale_in": (_scale(Verb.CLUSTER_SCALE_IN), 0),
    "resize": (_resize, 0),
    "check": (_check, 0),
    "recover": (_recover, 0),
    "policy_attach": (_attach, 0),
    "policy_detach": (_detach, 0),
    "policy_update": (_switch, 0),
    "complete_lifecycle": (_complete, 9),
}
_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {name: {"type": "object"} for name in ACTIONS},
}


@post(
    "/v1/clusters/{identity:str}/actions",
    status_code=202,
    opt=serves() | {"body_schema": _SCHEMA},
)
async def act(call: Asked, identity: Word) -> Response[dict[str, str]]:
    """Ask something of a cluster; the body's only key says what."""
    said = await raw(call.request) or {}
    word = only(said, "action")
    if word not in ACTIONS:
        raise refusal(f"Unrecognized action '{word}' specified")
    read, first = ACTIONS[word]
    since(call.request, first)
    if not isinstance(said[word], dict):
        raise refusal(NOT_A_MAP, word)
    action = await on_cluster(call.desk, call.who, identity, read(call, said[word]))
    return accepted(call, {"action": str(action.id)}, action.id)


def only(said: Said, noun: str, end: str = "") -> str:
    """Return the only key of a body. Raises `Invalid` for none and for several."""
    if not said:
        raise refusal(f"No {noun} specified{end}")
    if len(said) > 1:
        raise refusal(f"Multiple {noun}s specified{end}")
    return next(iter(said))


@post(
    "/v1/clusters/{identity:str}/ops",
    status_code=202,
    opt=serves(since=4) | {"body_schema": {"type": "object"}},
)
async def operate(call: Asked, identity: Word) -> Response[dict[str, str]]:
    """Do one operation of the profile type to the nodes that the filters name."""
    said = await raw(call.request) or {}
    word = only(said, "operation")
    asked = said[word] if said[word] is not None else {}
    if not isinstance(asked, dict):
        raise refusal(NOT_A_MAP, word)
    for name in ("filters", "params"):
        if not isinstance(asked.get(name) or {}, dict):
            raise refusal(MALFORMED, name)
    action = await on_cluster(
        call.desk, call.who, identity, lambda case: operations.operate(case, word, asked)
    )
    return accepted(call, {"action": str(action.id)}, action.id)


ROUTES = (act, operate)
