"""Machines with a real agent and a real Incus each become clusters, and come out of them."""

from collections.abc import Iterator
from time import monotonic

import pytest

from house import until
from incus_service import WEB, whereabouts
from metal_clusters import APPLICATION, TEMPLATE, VALUES, holds, new
from metal_journal import Journal
from metal_sites import JOB_S, READY_S, Site, metal_site, obeying
from muster.cli.container_image import Recipe, build
from testbed.incus import machine, rest
from testbed.incus.bed import give_image
from testbed.incus.place import lacking
from traffic import Load

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

ALL = ("m1", "m2", "m3")
FIRST_S, EACH_S = 15.0, 3.0  # promised: for the first server, and for each that joins


@pytest.fixture(scope="module")
def it(tmp_path_factory) -> Iterator[Site]:
    if why := lacking():
        pytest.skip(why)
    with metal_site(3, tmp_path_factory.mktemp("metal") / "home") as made:
        made.register(*ALL)
        yield made


def test_servers_become_a_cluster_and_are_new_when_it_has_gone(it):
    for count in (1, 3):
        names = ALL[:count]
        began = monotonic()
        it.create("c1", *names, application_seed_config=APPLICATION)
        job = it.job("c1")
        took = monotonic() - began
        assert job["status"] == "done", job
        holds(it, *names)
        promised = FIRST_S + EACH_S * (count - 1)
        print(f"cluster of {count}: {took:.1f} s (promised: {promised:.0f} s)")
        began = monotonic()
        it.dissolve("c1")
        new(it, *names)
        print(f"its servers are new again after {monotonic() - began:.1f} s")


def test_a_template_is_followed_whenever_muster_dies_and_members_come_and_go(it):
    it.ask("POST", "/cluster-templates", TEMPLATE)
    values = {"cluster_template": "rack", "cluster_template_variable_values": VALUES}
    it.create("c1", "m1", "m2", **values)
    for step, of in (
        ("begin the cluster", "m1"),
        ("join the cluster", "m2"),
        ("make an object of Incus", "m1"),
    ):
        it.restart_during("c1", step, of)
    job = it.job("c1")
    assert job["status"] == "done", job
    holds(it, "m1", "m2")
    assert ceph(it, "m1", "m2") == {VALUES["FSID"]}

    began = monotonic()
    it.ask("POST", "/clusters/c1/:add-servers", {"server_names": ["m3"]})
    assert it.job("c1")["status"] == "done"
    print(f"a third server: {monotonic() - began:.1f} s (promised: {EACH_S:g} s)")
    print(Journal(it.office.home / "muster.db").told("c1"))
    holds(it, *ALL)
    assert ceph(it, "m3") == {VALUES["FSID"]}

    leaves(it, "m1")
    comes_back_once_lost(it, "m3", of="m2")
    it.dissolve("c1", meanwhile=it.restart)
    new(it, "m2")


def ceph(it: Site, *names: str) -> set[str]:
    """Return of which clusters of Ceph these machines are clients, as their files have it."""
    texts = (it.file(name, "/etc/ceph/ceph.conf") for name in names)
    return {
        line.removeprefix("fsid = ")
        for text in texts
        for line in text.split("\n")
        if "fsid" in line
    }


def test_who_has_joined_and_was_given_something_stays_when_the_rest_is_undone(it):
    it.create("c1", "m1", application_seed_config=APPLICATION)
    assert it.job("c1")["status"] == "done"
    it.ask("POST", "/clusters/c1/:add-servers", {"server_names": ["m2", "m3"]})
    it.during("c1", "join the cluster", "m3")
    machine.crash(it.place, "m3")
    pool = it.incus("m2", "/1.0/storage-pools")[0]
    rest.call(it.place.socket("m2"), "POST", f"{pool}/volumes/custom?target=m2", {"name": "data"})
    it.roll_back("c1")
    machine.power(it.place, "m3")
    job = it.job("c1")
    assert job["status"] == "turned back", job
    assert "m2 stays a member: it has volumes: data" in job["reason"]
    it.ready(*ALL, within_s=JOB_S)
    holds(it, "m1", "m2")
    new(it, "m3")
    it.dissolve("c1")


def test_a_machine_that_dies_while_it_joins_is_as_good_as_new_and_one_whose_agent_dies_joins(it):
    it.create("c2", *ALL, application_seed_config=APPLICATION)
    it.during("c2", "join the cluster", "m2")
    machine.crash(it.place, "m2")
    it.roll_back("c2")
    machine.power(it.place, "m2")
    job = it.job("c2")
    assert job["status"] == "turned back", job
    assert it.cluster("c2")["status"] == "failed"
    it.ready(*ALL, within_s=JOB_S)
    new(it, *ALL)

    it.ask("DELETE", "/clusters/c2")
    it.create("c1", *ALL, application_seed_config=APPLICATION)
    for step, of in (("begin the cluster", "m1"), ("join the cluster", "m3")):
        it.during("c1", step, of)
        it.kill_agent(of)
    job = it.job("c1")
    assert job["status"] == "done", job
    holds(it, *ALL)


def test_servers_reboot_in_turn_and_what_they_carry_goes_on_serving(it, tmp_path):
    """It goes on with the cluster that the one before has made."""
    image = tmp_path / "image.tar.gz"
    build(Recipe(), image)
    give_image(it.place, image)
    until(lambda: "c1" in it.clouds(), READY_S, "the cluster is opened as a cloud")
    it.session.call("POST", "/v1/clusters", {**WEB, "cloud": "c1"})
    url = it.office.settled("web")["load_balancer_url"]
    assert set(whereabouts(it.place).values()) == set(ALL)
    before = {name: machine.first_process(it.place, name) for name in ALL}
    began = monotonic()
    with Load(f"{url}/health", clients=2, rest_s=0.02) as load, obeying(it.place):
        it.ask("POST", "/clusters/c1/:reboot", {})
        job = it.job("c1", within_s=900.0)
        took = monotonic() - began
        load.more(100)
    assert job["status"] == "done", job
    count = f"{len(load.failed)} of {load.answered} failed (promised: 0)"
    print(f"three servers evacuated, rebooted, restored: {took:.1f} s; {count}")
    assert not load.failed, load.failed
    assert all(machine.first_process(it.place, name) not in (None, before[name]) for name in ALL)
    holds(it, *ALL)


def leaves(it: Site, name: str) -> None:
    """Take the server out that began the cluster; it is as good as new."""
    it.tell(name, "evacuate")
    assert it.job("c1")["status"] == "done"
    began = monotonic()
    it.ask("POST", "/clusters/c1/:remove-servers", {"server_names": [name]})
    job = it.job("c1")
    assert job["status"] == "done", job
    it.ready(name)
    print(f"one server out, and ready again: {monotonic() - began:.1f} s")
    holds(it, *(each for each in ALL if each != name))
    new(it, name)
    assert ceph(it, name) == set()


def comes_back_once_lost(it: Site, name: str, *, of: str) -> None:
    """Have a server lose its power and be struck out; it is as good as new when it returns."""
    machine.crash(it.place, name)
    it.tell_lost(name)
    began = monotonic()
    it.ask("POST", "/clusters/c1/:remove-servers", {"server_names": [name], "lost": True})
    job = it.job("c1")
    assert job["status"] == "done", job
    print(f"a lost server is struck out: {monotonic() - began:.1f} s")
    holds(it, of)
    began = monotonic()
    machine.power(it.place, name)
    it.ready(name, within_s=JOB_S)
    print(f"it is back and new: {monotonic() - began:.1f} s")
    new(it, name)
