"""Servers that fill no place: reported, waited for, taken away one at a time."""

from dataclasses import replace
from datetime import timedelta

from builders import LONG_AGO, NOW, a_cluster, a_node, a_server, a_server_of, a_snapshot
from decide.planned import kinds, steps
from muster.decide.converge import plan
from muster.model.step import DeleteServer


def test_a_former_server_of_a_living_place_goes_at_once():
    node = a_node(1, incarnation=2, ref="s1b")
    old = a_server(1, ref="s1")

    (delete,) = plan(a_snapshot(a_cluster(), node, servers=[a_server_of(node), old])).steps

    assert (delete.ref, delete.server_id) == ("s1", old.server_id)


def test_a_stray_is_reported_and_goes_after_its_grace():
    young = a_server(9, created=NOW - timedelta(seconds=20))
    decided = plan(a_snapshot(a_cluster(), a_node(1), servers=[a_server(1), young]))
    assert not decided.steps
    assert kinds(decided) == ["server.stray"]
    assert decided.look_at == NOW + timedelta(seconds=40)

    old = replace(young, created=LONG_AGO)
    decided = plan(a_snapshot(a_cluster(), a_node(1), servers=[a_server(1), old]))
    assert [s.ref for s in steps(decided, DeleteServer)] == ["s9"]
    assert kinds(decided) == ["server.stray_removed"]


def test_a_stray_is_told_of_under_one_id_however_often_it_is_seen():
    young = a_server(9, created=NOW - timedelta(seconds=20))
    snapshot = a_snapshot(a_cluster(), a_node(1), servers=[a_server(1), young])
    later = replace(snapshot, now=NOW + timedelta(seconds=5))

    assert plan(snapshot).events[0].id == plan(later).events[0].id


def test_a_server_that_is_slow_to_go_is_not_asked_again_at_once():
    web = a_cluster(cleared_at=NOW - timedelta(seconds=1))
    node = a_node(1, incarnation=2, ref="s1b")
    old = a_server(1, ref="s1")

    assert not plan(a_snapshot(web, node, servers=[a_server_of(node), old])).steps


def test_another_does_not_wait_for_one_that_is_slow_to_go():
    node = a_node(1, incarnation=3, ref="s1c")
    slow, next_one = a_server(1, ref="s1"), a_server_of(replace(node, incarnation=2, ref="s1b"))
    just = {"cleared_at": NOW - timedelta(seconds=1), "clearing": (slow.server_id,)}
    decided = plan(a_snapshot(a_cluster(**just), node, servers=[a_server_of(node), slow, next_one]))

    assert [each.ref for each in decided.steps] == ["s1b"]
    assert set(decided.cluster.clearing) == {slow.server_id, next_one.server_id}
