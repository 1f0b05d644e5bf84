"""Incus is installed from where the release has it, however far an earlier try has got."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from muster.base.errors import Permanent
from muster.drivers.packages import BACKPORTS, KEYS, Packages

APT = "apt-get -qq -o DPkg::Lock::Timeout=300"
INSTALL = f"{APT} install -y --fix-broken --no-install-recommends"
WANTED = "incus dnsmasq-base apparmor"
MAIN = " incus | 6.0.4-2 | http://mirror/debian trixie/main amd64 Packages\n"
NEWER = " incus | 6.0.4-2~bpo12 | http://mirror/debian bookworm-backports/main amd64 Packages\n"
INDEXES = (
    "Debian bookworm-updates Packages http://mirror/debian/\n"
    "Debian bookworm Packages http://mirror/debian/\n"
)


@dataclass
class Apt:
    """Answers as told, line for line; `failing` fails once, "incus" is known after an update."""

    answers: Mapping[str, str] = field(default_factory=dict)
    failing: str = ""
    ran: list[str] = field(default_factory=list)

    def run(self, *words: str, surroundings: Mapping[str, str] | None = None) -> str:
        line = " ".join(words)
        self.ran.append(line)
        if self.failing and line.startswith(self.failing):
            raise Permanent(f"{line}: no")
        return next((said for what, said in self.answers.items() if line.startswith(what)), "")

    @property
    def acted(self) -> list[str]:
        asked = ("apt-cache", "apt-get indextargets", "dpkg-query")
        return [line for line in self.ran if not line.startswith(asked)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / BACKPORTS).parent.mkdir(parents=True)
    (tmp_path / KEYS.lstrip("/")).parent.mkdir(parents=True)
    (tmp_path / KEYS.lstrip("/")).touch()
    return tmp_path


def put(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).touch()


def test_incus_comes_with_what_gives_addresses_and_what_confines_instances(root):
    apt = Apt({"apt-cache madison": MAIN})
    Packages(runner=apt, root=root).install_incus()
    assert apt.acted == ["dpkg --configure -a", f"{APT} update", f"{INSTALL} {WANTED}"]
    assert not (root / BACKPORTS).exists()


def test_where_only_the_backports_have_incus_they_become_a_source_and_that_is_told(root):
    apt, told = Apt({"apt-get indextargets": INDEXES}), list[str]()
    Packages(runner=apt, root=root, tell=told.append).install_incus()
    assert (root / BACKPORTS).read_text() == (
        "Types: deb\nURIs: http://mirror/debian/\nSuites: bookworm-backports\nComponents: main\n"
        f"Signed-By: {KEYS}\n"
    )
    assert apt.acted == [
        "dpkg --configure -a",
        f"{APT} update",
        f"{APT} update",
        f"{INSTALL} -t bookworm-backports {WANTED}",
    ]
    assert len(told) == 1
    assert "bookworm-backports" in told[0]


def test_where_the_backports_are_a_source_already_all_that_incus_needs_comes_from_them(root):
    apt = Apt({"apt-cache madison": NEWER})
    Packages(runner=apt, root=root).install_incus()
    assert apt.acted[-1] == f"{INSTALL} -t bookworm-backports {WANTED}"
    assert not (root / BACKPORTS).exists()


def test_what_another_source_has_is_preferred_to_the_backports(root):
    apt = Apt({"apt-cache madison": NEWER + MAIN})
    Packages(runner=apt, root=root).install_incus()
    assert apt.acted[-1] == f"{INSTALL} {WANTED}"


def test_what_an_earlier_try_left_unpacked_is_set_up_first(root):
    apt = Apt({"apt-cache madison": MAIN}, failing="dpkg --configure")
    Packages(runner=apt, root=root).install_incus()
    assert apt.acted[:2] == ["dpkg --configure -a", INSTALL]


def test_root_has_ids_for_instances_before_the_package_could_leave_that_out(root):
    (root / "etc/subuid").write_text("somebody:100000:65536\n")
    (root / "etc/subgid").write_text("somebody:2000000:65536\n")
    apt = Apt({"apt-cache madison": MAIN})
    Packages(runner=apt, root=root).install_incus()
    assert apt.acted[:2] == [
        "usermod --add-subuids 1000000-1000999999 root",
        "usermod --add-subgids 2065536-1002065535 root",
    ]


def test_root_keeps_the_ids_that_it_has(root):
    for kind in ("subuid", "subgid"):
        (root / "etc" / kind).write_text("root:100000:65536\n")
    apt = Apt({"apt-cache madison": MAIN})
    Packages(runner=apt, root=root).install_incus()
    assert apt.acted[0] == "dpkg --configure -a"


def test_a_system_whose_packages_have_no_incus_is_told_so(root):
    ubuntu = "Ubuntu jammy Packages http://mirror/ubuntu/\n"
    with pytest.raises(Permanent, match="no Incus: install Incus and dnsmasq"):
        Packages(runner=Apt({"apt-get indextargets": ubuntu}), root=root).install_incus()


@pytest.mark.parametrize("daemon", ["usr/libexec/incus/incusd", "opt/incus/bin/incusd"])
def test_incus_is_there_once_its_daemon_is(root, daemon):
    packages = Packages(runner=Apt(), root=root)
    assert not packages.has_incus()
    put(root, daemon)
    assert packages.has_incus()


@pytest.mark.parametrize("how", ["unpacked", "half-configured", "half-installed"])
def test_incus_whose_package_was_not_set_up_is_not_there(root, how):
    put(root, "usr/libexec/incus/incusd")
    for listed, there in ((f"incus-base {how}\n", False), ("incus-base installed\n", True)):
        packages = Packages(runner=Apt({"dpkg-query": f"bash installed\n{listed}"}), root=root)
        assert packages.has_incus() is there


def test_dnsmasq_is_looked_for_beside_incus(root):
    packages = Packages(runner=Apt(), root=root)
    assert not packages.has_dnsmasq()
    put(root, "usr/sbin/dnsmasq")
    assert packages.has_dnsmasq()
