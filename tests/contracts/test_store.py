"""What every store promises about values, queries and transactions."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from builders import (
    LONG_AGO,
    NOW,
    WEB,
    a_cluster,
    a_flavor,
    a_node,
    a_probe_of,
    a_profile,
    a_rollout,
    a_service,
    a_spec,
    a_wish,
)
from bulks import a_bulk
from machines import a_machine, a_machine_template, a_machine_token, a_server_cluster
from muster.model.action import ActionStatus
from muster.model.catalog import Keypair
from muster.model.cluster import ClusterStatus, Storm
from muster.model.desired import Desired
from muster.model.host_number import HostNumber
from muster.model.inventory import Kind, Record, Stocktake
from muster.model.machine import Facts
from muster.model.reservation import Reservation
from muster.model.scaling import (
    Cut,
    Decision,
    DecisionRecord,
    Metric,
    Scaling,
    Schedule,
    Thresholds,
    Verdict,
)
from muster.model.vcluster import Grouping, Member, VCluster, VClusterStatus, VolumeSpec
from muster.model.warning import Kind as Sort
from muster.model.warning import Warning
from muster.ports.store import Query, Token

SECOND = timedelta(seconds=1)


def a_decision(**but):
    plain = {
        "id": UUID(int=401),
        "cluster_id": WEB,
        "project": "demo",
        "at": NOW,
        "last_at": NOW,
        "decision": Decision(
            verdict=Verdict.OUT,
            before=2,
            wanted=5,
            after=4,
            reason="cpu is high",
            inputs={"cpu": 0.9, "requests": None},
            cuts=(Cut(limiter="rate", before=5, after=4, why="at most two at once"),),
        ),
    }
    return DecisionRecord(**plain | but)


def a_token(**but):
    plain = {
        "id": UUID(int=501),
        "project": "demo",
        "user": "ann",
        "roles": ("member", "reader"),
        "digest": "abc",
        "created_at": NOW,
        "expires_at": None,
    }
    return Token(**plain | but)


def a_vcluster(**but):
    plain = {
        "id": UUID(int=701),
        "project": "demo",
        "user": "ann",
        "name": "data",
        "cloud": "sim",
        "members": (
            Member(id=UUID(int=702), name="db", server=a_spec(metadata={"a": "b"}), host="h1"),
            Member(
                id=UUID(int=703),
                name="vol",
                volume=VolumeSpec(size_gib=10, pool="ssd", attach_to="db"),
                host="h1",
                host_zone="z1",
            ),
        ),
        "groupings": (Grouping(name="g", members=("db", "vol"), word="affinity"),),
        "shunned": ("h2",),
        "init_at": NOW,
    }
    return VCluster(**plain | but)


def a_reservation(**but):
    plain = {
        "id": UUID(int=703),
        "project": "demo",
        "cloud": "sim",
        "owner": UUID(int=701),
        "host": "h1",
        "vcpus": 2,
        "ram_mib": 512,
        "disk_gib": {"": 2, "ssd": 10},
        "created_at": NOW,
    }
    return Reservation(**plain | but)


EVERYTHING = a_cluster(
    service=a_service(certificate="PEM", dns_name="web.example.org"),
    scaling=Scaling(
        thresholds=(Thresholds(metric=Metric.CPU, high=0.7, low=0.2),),
        schedules=(Schedule(cron="0 8 * * *", zone="Europe/Berlin", low=3),),
    ),
    rollout=a_rollout(),
    revisions=(UUID(int=1), UUID(int=2)),
    storm=Storm(since=NOW, retry_at=NOW + SECOND, reason="half of it is sick"),
    metadata={"deep": {"list": [1, 2.5, None, "ü\0"]}},
    boot_s=1.25,
)
VALUES = {
    "clusters": EVERYTHING,
    "nodes": a_node(1, metadata={"a": "b"}),
    "profiles": a_profile(spec={"type": "os.nova.server"}),
    "actions": a_wish(inputs={"count": 3}, outputs={}, parent=UUID(int=7)),
    "probes": a_probe_of(a_node(1)),
    "decisions": a_decision(),
    "flavors": a_flavor(),
    "keypairs": Keypair(
        id=UUID(int=601),
        project="demo",
        user="ann",
        name="mine",
        public_key="ssh-ed25519 AAAA",
        fingerprint="SHA256:x",
        created_at=NOW,
    ),
    "tokens": a_token(),
    "vclusters": a_vcluster(),
    "reservations": a_reservation(),
    "machines": a_machine(
        facts=Facts(
            network={"state": {"interfaces": {"mgmt": {"addresses": ["10.0.0.1"]}}}},
            applications=({"name": "incus", "version": "6.0"},),
        ),
        properties={"rack": "7"},
        token_id=UUID(int=802),
        turned_at=NOW,
    ),
    "machine_tokens": a_machine_token(),
    "machine_templates": a_machine_template(),
    "server_clusters": a_server_cluster(),
    "host_numbers": HostNumber(domain="", number=7, machine_id=UUID(int=801)),
    "bulks": a_bulk("m1", "m2"),
    "warnings": Warning(
        scope="server/m1",
        kind=Sort.UNREACHABLE,
        entity_type="server",
        entity="m1",
        messages=("no answer",),
        first_at=LONG_AGO,
        last_at=NOW,
        updated_at=NOW,
    ),
    "inventory": Record(kind=Kind.INSTANCES, cluster="c1", name="web", updated_at=NOW),
    "stocktakes": Stocktake(cluster="c1", read_at=NOW),
    "desired": Desired(id=UUID(int=870), config={"services": {"nvme": {"enabled": True}}}),
}


def key(value):
    return getattr(value, "id", None) or value.node_id


@pytest.fixture
def store(any_store):
    return any_store


@pytest.mark.parametrize("noun", VALUES)
async def test_a_value_comes_back_as_it_was_put(store, noun):
    value = VALUES[noun]
    await store.write(lambda tx: getattr(tx, noun).put(value))
    assert await store.read(lambda tx: getattr(tx, noun).get(key(value))) == value
    assert await store.read(lambda tx: getattr(tx, noun).find(Query())) == [value]
    assert await store.read(lambda tx: getattr(tx, noun).count(Query())) == 1


async def test_what_is_named_with_a_nul_is_found_by_its_name(store):
    odd = a_cluster(name="web\0")
    named = Query(where={"name": (odd.name,)})
    await store.write(lambda tx: tx.clusters.put(odd))
    assert await store.read(lambda tx: tx.clusters.find(named)) == [odd]


@pytest.mark.parametrize("noun", VALUES)
async def test_what_is_dropped_is_gone_and_dropping_it_twice_is_no_error(store, noun):
    value = VALUES[noun]
    await store.write(lambda tx: getattr(tx, noun).put(value))
    for _ in range(2):
        await store.write(lambda tx: getattr(tx, noun).drop(key(value)))
    assert await store.read(lambda tx: getattr(tx, noun).get(key(value))) is None


async def test_putting_again_replaces_and_of_twins_the_last_one_counts(store):
    first, second = a_node(1), a_node(1, reason="again")
    await store.write(lambda tx: tx.nodes.put(first, first))
    await store.write(lambda tx: tx.nodes.put(first, second))
    assert await store.read(lambda tx: tx.nodes.find(Query())) == [second]


async def test_putting_nothing_is_nothing(store):
    def work(tx):
        tx.nodes.put()
        tx.nodes.drop()
        tx.events.append()
        tx.marks.mark()

    await store.write(work)


async def test_values_change_status_without_leaving_their_old_row_findable(store):
    wish = a_wish()
    await store.write(lambda tx: tx.actions.put(wish))
    done = wish.turned(ActionStatus.SUCCEEDED, NOW)
    await store.write(lambda tx: tx.actions.put(done))
    ready = Query(where={"status": (ActionStatus.READY,)})
    ended = Query(where={"status": (ActionStatus.SUCCEEDED,), "action": (wish.verb,)})
    assert await store.read(lambda tx: tx.actions.find(ready)) == []
    assert await store.read(lambda tx: tx.actions.find(ended)) == [done]


async def test_settings_and_leases(store):
    later = NOW + SECOND

    async def take(owner, now):
        return await store.write(lambda tx: tx.leases.take("tick", owner, now, now + SECOND))

    assert await take("me", NOW)
    assert await take("me", NOW)  # ours already
    assert not await take("you", NOW)
    assert await take("you", later)  # over
    assert not await take("me", later)
    await store.write(lambda tx: tx.leases.give_up("you"))
    assert await take("me", later)

    await store.write(lambda tx: tx.settings.put("installation", "1"))
    await store.write(lambda tx: tx.settings.put("installation", "2"))
    assert await store.read(lambda tx: tx.settings.get("installation")) == "2"
    assert await store.read(lambda tx: tx.settings.get("colour")) is None


async def test_one_of_many_gets_a_lease(store):
    takes = (
        store.write(lambda tx, me=f"engine {i}": tx.leases.take("tick", me, NOW, NOW + SECOND))
        for i in range(12)
    )
    assert sorted(await asyncio.gather(*takes)) == [False] * 11 + [True]


async def test_statuses_of_clusters_are_searched_as_words(store):
    await store.write(lambda tx: tx.clusters.put(a_cluster(status=ClusterStatus.WARNING)))
    query = Query(where={"status": ("WARNING",)})
    assert await store.read(lambda tx: tx.clusters.count(query)) == 1


async def test_claims_are_found_by_their_cloud_and_by_whose_they_are(store):
    claims = [
        a_reservation(id=UUID(int=number), cloud=cloud, owner=UUID(int=owner))
        for number, (cloud, owner) in enumerate([("sim", 1), ("sim", 2), ("site", 2)])
    ]
    await store.write(lambda tx: tx.reservations.put(*claims))

    async def found(**where):
        listed = await store.read(lambda tx: tx.reservations.find(Query(where=where)))
        return [claims.index(each) for each in listed]

    assert await found(cloud=("sim",)) == [0, 1]
    assert await found(owner=(UUID(int=2),)) == [1, 2]
    assert await found(owner=(UUID(int=2),), cloud=("site",)) == [2]
    await store.write(lambda tx: tx.reservations.drop(claims[0].id, claims[2].id))
    assert await found() == [1]


async def test_virtual_clusters_are_found_by_name_project_and_status(store):
    mine = a_vcluster()
    theirs = a_vcluster(id=UUID(int=711), project="other", status=VClusterStatus.ACTIVE)
    await store.write(lambda tx: tx.vclusters.put(mine, theirs))

    async def found(project=None, **where):
        query = Query(project=project, where=where)
        return await store.read(lambda tx: tx.vclusters.find(query))

    assert await found(project="demo", name=("data",)) == [mine]
    assert await found(name=("data",)) == [mine, theirs]
    assert await found(status=(VClusterStatus.ACTIVE,)) == [theirs]
