"""Documents of clusters of machines: read, checked, merged with the defaults, numbered."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.decide.server_clusters.documents import (
    SERVICES,
    needs_number,
    orders,
    read,
    seed_faults,
    service_faults,
)
from muster.decide.server_clusters.numbers import numbered
from muster.decide.server_clusters.seed import Ground, merged
from muster.model.host_number import RANGE, HostNumber

CLUSTER = UUID("12345678-1234-4234-8234-123456789abc")
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def machine(number):
    return UUID(int=900 + number)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "{}"])
def test_an_empty_document_says_nothing(text):
    assert read(text) == {}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("- a", "object"),
        ("7", "object"),
        ("1: x", "object"),
        ("a: [", "expected"),
        (BOMB, "aliases"),
        ("a: !!python/object:os.system x", "constructor"),
        ("[" * 5000, ""),
    ],
)
def test_what_is_no_document_is_told_with_the_reason(text, word):
    told = read(text)
    assert isinstance(told, str)
    assert word in told


def test_json_is_a_document_too():
    assert read('{"lvm": {"enabled": true}}') == {"lvm": {"enabled": True}}


def test_everything_wrong_with_services_is_told_at_once():
    told = dict(
        service_faults(
            {"lvm": {"config": {"enabled": "yes"}}, "nvme": [], "smb": {}, "ovn": {"config": 7}}
        )
    )
    assert set(told) == {
        "services_config.lvm.enabled",
        "services_config.nvme",
        "services_config.smb",
        "services_config.ovn.config",
    }
    assert "ceph" in told["services_config.smb"]


@pytest.mark.parametrize("lvm", [{"enabled": True}, {"config": {"enabled": True}}])
def test_wrapped_or_not_services_are_taken_alike_and_the_number_is_ours(lvm):
    said = {"lvm": {**lvm, "system_id": 1999}} if "enabled" in lvm else {"lvm": lvm}
    assert list(service_faults(said)) == []
    assert needs_number(said)
    assert orders(said, 7) == (("lvm", {"config": {"enabled": True, "system_id": 7}}),)


def test_where_lvm_is_off_no_number_is_given():
    said = {"lvm": {"enabled": False, "system_id": 3}}
    assert not needs_number(said)
    assert orders(said, 7) == (("lvm", {"config": {"enabled": False}}),)
    assert not needs_number({})


@given(st.permutations(SERVICES))
def test_services_are_set_in_the_order_in_which_they_need_each_other(names):
    made = orders({name: {"enabled": False} for name in names}, None)
    assert [name for name, _ in made] == list(SERVICES)


def test_everything_wrong_with_what_incus_begins_with_is_told_at_once():
    told = dict(
        seed_faults(
            {
                "config": 7,
                "cluster": {},
                "networks": {"name": "x"},
                "storage_pools": ["x", {}, {"name": "a", "driver": 7}, {"name": "b", "config": []}],
                "profiles": [
                    {"name": "p"},
                    {"name": "p", "project": "other"},
                    {"name": "p", "project": "default"},
                ],
            }
        )
    )
    seed = "application_seed_config"
    assert set(told) == {
        f"{seed}.config",
        f"{seed}.cluster",
        f"{seed}.networks",
        f"{seed}.storage_pools[0]",
        f"{seed}.storage_pools[1].name",
        f"{seed}.storage_pools[2].driver",
        f"{seed}.storage_pools[3].config",
        f"{seed}.profiles[2].name",
    }


def named(items):
    return {(each["name"], each.get("project", "")): each for each in items}


def test_who_asks_for_nothing_gets_the_defaults():
    got = merged({}, Ground(driver="zfs", logs_volume=True), CLUSTER)
    assert got["config"] == {
        "storage.backups_volume": "local/backups",
        "storage.images_volume": "local/images",
        "storage.logs_volume": "local/logs",
    }
    assert got["storage_pools"][0]["config"] == {"source": "local/incus"}
    assert [each["name"] for each in got["storage_volumes"]] == ["backups", "images", "logs"]
    assert set(named(got["networks"])) == {("incusbr0", ""), ("meshbr0", "")}
    assert set(named(got["profiles"])) == {("default", ""), ("default", "internal")}
    assert named(got["profiles"])[("default", "internal")]["devices"]["eth0"]["network"] == (
        "meshbr0"
    )
    assert list(seed_faults(got)) == []


def test_where_logs_have_no_volume_none_is_made():
    got = merged({}, Ground(), CLUSTER)
    assert "storage.logs_volume" not in got["config"]
    assert [each["name"] for each in got["storage_volumes"]] == ["backups", "images"]
    assert got["storage_pools"][0]["config"] == {}


def test_what_was_asked_for_wins_and_only_what_is_missing_is_filled():
    asked = {
        "config": {"storage.images_volume": "fast/images", "user.x": "1"},
        "networks": [{"name": "incusbr0", "config": {"ipv4.address": "10.9.0.1/24"}}],
        "profiles": [{"name": "default", "project": "default", "devices": {"root": {"size": "9"}}}],
        "storage_pools": [{"name": "local", "driver": "btrfs"}, {"name": "fast", "driver": "lvm"}],
        "projects": [{"name": "internal", "description": "mine"}],
    }
    got = merged(asked, Ground(driver="zfs"), CLUSTER)
    assert got["config"]["storage.images_volume"] == "fast/images"
    assert got["config"]["storage.backups_volume"] == "local/backups"
    bridge = named(got["networks"])[("incusbr0", "")]
    assert (bridge["type"], bridge["config"]) == ("bridge", {"ipv4.address": "10.9.0.1/24"})
    [plain] = [each for each in got["profiles"] if each.get("project") != "internal"]
    assert plain["devices"]["root"] == {"size": "9"}
    assert plain["devices"]["eth0"]["network"] == "incusbr0"
    pools = named(got["storage_pools"])
    # What goes with the usual driver does not go with another.
    assert pools[("local", "")] == {"name": "local", "driver": "btrfs"}
    assert pools[("fast", "")] == {"name": "fast", "driver": "lvm"}
    assert got["projects"] == [{"name": "internal", "description": "mine"}]


def test_the_network_of_members_is_ours_and_the_same_each_time():
    asked = {"networks": [{"name": "meshbr0", "config": {"ipv4.address": "10.0.0.1/8"}}]}
    [mesh] = merged(asked, Ground(), CLUSTER)["networks"][1:]
    assert mesh["config"]["ipv4.address"] == "none"
    assert mesh["config"]["ipv6.address"] == "fd42:1234:5678:9abc::1/64"
    assert 1000 <= int(mesh["config"]["tunnel.mesh.id"]) < 2**24
    assert merged(asked, Ground(), CLUSTER) == merged(asked, Ground(), CLUSTER)


@given(
    st.sets(st.integers(1, 12)),
    st.lists(st.integers(1, 12), unique=True),
    st.lists(st.integers(1, 12), unique=True, max_size=8),
)
def test_no_two_machines_bear_one_number_and_who_has_one_keeps_it(numbers, bearers, wanting):
    given_ = [
        HostNumber(domain="", number=number, machine_id=machine(bearer))
        for number, bearer in zip(sorted(numbers), bearers, strict=False)
    ]
    elsewhere = HostNumber(domain="other", number=1, machine_id=machine(1))
    got = numbered([*given_, elsewhere], [machine(each) for each in wanting])
    assert got is not None
    assert [each.machine_id for each in got] == [machine(each) for each in wanting]
    every = {each.id: each for each in (*given_, *got)}
    assert len({each.machine_id for each in every.values()}) == len(every)
    for each in got:
        had = [known for known in given_ if known.machine_id == each.machine_id]
        assert had in ([], [each])


def test_the_lowest_number_that_nobody_has_is_given():
    taken = [HostNumber(domain="", number=n, machine_id=machine(n)) for n in (1, 3)]
    got = numbered(taken, [machine(8), machine(9), machine(3)])
    assert [each.number for each in got or ()] == [2, 4, 3]


def test_there_are_no_more_numbers_than_disks_can_tell_apart():
    every = [HostNumber(domain="", number=n, machine_id=machine(n)) for n in RANGE]
    assert numbered(every, [machine(5000)]) is None
    assert numbered(every, [machine(7)]) == (every[6],)
    assert numbered(every, [machine(5000)], "other") is not None
