"""The pool and the name of a cluster, as they are against as they should be."""

from dataclasses import replace

from builders import (
    OLD,
    WEB,
    a_cluster,
    a_member_of,
    a_node,
    a_pool,
    a_profile,
    a_service,
    a_snapshot,
    a_spec,
    in_service,
)
from decide.planned import three
from muster.decide.converge import plan
from muster.model.cloud import Ability
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus
from muster.model.observed import Record
from muster.model.pool import Condition
from muster.model.step import DropRecord, PutPool, PutRecord, RemovePool


def test_while_the_port_changes_each_member_is_met_where_it_listens():
    """The front is on the new port at once; instances come to it when their turn comes."""
    web = a_cluster(desired=2, service=a_service(port=9090))
    old, new = a_node(1, port=8080), a_node(2, port=9090)
    snapshot = in_service(web, old, new)

    [pool] = [s.pool for s in plan(snapshot).steps if isinstance(s, PutPool)]

    assert pool.front.port == 9090
    assert {m.node_id: m.port for m in pool.members} == {old.id: 8080, new.id: 9090}


def test_a_new_node_listens_where_its_revision_says():
    web = a_cluster(desired=1, service=a_service(port=9090))
    profiles = {OLD: a_profile(OLD, server=a_spec(port=9191))}
    opened = plan(replace(a_snapshot(web), profiles=profiles)).put

    assert [node.port for node in opened] == [9191]


def test_a_pool_that_is_as_it_should_be_is_not_put_again():
    web = three(desired=1, service=a_service())
    assert not plan(in_service(web, a_node(1))).steps


def test_a_pool_that_is_owed_something_is_put_though_it_is_as_it_should_be():
    snapshot = in_service(three(desired=1, service=a_service()), a_node(1))
    owed = replace(snapshot, pool=replace(snapshot.pool, owed="Incus is told"))
    (put,) = plan(owed).steps
    assert (type(put), put.why) == (PutPool, "Incus is told")


def test_a_changed_front_is_put():
    web = three(desired=1, service=a_service())
    snapshot = in_service(web, a_node(1))
    moved = replace(web, service=replace(web.service, method="round_robin"))

    (put,) = plan(replace(snapshot, cluster=moved)).steps
    assert put.pool.front.method == "round_robin"


def test_a_member_that_the_balancer_calls_bad_is_not_ready_but_left_alone():
    web = three(desired=1, service=a_service())
    node = a_node(1)
    pool = a_pool(web, a_member_of(node, condition=Condition.BAD))
    decided = plan(replace(in_service(web, node), pool=pool))

    assert not decided.steps
    assert decided.put[0].status is NodeStatus.WARNING
    assert decided.put[0].health.balancer is Condition.BAD


def test_a_cluster_without_service_loses_a_pool_it_still_has():
    web = a_cluster()
    pool = a_pool(a_cluster(service=a_service()))

    assert plan(a_snapshot(web, a_node(1), pool=pool)).steps == (
        RemovePool(cluster_id=WEB, why="nothing is served any more"),
    )


def named(**but):
    web = a_cluster(service=a_service(dns_name="web.example.org"))
    return replace(in_service(web, a_node(1)), **but)


def test_the_name_is_published_once_there_is_an_address():
    (put,) = plan(named()).steps
    assert (put.name, put.address) == ("web.example.org", "10.0.0.1")
    assert isinstance(put, PutRecord)


def test_a_name_of_somebody_else_is_not_taken():
    theirs = Record(name="web.example.org", address="1.2.3.4", owner=OLD)
    decided = plan(named(record=theirs))

    assert not decided.steps
    assert decided.cluster.status is ClusterStatus.WARNING
    assert "held by somebody else" in decided.cluster.reason


def test_a_cloud_without_names_is_not_asked_for_one():
    snapshot = named()
    cloud = replace(snapshot.cloud, cannot={Ability.DNS: "it has none"})

    assert not plan(replace(snapshot, cloud=cloud)).steps


def test_the_name_is_withdrawn_with_the_pool():
    ours = Record(name="web.example.org", address="10.0.0.1", owner=WEB)
    snapshot = named(record=ours)
    leaving = replace(snapshot, cluster=replace(snapshot.cluster, leaving=True))

    assert {type(s) for s in plan(leaving).steps} == {RemovePool, DropRecord}
