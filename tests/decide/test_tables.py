"""The tables that fates are looked up in, and the arithmetic at the door."""

from datetime import timedelta
from itertools import product

import pytest

from builders import NOW, a_cluster, a_node, a_server, a_snapshot
from muster.decide.admit import NO_LIMIT, Sizes, check_size
from muster.decide.capacity import resized
from muster.decide.destiny import DESTINY, FITNESS, Fitness, Stage, Want
from muster.decide.explain import sentence
from muster.decide.limits import next_look
from muster.decide.losses import VERDICT, Host, Verdict, Voice
from muster.decide.verdict import SERVED
from muster.decide.victims import _RANK
from muster.model.capacity import Bounds, By, ByPercent, Exactly, Refusal
from muster.model.observed import Seen
from muster.model.plan import Plan
from muster.model.step import DeleteServer, DropRecord, PutRecord, RemovePool


@pytest.mark.parametrize("pair", list(product(Want, Fitness)))
def test_every_pair_has_a_destiny(pair):
    """A state nobody thought of is a failing test, not a KeyError at night."""
    assert pair in DESTINY


def test_the_tables_by_fitness_are_total():
    assert set(FITNESS) == set(product(Stage, Seen))
    assert set(SERVED) == set(Fitness)
    assert set(_RANK) == set(Fitness)
    assert set(VERDICT) == set(product(Host, Voice))


@pytest.mark.parametrize(("host", "voice"), list(product(Host, Voice)))
def test_only_what_is_dead_and_not_heard_is_replaced(host, voice):
    replaced = VERDICT[host, voice] is not Verdict.WAIT
    assert replaced == (host is Host.DEAD and voice is not Voice.ANSWERS)


@pytest.mark.parametrize(
    ("current", "change", "result"),
    [
        (3, Exactly(5), 5),
        (3, By(-2), 1),
        (3, ByPercent(10), 4),
        (3, ByPercent(-10), 2),
        (10, ByPercent(25), 12),
        (10, ByPercent(25, min_step=4), 14),
        (10, ByPercent(-25, min_step=4), 6),
        (3, ByPercent(0), 3),
    ],
)
def test_a_change_leads_somewhere(current, change, result):
    assert resized(current, change, Bounds()) == result


def test_out_of_bounds_is_refused_with_the_bound():
    assert resized(3, By(9), Bounds(high=5)) == Refusal("12 is above the maximum of 5")
    assert resized(3, By(-3), Bounds(low=1)) == Refusal("0 is below the minimum of 1")


PRESENT = Sizes(desired=4, low=2, high=6)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (
            Sizes(desired=1001),
            "The target capacity (1001) is greater than the maximum number of nodes "
            "allowed per cluster (1000).",
        ),
        (
            Sizes(desired=2, low=3),
            "The target capacity (2) is less than the specified min_size (3).",
        ),
        (Sizes(desired=1), "The target capacity (1) is less than the cluster's min_size (2)."),
        (
            Sizes(desired=9, high=8),
            "The target capacity (9) is greater than the specified max_size (8).",
        ),
        (Sizes(desired=7), "The target capacity (7) is greater than the cluster's max_size (6)."),
        (
            Sizes(low=5, high=4),
            "The specified min_size (5) is greater than the specified max_size (4).",
        ),
        (
            Sizes(low=7),
            "The specified min_size (7) is greater than the current max_size (6) of the cluster.",
        ),
        (
            Sizes(low=5),
            "The specified min_size (5) is greater than the current desired_capacity (4) "
            "of the cluster.",
        ),
        (
            Sizes(high=1001),
            "The specified max_size (1001) is greater than the maximum number of nodes "
            "allowed per cluster (1000).",
        ),
        (
            Sizes(high=1),
            "The specified max_size (1) is less than the current min_size (2) of the cluster.",
        ),
        (
            Sizes(high=3),
            "The specified max_size (3) is less than the current desired_capacity (4) "
            "of the cluster.",
        ),
    ],
)
def test_a_size_that_may_not_be_is_refused_in_the_words_clients_know(wanted, text):
    assert check_size(wanted, PRESENT) == Refusal(text)


@pytest.mark.parametrize(
    "wanted",
    [Sizes(), Sizes(desired=5), Sizes(low=3), Sizes(high=NO_LIMIT), Sizes(desired=9, high=-1)],
)
def test_a_size_within_bounds_is_admitted(wanted):
    assert check_size(wanted, PRESENT) is None


def test_without_strict_only_the_bounds_named_now_bind():
    assert check_size(Sizes(desired=9), PRESENT, strict=False) is None
    assert check_size(Sizes(low=5), PRESENT, strict=False) is None
    assert check_size(Sizes(desired=9, high=8), PRESENT, strict=False)
    assert check_size(Sizes(low=7), PRESENT, strict=False)


def test_a_new_cluster_is_bound_by_nothing_but_itself():
    assert check_size(Sizes(desired=3, low=1, high=5), None) is None
    assert check_size(Sizes(desired=6, low=1, high=5), None)


def test_looks_are_frequent_at_first_and_rarer_later():
    waits = [(next_look(began, NOW) - NOW).total_seconds() for began in _moments(0, 9, 50, 900)]
    assert waits == [0.2, 0.2, 1.0, 2.0]


def _moments(*ages):
    return [NOW - timedelta(seconds=age) for age in ages]


def test_every_step_has_a_sentence():
    web = a_cluster().id
    assert "delete the instance of web-001" in sentence(
        DeleteServer(node_id=web, server_id=web, ref="s1", why="gone"), "web-001"
    )
    assert "withdraw the name web.org" in sentence(DropRecord(name="web.org", why="x"), "web")
    assert "publish web.org as 10.0.0.1" in sentence(
        PutRecord(name="web.org", address="10.0.0.1", why="x"), "web"
    )
    assert "pool of web" in sentence(RemovePool(cluster_id=web, why="x"), "web")


def test_a_plan_with_nothing_in_it_is_settled():
    assert Plan(cluster=a_cluster()).settled
    assert not Plan(cluster=a_cluster(), waits=("for Godot",)).settled


def test_the_builders_agree_with_each_other():
    snapshot = a_snapshot(a_cluster(), a_node(1))
    assert snapshot.servers == {a_server(1).server_id: a_server(1)}
