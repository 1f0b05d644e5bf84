"""Applications are packages: installed with what they need, or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.ground import Ground
from muster.agent import applications
from muster.agent.failures import Undone
from muster.agent.runner import Result
from muster.base.errors import Conflict, Invalid, MusterError, NotFound, Unsupported

INSTALL = "apt-get -y -o Dpkg::Options::=--force-confold install --no-install-recommends"
REMOVE = "apt-get -y -o Dpkg::Options::=--force-confold remove"


@dataclass
class Apt:
    """As much of apt and dpkg as is asked of them, with packages of its own."""

    packages: dict[str, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        line = " ".join(argv)
        if argv[0] == "dpkg-query":
            lines = [f"{name} installed {version}" for name, version in self.packages.items()]
            return Result(1, "\n".join([*lines, "strace not-installed "]))
        if argv[:2] == ("apt-cache", "madison"):
            return Result(out=f" {argv[2]} | 6.0.4-2 | http://x stable/main\n")
        if line.startswith(INSTALL):
            return self.install(line.removeprefix(INSTALL).split())
        if REMOVE in line:
            for each in line.split(REMOVE)[1].split():
                self.packages.pop(each, None)
        return None

    def install(self, names: Iterable[str]) -> Result:
        for each in names:
            if each in self.broken:
                return Result(100, err=f"Unable to locate package {each}")
            self.packages[each] = "6.0.4-2"
        return Result()


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Ground, Apt]:
    apt = Apt()
    return Ground(tmp_path, apt).begin(), apt


def add(ground: Ground, name: object) -> object:
    return ground.ask("POST", "/1.0/applications", {"name": name})


def test_an_application_comes_with_what_it_needs(shop: tuple[Ground, Apt]) -> None:
    ground, _ = shop
    assert ground.ask("GET", "/1.0/applications") == []
    add(ground, "incus-ceph")
    assert ground.lines == [f"{INSTALL} incus", f"{INSTALL} ceph-common"]
    assert ground.ask("GET", "/1.0/applications") == [
        "/os/1.0/applications/incus",
        "/os/1.0/applications/incus-ceph",
    ]


def test_one_that_cannot_be_had_leaves_nothing_behind(tmp_path: Path) -> None:
    apt = Apt(broken=frozenset({"ceph-common"}))
    ground = Ground(tmp_path, apt).begin()
    with pytest.raises(Undone, match="Unable to locate package ceph-common"):
        add(ground, "incus-ceph")
    assert apt.packages == {}
    assert ground.lines[-1] == f"sh -c dpkg --configure -a; {REMOVE} incus"


def test_what_others_installed_is_not_taken_back(tmp_path: Path) -> None:
    apt = Apt({"incus": "6.0.3-1"}, frozenset({"ceph-common"}))
    ground = Ground(tmp_path, apt).begin()
    with pytest.raises(Undone):
        add(ground, "incus-ceph")
    assert apt.packages == {"incus": "6.0.3-1"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (None, Invalid),
        ("", Invalid),
        (7, Invalid),
        ("nope", Invalid),
        ("openfga", Unsupported),
        ("incus", Conflict),
    ],
)
def test_what_cannot_be_added_says_why(
    tmp_path: Path, name: object, kind: type[MusterError]
) -> None:
    ground = Ground(tmp_path, Apt({"incus": "6.0.4-2"})).begin()
    with pytest.raises(kind):
        add(ground, name)
    assert ground.lines == []


def test_an_application_shows_its_versions(tmp_path: Path) -> None:
    ground = Ground(tmp_path, Apt({"incus": "1:6.0.3-1+b2"})).begin()
    assert ground.ask("GET", "/1.0/applications/incus") == {
        "config": {"lxcfs": {}},
        "state": {
            "is_primary": True,
            "initialized": True,
            "friendly_version": "6.0.3",
            "version": "1:6.0.3-1+b2",
            "available_versions": ["6.0.4-2"],
        },
    }
    with pytest.raises(NotFound):
        ground.ask("GET", "/1.0/applications/debug")


def test_an_application_is_removed_once_no_other_needs_it(shop: tuple[Ground, Apt]) -> None:
    ground, apt = shop
    add(ground, "incus-ceph")
    with pytest.raises(Conflict, match="incus is needed by incus-ceph"):
        ground.ask("POST", "/1.0/applications/incus/:remove")
    ground.lines.clear()
    ground.ask("POST", "/1.0/applications/incus-ceph/:remove")
    ground.ask("POST", "/1.0/applications/incus/:remove")
    assert ground.lines == [f"{REMOVE} ceph-common", f"{REMOVE} incus"]
    assert apt.packages == {}


def test_what_was_there_before_the_agent_is_removed_as_well(tmp_path: Path) -> None:
    ground = Ground(tmp_path, Apt({"incus": "6.0.4-2"})).begin()
    ground.ask("POST", "/1.0/applications/incus/:remove")
    assert ground.lines == [f"{REMOVE} incus"]


def test_incus_without_machines_of_its_own_is_incus_as_well(tmp_path: Path) -> None:
    apt = Apt({"incus-base": "6.0.4-2~bpo12+1"})
    ground = Ground(tmp_path, apt).begin()
    assert ground.ask("GET", "/1.0/applications") == ["/os/1.0/applications/incus"]
    state = ground.ask("GET", "/1.0/applications/incus")["state"]
    assert (state["version"], state["is_primary"]) == ("6.0.4-2~bpo12+1", True)
    add(ground, "incus-linstor")
    assert "incus" not in apt.packages
    ground.ask("POST", "/1.0/applications/incus-linstor/:remove")
    ground.ask("POST", "/1.0/applications/incus/:remove")
    assert apt.packages == {}


def test_its_daemons_restart(tmp_path: Path) -> None:
    ground = Ground(tmp_path, Apt({"incus": "6.0.4-2"})).begin({"/run/systemd/system/there": ""})
    ground.ask("POST", "/1.0/applications/incus/:restart")
    assert ground.lines == ["systemctl restart incus.service"]


def test_nothing_long_begins_while_a_network_waits_to_be_confirmed(
    shop: tuple[Ground, Apt],
) -> None:
    """Else whoever is cut off would be so until that ends."""
    ground, _ = shop
    ground.write("/sys/class/net/enp1s0/device/vendor", "")
    card = {"name": "mgmt", "hwaddr": "enp1s0", "addresses": ["dhcp4"]}
    ground.put("system/network", {"confirmation_timeout": "60s", "interfaces": [card]})
    with pytest.raises(Conflict, match="system/network waits to be confirmed"):
        add(ground, "debug")


def test_where_there_is_no_apt_that_is_the_reason(tmp_path: Path) -> None:
    ground = Ground(tmp_path, lacking=frozenset({"apt-get"})).begin()
    with pytest.raises(Unsupported, match="there is no apt-get here"):
        add(ground, "debug")


def tell(ground: Ground, name: str, config: object) -> object:
    return ground.ask("PUT", f"/1.0/applications/{name}", {"config": config})


def test_containers_see_their_own_part_of_the_machine_from_the_next_start_on(
    shop: tuple[Ground, Apt],
) -> None:
    ground, _ = shop
    add(ground, "incus")
    before = ground.picture()
    ground.lines.clear()
    said = {"lxcfs": {"load_average": True}}
    tell(ground, "incus", said)
    assert ground.machine.text(applications.LXCFS) == (
        "[Service]\nExecStart=\nExecStart=/usr/bin/lxcfs --enable-loadavg /var/lib/lxcfs\n"
    )
    assert ground.lines == ["systemctl daemon-reload"]
    assert ground.ask("GET", "/1.0/applications/incus")["config"] == said
    tell(ground, "incus", said)
    assert ground.lines == []
    tell(ground, "incus", {})
    assert ground.picture() == before


def test_of_other_applications_nothing_can_be_said(shop: tuple[Ground, Apt]) -> None:
    ground, _ = shop
    add(ground, "debug")
    tell(ground, "debug", {})
    with pytest.raises(Invalid, match=r"config\.lxcfs"):
        tell(ground, "debug", {"lxcfs": {}})
    with pytest.raises(NotFound, match="there is no application incus"):
        tell(ground, "incus", {})
    with pytest.raises(Invalid, match="is required"):
        ground.ask("PUT", "/1.0/applications/debug", {})


def test_without_lxcfs_containers_see_what_they_see(tmp_path: Path) -> None:
    ground = Ground(tmp_path, Apt({"incus": "6.0.4"}), frozenset({"lxcfs"})).begin()
    with pytest.raises(Unsupported, match="there is no lxcfs here"):
        tell(ground, "incus", {"lxcfs": {"cpu_shares": True}})
    tell(ground, "incus", {})
