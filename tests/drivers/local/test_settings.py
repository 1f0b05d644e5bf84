"""Options, limits by group, addresses and names: the small print of the local cloud."""

import os
import re
from dataclasses import fields
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from drivers.local.grounds import an_order, demo, opened, program, until
from muster.base.errors import Invalid, Permanent, Transient
from muster.drivers.dns.hosts import HostsFile
from muster.drivers.local import addresses, cgroups, options
from muster.drivers.local.instance import Limits
from muster.drivers.options import pace
from muster.model.cloud import Ability
from muster.ports.cloud import Cloud


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"adresses": "127.1.0.0/16"}, "no option of a local cloud is called 'adresses'"),
        ({"addresses": "10.0.0.0/8"}, "must be a part of 127.0.0.0/8"),
        ({"addresses": "127.64.0.1/10"}, "has host bits set"),
        ({"addresses": "everywhere"}, "addresses:"),
        ({"addresses": 7}, "addresses must be str"),
        ({"log_bytes": -1}, "log_bytes must be more than 0"),
        ({"log_bytes": True}, "log_bytes must be int"),
        ({"look_every_s": "often"}, "look_every_s must be float"),
        ({"cgroup": "maybe"}, "cgroup must be auto, off or a folder"),
    ],
)
async def test_a_wrong_option_is_named(home: Path, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(Invalid, match=said) as refusal:
        async with opened(home, **wrong):
            pass
    assert refusal.value.details["field"] in wrong


def test_options_set_the_pace() -> None:
    assert pace(options.parsed({"look_every_s": 2})).look_every.total_seconds() == 2
    assert pace(options.parsed({})).stray_grace.total_seconds() == 60


def test_every_option_is_in_the_reference_with_its_default() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/local-cloud.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+?)`? (?:in the home )?\|", page, re.M))
    known = {each.name: each.default for each in fields(options.Options)}
    said = {name: rows.get(name, "") for name in known}
    assert said == {n: str(v).removesuffix(".0") for n, v in known.items()} | {
        "hosts_file": "hosts"
    }


async def test_what_it_cannot_do_is_refused_with_a_reason(cloud: Cloud) -> None:
    for ability in (Ability.BASTION, Ability.NETWORKS, Ability.SUSPEND):
        assert cloud.about.refusal(ability)
    for ability in (Ability.SNAPSHOT, Ability.USER_DATA, Ability.PAUSE, Ability.REBUILD):
        assert cloud.about.refusal(ability) is None


def test_the_addresses_to_try_are_always_the_same_and_all_in_the_range() -> None:
    network, server_id = IPv4Network("127.64.0.0/10"), uuid4()
    first = list(addresses.candidates(network, server_id))
    assert first == list(addresses.candidates(network, server_id))
    assert len(set(first)) > 50
    assert all(IPv4Address(each) in network for each in first)


def test_no_address_is_given_twice_and_one_asked_for_again_is_the_same(tmp_path: Path) -> None:
    network = IPv4Network("127.99.0.0/28")
    ids = [uuid4() for _ in range(8)]
    given = [addresses.reserve(tmp_path, network, each, 8124) for each in ids]
    assert len(set(given)) == len(ids)
    assert given == [addresses.reserve(tmp_path, network, each, 8124) for each in ids]
    for address, each in zip(given, ids, strict=True):
        addresses.release(tmp_path, address, uuid4())  # not his: stays
        assert os.path.islink(tmp_path / address)
        addresses.release(tmp_path, address, each)
    assert not os.listdir(tmp_path)


def test_a_full_range_is_said_to_be_full(tmp_path: Path) -> None:
    network = IPv4Network("127.99.0.0/30")
    for _ in range(3):
        addresses.reserve(tmp_path, network, uuid4(), 8125)
    with pytest.raises(Transient, match="no free address was found"):
        addresses.reserve(tmp_path, network, uuid4(), 8125)


def test_a_group_of_version_2_gets_the_flavors_limits(tmp_path: Path) -> None:
    groups = cgroups.found(str(tmp_path), UUID(int=7))
    limits = Limits(vcpus=0.25, memory_mib=128, open_files=64)
    [group] = cgroups.prepare(groups, UUID(int=9), limits)
    assert (group / "cpu.max").read_text() == "25000 100000"
    assert (group / "memory.max").read_text() == str(128 << 20)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert cgroups.names(groups) == [str(UUID(int=9))]
    assert not cgroups.starved(groups, UUID(int=9))
    (group / "memory.events").write_text("max 3\noom_kill 1\n")
    assert cgroups.starved(groups, UUID(int=9))


def test_where_no_groups_may_be_made_there_are_none(tmp_path: Path) -> None:
    assert cgroups.found(str(tmp_path / "not" / "there"), UUID(int=7)) == cgroups.NONE
    assert cgroups.found("off", UUID(int=7)) == cgroups.NONE


def a_service(tmp_path: Path) -> tuple[Path, Path]:
    """Return a delegated group of version 2, and what a process in a group below it is told."""
    unit, proc = tmp_path / "sys" / "muster.service", tmp_path / "proc"
    (unit / "main").mkdir(parents=True)
    proc.mkdir()
    (proc / "cgroup").write_text("0::/muster.service/main\n")
    (proc / "mounts").write_text(f"cgroup2 {tmp_path}/sys cgroup2 rw 0 0\n")
    (unit / "main" / "cgroup.subtree_control").mkdir()  # it is refused: there are processes
    return unit, proc


def test_a_service_that_was_given_its_group_makes_those_of_instances_beside_its_own(
    tmp_path: Path,
) -> None:
    unit, proc = a_service(tmp_path)
    assert cgroups.found("auto", UUID(int=7), proc) == cgroups.NONE
    try:
        os.setxattr(unit, cgroups.DELEGATED, b"1")
    except OSError:
        pytest.skip("files here have no attributes of users")
    groups = cgroups.found("auto", UUID(int=7), proc)
    assert (groups.version, groups.parent) == (2, unit / "muster-000000000000")
    assert (unit / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_in_a_group_that_has_what_it_takes_it_is_the_first_choice(tmp_path: Path) -> None:
    """As in a container, or where nobody but us is in the group of our mount."""
    unit, proc = a_service(tmp_path)
    (unit / "main" / "cgroup.subtree_control").rmdir()
    groups = cgroups.found("auto", UUID(int=7), proc)
    assert groups.parent == unit / "main" / "muster-000000000000"


async def test_where_groups_can_be_had_processors_are_limited_and_no_group_is_left(
    home: Path, tmp_path: Path
) -> None:
    groups = cgroups.found("auto", UUID(int=77))
    cgroups.close(groups)
    if not groups.parent:
        pytest.skip("this machine lets us make no cgroups")
    async with opened(home, cgroup="auto") as cloud:
        order = an_order(await program(cloud, tmp_path / "image", "while True: pass"))
        server = await cloud.compute.create_server(order)
        began = (await cloud.compute.usage())[0]

        async def later() -> bool:
            return ((await cloud.compute.usage())[0].at - began.at).total_seconds() > 1.5

        await until(later)
        [now] = await cloud.compute.usage()
        share = (now.cpu_s - began.cpu_s) / (now.at - began.at).total_seconds()
        assert share < 0.25 * 1.5
        await cloud.compute.delete_server(server.ref)
    assert not groups.parent.exists()


HOSTS = "127.0.0.1 localhost\n# a remark\n10.0.0.1  db.example.test db # by hand\n"


async def test_lines_of_others_stay_as_they_are(tmp_path: Path) -> None:
    path, owner = tmp_path / "hosts", uuid4()
    path.write_text(HOSTS)
    path.chmod(0o644)
    dns = HostsFile(path, uuid4())
    await dns.put_record("Web.Example.Test.", "127.0.5.1", owner)
    assert path.read_text().startswith(HOSTS)
    assert path.read_text().removeprefix(HOSTS).startswith("127.0.5.1\tweb.example.test\t# muster")
    assert path.stat().st_mode & 0o777 == 0o644
    await dns.drop_record("web.example.test", owner)
    assert path.read_text() == HOSTS


async def test_a_name_written_by_hand_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    dns = HostsFile(path, uuid4())
    with pytest.raises(Permanent, match="taken"):
        await dns.put_record("db", "127.0.5.1", uuid4())
    found = await dns.record("DB")
    assert found
    assert (found.address, found.owner) == ("10.0.0.1", UUID(int=0))
    assert not await dns.list_records()
    assert path.read_text() == HOSTS


async def test_an_unreadable_file_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "hosts").mkdir()
    with pytest.raises(Transient, match="cannot be read"):
        await HostsFile(tmp_path / "hosts", uuid4()).list_records()


async def test_names_are_published_in_the_home_unless_said_otherwise(home: Path) -> None:
    async with opened(home) as cloud:
        assert cloud.dns
        await cloud.dns.put_record("web.test", "127.0.5.1", uuid4())
        assert "web.test" in (home / "hosts").read_text()
        assert await demo(cloud)
