"""Subsystems of NVMe over a network: who stays is not touched, nor what is others'."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ground import Ground
from muster.agent import nvme
from muster.agent.failures import Undone
from muster.agent.nvme import Target
from muster.agent.runner import Result

NVME = "services/nvme"
SUBSYSTEM = "nqn.2026-01.example:fast"


@dataclass
class Fabrics:
    """As much of nvme-cli as is asked of it: its controllers are files of the machine."""

    ground: Ground | None = None
    away: frozenset[str] = frozenset()
    count: int = 0

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        said = dict(each[2:].split("=", 1) for each in argv if each.startswith("--"))
        if argv[:2] in (("nvme", "connect"), ("nvme", "connect-all")):
            if said["traddr"] in self.away:
                return Result(1, err="failed to connect: timed out")
            self.add(said["transport"], said["traddr"], said.get("nqn", SUBSYSTEM))
        if argv[:2] == ("nvme", "disconnect"):
            self.remove(said["device"])
        if argv[0] == "sh":
            address = argv[2].split("traddr=")[1].split(",")[0]
            for name in self.names():
                if f"traddr={address}," in self.machine.line(f"{nvme.CLASS}/{name}/address"):
                    self.remove(name)
        return None

    @property
    def machine(self):  # type: ignore[no-untyped-def]
        assert self.ground
        return self.ground.machine

    def names(self) -> list[str]:
        return self.machine.names(nvme.CLASS)

    def add(self, transport: str, address: str, nqn: str, port: str = "4420") -> None:
        place = f"{nvme.CLASS}/nvme{self.count}"
        self.machine.put(f"{place}/transport", transport)
        self.machine.put(f"{place}/address", f"traddr={address},trsvcid={port},src_addr=10.0.0.1")
        self.machine.put(f"{place}/subsysnqn", nqn)
        self.machine.put(f"{place}/state", "live")
        self.machine.put(f"{place}/nvme{self.count}n1", "")
        self.count += 1

    def remove(self, name: str) -> None:
        for each in self.machine.names(f"{nvme.CLASS}/{name}"):
            self.machine.put(f"{nvme.CLASS}/{name}/{each}", None)
        self.machine.place(f"{nvme.CLASS}/{name}").rmdir()


def over_tcp(*addresses: str, nqn: str = SUBSYSTEM) -> dict[str, object]:
    return {
        "enabled": True,
        "targets": [{"transport": "tcp", "address": each, "nqn": nqn} for each in addresses],
    }


@pytest.fixture
def fabrics(tmp_path: Path) -> tuple[Ground, Fabrics]:
    script = Fabrics()
    script.ground = Ground(tmp_path, script)
    return script.ground.begin(), script


def test_nvme_connects_who_is_missing_and_lets_go_of_who_is_told_no_more(
    fabrics: tuple[Ground, Fabrics],
) -> None:
    ground, script = fabrics
    script.add("tcp", "10.9.9.9", "nqn.of.somebody:else")
    ground.put(NVME, over_tcp("10.0.0.1", "10.0.0.2"))
    connecting = "nvme connect --transport=tcp --traddr={} --trsvcid=4420 --nqn=" + SUBSYSTEM
    assert ground.lines == [
        "modprobe nvme-tcp",
        connecting.format("10.0.0.1"),
        connecting.format("10.0.0.2"),
    ]
    assert not ground.put(NVME, over_tcp("10.0.0.1", "10.0.0.2"))
    assert ground.lines == []
    ground.put(NVME, over_tcp("10.0.0.2"))
    assert ground.lines == ["nvme disconnect --device=nvme1"]
    ground.put(NVME, {"enabled": False})
    assert ground.lines == ["nvme disconnect --device=nvme2"]
    assert script.names() == ["nvme0"]


def test_nvme_without_a_name_connects_all_at_that_one_place(
    fabrics: tuple[Ground, Fabrics],
) -> None:
    ground, _ = fabrics
    ground.write(nvme.DISCOVERY, "--transport=rdma --traddr=10.5.5.5\n")
    ground.put(NVME, over_tcp("10.0.0.1", nqn=""))
    assert ground.lines == [
        "modprobe nvme-tcp",
        "nvme connect-all --transport=tcp --traddr=10.0.0.1 --trsvcid=4420",
    ]
    assert ground.machine.text(nvme.DISCOVERY) == (
        "--transport=rdma --traddr=10.5.5.5\n"
        + nvme.MARK
        + "--transport=tcp --traddr=10.0.0.1 --trsvcid=4420\n"
    )
    ground.put(NVME, {})
    assert ground.machine.text(nvme.DISCOVERY) == "--transport=rdma --traddr=10.5.5.5\n"


def test_nvme_keeps_who_is_told_of_in_other_words(fabrics: tuple[Ground, Fabrics]) -> None:
    """First as whoever is at that place, then by his name."""
    ground, script = fabrics
    ground.put(NVME, over_tcp("10.0.0.1", nqn=""))
    ground.lines.clear()
    ground.put(NVME, over_tcp("10.0.0.1"))
    assert (ground.lines, script.names()) == ([], ["nvme0"])


def test_nvme_with_one_target_away_is_as_before(fabrics: tuple[Ground, Fabrics]) -> None:
    ground, script = fabrics
    ground.put(NVME, over_tcp("10.0.0.1"))
    script.away = frozenset({"10.0.0.3"})
    with pytest.raises(Undone, match="timed out"):
        ground.put(NVME, over_tcp("10.0.0.2", "10.0.0.3"))
    addresses = [ground.machine.line(f"{nvme.CLASS}/{each}/address") for each in script.names()]
    assert [each.split(",")[0] for each in addresses] == ["traddr=10.0.0.1"]


def test_nvme_at_a_start_connects_who_answers(fabrics: tuple[Ground, Fabrics]) -> None:
    ground, script = fabrics
    ground.put(NVME, over_tcp("10.0.0.1", "10.0.0.2"))
    for name in script.names():
        script.remove(name)
    script.away = frozenset({"10.0.0.1"})
    ground.agent.start()
    assert len(script.names()) == 1
    assert ground.put(NVME, over_tcp("10.0.0.2"))


def test_nvme_shows_who_is_connected(fabrics: tuple[Ground, Fabrics]) -> None:
    ground, _ = fabrics
    ground.put(NVME, over_tcp("10.0.0.1"))
    state = ground.ask("GET", "/1.0/services/nvme")["state"]
    assert state["host_nqn"] == f"nqn.2014-08.org.nvmexpress:uuid:{state['host_id']}"
    assert state["subsystems"] == [
        {
            "name": "nvme-subsys0",
            "nqn": SUBSYSTEM,
            "controllers": [
                {
                    "name": "nvme0",
                    "transport": "tcp",
                    "address": "10.0.0.1:4420",
                    "state": "live",
                    "namespaces": ["nvme0n1"],
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        (Target("10.0.0.1", nqn=SUBSYSTEM), ["nvme0"]),
        (Target("10.0.0.1"), ["nvme0", "nvme1"]),
        (Target("10.0.0.11"), ["nvme2"]),
        (Target("10.0.0.1", port=4421), []),
        (Target("10.0.0.9"), []),
    ],
)
def test_the_line_that_lets_go_finds_its_own_and_no_other(
    tmp_path: Path, target: Target, gone: Sequence[str]
) -> None:
    """Run by a real shell, with a program that only writes down what it is told."""
    there = [("10.0.0.1", SUBSYSTEM), ("10.0.0.1", "nqn.other"), ("10.0.0.11", SUBSYSTEM)]
    for n, (address, name) in enumerate(there):
        place = tmp_path / "class" / f"nvme{n}"
        place.mkdir(parents=True)
        (place / "address").write_text(f"traddr={address},trsvcid=4420,src_addr=10.0.0.7\n")
        (place / "subsysnqn").write_text(f"{name}\n")
    (tmp_path / "nvme").write_text(f'#!/bin/sh\necho "$2" >> {tmp_path}/told\n')
    (tmp_path / "nvme").chmod(0o755)
    (tmp_path / "told").touch()
    act = nvme._connecting(target)
    script = act.undo[2].replace(nvme.CLASS, str(tmp_path / "class"))  # type: ignore[union-attr]
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", script], env=path, check=True)
    told = (tmp_path / "told").read_text().split()
    assert told == [f"--device={each}" for each in gone]


ADDRESSES = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), unique=True)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(ADDRESSES, min_size=1, max_size=5))
def test_nvme_never_lets_go_of_what_stays(
    tmp_path_factory: pytest.TempPathFactory, puts: list[list[str]]
) -> None:
    script = Fabrics()
    ground = script.ground = Ground(tmp_path_factory.mktemp("g"), script).begin()
    script.add("tcp", "10.9.9.9", "nqn.of.somebody:else")
    place = dict[str, str]()
    for wanted in puts:
        kept = {name for name, address in place.items() if address in wanted}
        ground.put(NVME, over_tcp(*wanted))
        place = {
            name: ground.machine.line(f"{nvme.CLASS}/{name}/address").split(",")[0][7:]
            for name in script.names()
        }
        assert kept <= set(place)
        assert sorted(place.values()) == sorted([*wanted, "10.9.9.9"])
