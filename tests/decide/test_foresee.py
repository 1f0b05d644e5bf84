"""A wish's consequences, told beforehand."""

from dataclasses import replace

from builders import a_cluster, a_new_cluster, a_node, a_rollout, a_service, a_snapshot, in_service
from muster.decide.foresee import foresee
from muster.model.capacity import Amount
from muster.model.rollout import Strategy


def three(**but):
    web = a_cluster(**{"desired": 3, "next_index": 4, "service": a_service()} | but)
    return in_service(a_cluster(service=a_service()), *map(a_node, (1, 2, 3))), web


def foreseen(**but):
    snapshot, web = three(**but)
    return foresee(replace(snapshot, cluster=web))


def test_a_creation_is_told_in_order_and_loses_nothing():
    seen = foresee(a_snapshot(a_new_cluster(desired=2, service=a_service(address=""))))

    assert seen.steps[:2] == (
        "create an instance for web-001 from demo-web: the place is empty",
        "create an instance for web-002 from demo-web: the place is empty",
    )
    assert (seen.creates, seen.deletes, seen.loses) == (2, 0, ())
    assert seen.reversible
    assert seen.complete


def test_what_stays_as_it_is_has_no_steps():
    assert foreseen().steps == ()


def test_a_deletion_names_everything_that_goes():
    seen = foreseen(leaving=True)

    assert not seen.reversible
    assert seen.deletes == 3
    assert "instance web-001 (s1) and what is on its disk" in seen.loses
    assert "the load balancer at 10.0.0.1:8080" in seen.loses
    assert seen.steps[0].startswith("remove the load balancer's pool")


def test_an_update_without_unavailability_disrupts_nobody():
    seen = foreseen(rollout=a_rollout())

    assert (seen.creates, seen.deletes, seen.disruption) == (3, 3, 0)


def test_an_update_that_may_take_one_away_says_so():
    lean = Strategy(max_surge=Amount(0), max_unavailable=Amount(1))

    assert foreseen(rollout=a_rollout(strategy=lean)).disruption == 1


def test_a_canary_that_waits_for_somebody_ends_the_story():
    seen = foreseen(rollout=a_rollout(strategy=Strategy(canary=Amount(1))))

    assert seen.steps[-1] == "then wait for somebody to resume: the canary is watched"
    assert seen.creates == 1


def test_many_alike_are_counted():
    seen = foresee(a_snapshot(a_new_cluster(desired=500)))

    assert seen.steps == ("create 500 instances: the place is empty",)


def test_the_same_question_has_the_same_answer():
    assert foreseen(rollout=a_rollout()) == foreseen(rollout=a_rollout())
