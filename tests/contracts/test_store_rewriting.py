"""Contract: rows that are written again, with and without what they are searched by."""

from dataclasses import replace

import msgspec
import pytest

import builders
from muster.model.action import ActionStatus
from muster.model.node import Node
from muster.ports.store import Query


@pytest.fixture
def store(any_store):
    return any_store


def named(name):
    return Query(where={"name": (name,)})


async def test_a_new_name_is_found_beside_rows_that_keep_theirs(store):
    nodes = [builders.a_node(index) for index in (1, 2, 3)]
    await store.write(lambda tx: tx.nodes.put(*nodes))
    changed = [replace(each, reason="again") for each in nodes]
    changed[1] = replace(changed[1], name="another")
    await store.write(lambda tx: tx.nodes.put(*changed))
    assert await store.read(lambda tx: tx.nodes.find(named("another"))) == [changed[1]]
    assert not await store.read(lambda tx: tx.nodes.find(named(nodes[1].name)))
    assert await store.read(lambda tx: tx.nodes.find(named(nodes[2].name))) == [changed[2]]
    assert await store.read(lambda tx: tx.nodes.count(Query())) == 3


async def test_a_new_row_comes_along_with_one_that_changes(store):
    first, second = builders.a_node(1), builders.a_node(2)
    await store.write(lambda tx: tx.nodes.put(first))
    moved = replace(first, index=7)
    await store.write(lambda tx: tx.nodes.put(moved, second))
    order = Query(sort=(("index", False),))
    assert await store.read(lambda tx: tx.nodes.find(order)) == [second, moved]


async def test_a_status_that_changed_is_searched_by_as_it_is_now(store):
    wish = builders.a_wish()
    await store.write(lambda tx: tx.actions.put(wish))
    running = wish.turned(ActionStatus.RUNNING, builders.NOW)
    await store.write(lambda tx: tx.actions.put(running))
    mine = {"cluster_id": (wish.cluster_id,)}
    for status, found in (("READY", []), ("RUNNING", [running])):
        query = Query(where={**mine, "status": (status,)})
        assert await store.read(lambda tx, query=query: tx.actions.find(query)) == found


def test_a_row_that_says_what_is_as_by_default_reads_the_same():
    node = builders.a_node(1)
    short = msgspec.json.encode(node)
    whole = {**msgspec.to_builtins(node), "parked": "", "leaving": None, "tainted": False}
    assert b"parked" not in short
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Node) == node
