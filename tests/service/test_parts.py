"""What becomes of an ask: rules, sizes, statuses, plans' hashes."""

from dataclasses import replace
from itertools import product

import pytest

import builders
from muster.api.states import CAN, stack_status
from muster.base.errors import Conflict, Invalid
from muster.model.cluster import ClusterStatus
from muster.model.rollout import RolloutState
from muster.model.scaling import Metric, Scaling, Target, Thresholds
from muster.service import changes, parts
from muster.service.ask import Ask, Fault, refuse
from muster.service.intent import Foretold
from muster.service.keypairs import KINDS, fingerprint

BOTH = Scaling(
    thresholds=(Thresholds(high=0.7, low=0.2),), targets=(Target(metric=Metric.REQUESTS, value=9),)
)


def ask(**said: object) -> Ask:
    return Ask(given=frozenset(said), **said)  # type: ignore[arg-type]


def test_a_change_of_one_rule_keeps_the_others() -> None:
    made, faults = parts.scaling(ask(scale_out_threshold=0.9), BOTH)
    assert faults == ()
    assert made is not None
    assert made.thresholds == (Thresholds(high=0.9, low=0.2),)
    assert made.targets == BOTH.targets


def test_rules_taken_back_leave_none() -> None:
    back = ask(scale_out_threshold=None, scale_in_threshold=None, target=None, metric=None)
    assert parts.scaling(back, BOTH) == (None, ())


def test_nothing_said_about_rules_leaves_them_alone() -> None:
    assert parts.scaling(ask(port=80), BOTH) == (BOTH, ())


def test_a_mode_alone_is_kept_for_rules_to_come() -> None:
    made, _ = parts.scaling(ask(scaling_mode=BOTH.mode), None)
    assert made == Scaling()


def test_crossed_thresholds_are_a_fault_even_when_only_one_was_changed() -> None:
    _, faults = parts.scaling(ask(scale_out_threshold=0.1), BOTH)
    assert [each.field for each in faults] == ["scale_in_threshold"]


def test_refusing_tells_every_fault() -> None:
    with pytest.raises(Invalid) as caught:
        refuse([Fault("a", "is wrong"), Fault("b", "too")])
    assert caught.value.details["field"] == "a"
    assert caught.value.details["errors"] == (Fault("a", "is wrong"), Fault("b", "too"))


def test_a_plan_with_another_step_loss_or_basis_has_another_hash() -> None:
    plan = Foretold(steps=("a", "b"))
    others = (
        Foretold(steps=("b", "a")),
        Foretold(steps=("a",)),
        Foretold(steps=("a", "b"), loses=("c",)),
        Foretold(steps=("a", "b"), reversible=False),
        Foretold(steps=("a", "b"), stamp="later"),
    )
    assert len({each.hash for each in (plan, *others)}) == 6
    assert plan.hash == Foretold(steps=("a", "b")).hash


@pytest.mark.parametrize(
    ("status", "leaving", "rollout"),
    list(product(ClusterStatus, (True, False), (None, *RolloutState))),
)
def test_every_condition_has_a_stack_status(
    status: ClusterStatus, leaving: bool, rollout: RolloutState | None
) -> None:
    update = replace(builders.a_rollout(), state=rollout) if rollout else None
    cluster = builders.a_cluster(status=status, leaving=leaving, rollout=update)
    verb, _, end = stack_status(cluster).partition("_")
    assert verb in {"CREATE", "UPDATE", "DELETE", "ROLLBACK", "CHECK"}
    assert end in {"IN_PROGRESS", "COMPLETE", "FAILED"}
    assert leaving is (verb == "DELETE") or status is ClusterStatus.DELETING


@pytest.mark.parametrize("state", RolloutState)
def test_what_can_be_done_with_an_update_is_what_is_accepted(state: RolloutState) -> None:
    rollout = replace(builders.a_rollout(), state=state)
    cluster = builders.a_cluster(rollout=rollout, revisions=(builders.OLD,))
    for verb, (turn, _, _) in changes.TURNS.items():
        if verb in CAN[state]:
            assert turn(cluster, builders.NOW, "why").rollout is not None
        elif (verb, state) != ("rollback", RolloutState.ROLLED_BACK):  # a new update, if one likes
            with pytest.raises(Conflict):
                turn(cluster, builders.NOW, "why")


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_says_one_kind_and_is_another_is_refused(kind: str) -> None:
    blob = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"
    if kind == "ssh-ed25519":
        assert fingerprint(f"{kind} {blob}").startswith("SHA256:")
    else:
        with pytest.raises(Invalid):
            fingerprint(f"{kind} {blob}")
