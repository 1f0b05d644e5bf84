"""Another size for a cluster: resizing it, scaling it out and in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from muster.base.errors import Conflict, Invalid
from muster.decide.admit import Sizes, check_size
from muster.decide.policies import infeasible
from muster.decide.sizes import (
    SIGNS,
    Adjustment,
    Resize,
    Scale,
    calc,
    cooling,
    cooling_text,
    resized,
    scale,
)
from muster.decide.sizes import sizes as sizes_of
from muster.model.action import Action, Verb
from muster.model.capacity import Refusal
from muster.model.cluster import Cluster
from muster.service.clustering.case import Case
from muster.service.clustering.conflicts import refuse_busy
from muster.service.wish import Wish

_WORDS = {Verb.CLUSTER_SCALE_OUT: "scale-out", Verb.CLUSTER_SCALE_IN: "scale-in"}


def checked_scaling(case: Case, verb: Verb, count: int | None) -> Action:
    """Return the action that scales by a count from a request, which is checked before.

    The cluster's own bounds are not: what they forbid is an action that has failed.
    """
    if count == 0:
        raise Invalid(f"Count for {_WORDS[verb]} request cannot be 0.")
    if count is not None:
        wanted = Sizes(desired=case.cluster.desired + SIGNS[verb] * count)
        limit = case.desk.max_cluster_size
        _refuse(check_size(wanted, sizes_of(case.cluster), strict=False, limit=limit))
    return scaling(case, verb, {} if count is None else {"count": count})


def _refuse(refusal: Refusal | None) -> None:
    if refusal:
        raise Invalid(refusal.reason)


def scaling(case: Case, verb: Verb, inputs: Mapping[str, Any]) -> Action:
    """Return the action that scales out or in: by the count in `inputs`, by policy, or by one.

    Raises `Conflict` while another action or a cooldown stands in the way.
    """
    cluster, attached = case.cluster, case.attached()
    refuse_busy(case.tx, verb, cluster.id)
    cools = cooling(attached, verb, case.now)
    if cools:
        raise Conflict(cooling_text(cluster, verb, cools), type="ActionCooldown")
    ask = Scale(
        verb=verb,
        count=inputs.get("count"),
        now=case.now,
        limit=case.desk.max_cluster_size,
    )
    found = scale(cluster, case.size, attached, ask)
    if isinstance(found, Refusal):
        return case.record(_wish(case, verb, inputs, found.reason))
    timed = (each.binding for each in attached if each.binding.id in found.timed)
    case.tx.bindings.put(*(replace(each, last_op=case.now) for each in timed))
    data = {"creation" if SIGNS[verb] > 0 else "deletion": {"count": found.count}}
    wish = replace(_wish(case, verb, inputs), data=data | _before(cluster))
    return case.record(wish, replace(cluster, desired=found.desired))


def _before(cluster: Cluster) -> dict[str, Any]:
    return {"before": cluster.desired}


def _wish(case: Case, verb: Verb, inputs: Mapping[str, Any], failed: str = "") -> Wish:
    reason = f"{case.who.user} asked for {verb.removeprefix('CLUSTER_').lower()}"
    return Wish(verb=verb, reason=reason.replace("_", " "), inputs=inputs, failed=failed)


def _asked(inputs: Mapping[str, Any]) -> Resize:
    """Return what a resize asks for. Raises `Invalid` for what makes no sense."""
    said = inputs.get("adjustment_type")
    if said is not None and said not in set(Adjustment):
        raise Invalid(f"Value '{said}' is not acceptable for field 'adjustment_type'.")
    return Resize(
        adjustment=None if said is None else Adjustment(said),
        number=_number(inputs, "number"),
        low=_whole(inputs, "min_size"),
        high=_whole(inputs, "max_size"),
        min_step=_whole(inputs, "min_step"),
        strict=inputs.get("strict") is not False,
    )


def _number(inputs: Mapping[str, Any], name: str) -> float | None:
    said = inputs.get(name)
    if said is None:
        return None
    try:
        number = float(said)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"The value for {name} must be a number: '{said}'.", field=name) from None
    if not abs(number) < 2**31:
        raise Invalid(f"The value for {name} is out of range: '{said}'.", field=name)
    return number


def _whole(inputs: Mapping[str, Any], name: str) -> int | None:
    number = _number(inputs, name)
    return None if number is None else int(number)


def checked_resize(case: Case, inputs: Mapping[str, Any]) -> Action:
    """Return the action that resizes as a request asks, whose sizes are checked before."""
    ask, desired = _asked(inputs), None
    if ask.adjustment is not None:
        desired = calc(case.size, ask.adjustment, ask.number or 0, ask.min_step)
    wanted = Sizes(desired=desired, low=ask.low, high=ask.high)
    limit = case.desk.max_cluster_size
    _refuse(check_size(wanted, sizes_of(case.cluster), strict=ask.strict, limit=limit))
    return resizing(case, inputs)


def resizing(case: Case, inputs: Mapping[str, Any]) -> Action:
    """Return the action that resizes. Raises `Conflict` while another action is under way."""
    cluster, verb, ask = case.cluster, Verb.CLUSTER_RESIZE, _asked(inputs)
    refuse_busy(case.tx, verb, cluster.id)
    found = resized(cluster, case.size, ask, case.desk.max_cluster_size)
    if isinstance(found, Refusal):
        return case.record(_wish(case, verb, inputs, found.reason))
    why = infeasible(cluster, found.desired or 0)
    if why:
        return case.record(_wish(case, verb, inputs, why))
    high = None if found.high is None or found.high < 0 else found.high
    after = replace(
        cluster,
        desired=found.desired or 0,
        min_size=found.low or 0,
        max_size=high,
    )
    return case.record(replace(_wish(case, verb, inputs), data=_before(cluster)), after)
