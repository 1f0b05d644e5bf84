"""Whatever the order: turning pages shows every row once, in that order."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import NOW, a_cluster
from muster.model.cluster import ClusterStatus
from muster.ports.store import Query
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from patience import examples

MOMENTS = st.one_of(st.none(), st.integers(0, 3).map(lambda s: NOW + timedelta(seconds=s)))
CLUSTERS = st.builds(
    a_cluster,
    name=st.sampled_from(["a", "B", "b"]),
    status=st.sampled_from([ClusterStatus.ACTIVE, ClusterStatus.ERROR]),
    created_at=MOMENTS,
    updated_at=MOMENTS,
    project=st.sampled_from(["demo", "other"]),
)
KEYS = st.sampled_from(["name", "status", "created_at", "updated_at", "project"])
SORTS = st.lists(st.tuples(KEYS, st.booleans()), max_size=3, unique_by=lambda key: key[0])


def ordered(clusters, sort):
    """Sort as a person would: by the last key first, nulls before everything."""
    found = sorted(clusters, key=lambda each: each.id)
    for name, down in reversed(sort):
        found.sort(key=lambda each: _known(getattr(each, name)), reverse=down)
    return found


def _known(value):
    return (value is not None, value if value is not None else 0)


def numbered(clusters):
    """Give every cluster an id of its own, in no order that matters."""
    return [
        a_cluster(**{name: getattr(each, name) for name in each.__slots__} | {"id": UUID(int=id)})
        for id, each in enumerate(clusters, 1)
    ]


@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    clusters=st.lists(CLUSTERS, max_size=12).map(numbered),
    sort=SORTS,
    limit=st.integers(1, 5),
    project=st.sampled_from([None, "demo"]),
)
@pytest.mark.parametrize(
    "store_url",
    ["sqlite-memory", pytest.param("postgresql", marks=pytest.mark.postgresql)],
    indirect=True,
)
async def test_pages_show_every_row_once_and_in_order(store_url, clusters, sort, limit, project):
    store = await connect(store_url, LocalSignal())
    try:
        await store.write(lambda tx: tx.clusters.drop(*(c.id for c in tx.clusters.find(Query()))))
        await store.write(lambda tx: tx.clusters.put(*clusters))
        shown, marker = [], None
        while True:
            query = Query(sort=tuple(sort), limit=limit, marker=marker, project=project)
            page = await store.read(lambda tx, query=query: tx.clusters.find(query))
            shown += page
            if len(page) < limit:
                break
            marker = page[-1].id
        mine = [each for each in clusters if project in (None, each.project)]
        assert shown == ordered(mine, sort)
    finally:
        await store.close()
