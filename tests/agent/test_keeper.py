"""A machine is as it was told to be, or as it was before."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.ground import NET, Full, Ground
from muster.agent.failures import Undone
from muster.agent.machine import Machine
from muster.agent.memory import Memory, recalled
from muster.agent.routes import assembled
from muster.agent.runner import RecordingRunner, Result, answering
from muster.base.errors import Invalid, Unsupported

KERNEL = "system/kernel"
MUCH = {
    "blacklist_modules": ["floppy", "pcspkr"],
    "console": [{"device": "ttyS0"}],
    "memory": {"zram_swap_size": "1GiB", "persistent_hugepages": 4},
    "network": {"tcp_congestion_algorithm": "bbr", "buffer_size": 1000000},
}


def test_what_was_put_is_there_and_shown(ground: Ground) -> None:
    assert ground.put(KERNEL, MUCH)
    assert ground.machine.line(f"{NET}/ipv4/tcp_congestion_control") == "bbr"
    assert ground.config(KERNEL) == {
        **MUCH,
        "console": [{"device": "ttyS0", "baud_rate": 115200}],
        "cpu": {},
        "pci": {},
    }


def test_put_twice_it_changes_and_runs_nothing(ground: Ground) -> None:
    ground.put(KERNEL, MUCH)
    ground.write("/proc/swaps", "Filename Type\n/dev/zram0 partition\n")
    before, ran = ground.picture(), ground.lines
    assert ran
    assert not ground.put(KERNEL, MUCH)
    assert (ground.picture(), ground.lines) == (before, [])


def test_what_somebody_else_changed_is_mended_by_the_same_put(ground: Ground) -> None:
    ground.put(KERNEL, MUCH)
    ground.write("/proc/swaps", "Filename Type\n/dev/zram0 partition\n")
    ground.write(f"{NET}/ipv4/tcp_congestion_control", "reno\n")
    ground.lines.clear()
    assert ground.put(KERNEL, MUCH)
    assert ground.machine.line(f"{NET}/ipv4/tcp_congestion_control") == "bbr"
    assert ground.lines == []


def test_an_empty_configuration_puts_everything_back(ground: Ground) -> None:
    before = ground.picture()
    ground.put(KERNEL, MUCH)
    assert ground.picture() != before
    ground.put(KERNEL, {})
    after = {name: text.strip() for name, text in ground.picture().items()}
    assert after == {name: text.strip() for name, text in before.items()}


@pytest.mark.parametrize("fails", ["update-grub", "zramctl --size", "mkswap", "swapon"])
def test_a_failing_apply_restores_what_was(tmp_path: Path, fails: str) -> None:
    ground = Ground(tmp_path, answering({fails: Result(1, err="no luck")})).begin()
    before = ground.picture()
    with pytest.raises(Undone, match=r"system/kernel is as it was before.*no luck"):
        ground.put(KERNEL, MUCH)
    assert ground.picture() == before
    assert ground.config(KERNEL) == {"cpu": {}, "memory": {}, "pci": {}}
    assert ground.remembered.journal == {}


def test_a_module_in_use_is_no_failure(tmp_path: Path) -> None:
    ground = Ground(tmp_path, answering({"modprobe -r": Result(1, err="in use")})).begin()
    assert ground.put(KERNEL, {"blacklist_modules": ["floppy"]})


def test_what_is_undone_is_undone_backwards_and_the_failed_act_itself_is_not(
    tmp_path: Path,
) -> None:
    ground = Ground(tmp_path, answering({"swapon": Result(1, err="no luck")})).begin()
    with pytest.raises(Undone):
        ground.put(KERNEL, {"console": [{"device": "tty1"}], "memory": {"zram_swap_size": "1G"}})
    assert ground.lines == [
        "update-grub",
        "modprobe zram",
        "zramctl --size 1G /dev/zram0",
        "mkswap /dev/zram0",
        "swapon -p 100 /dev/zram0",
        "zramctl --reset /dev/zram0",
        "update-grub",
    ]


def test_what_does_not_verify_is_taken_back(tmp_path: Path) -> None:
    """The kernel gives fewer pages than it was asked for."""

    class Stingy(Machine):
        def turn(self, path: str, text: str) -> None:
            super().turn(path, "1\n" if path.endswith("nr_hugepages") and text == "9" else text)

    ground = Ground(tmp_path).begin()
    before = ground.picture()
    stingy = assembled(Stingy(RecordingRunner(), tmp_path))
    with pytest.raises(Undone, match=r"config.memory.persistent_hugepages: .* '1' .* '9'"):
        stingy.keeper.put(KERNEL, {"memory": {"persistent_hugepages": 9}})
    assert ground.picture() == before


def test_what_cannot_be_taken_back_is_told(tmp_path: Path) -> None:
    said = {"swapon": Result(1, err="no luck"), "zramctl --reset": Result(1, err="busy")}
    ground = Ground(tmp_path, answering(said)).begin()
    with pytest.raises(Undone, match=r"could not be taken back: `zramctl --reset .*busy"):
        ground.put(KERNEL, {"memory": {"zram_swap_size": "1G"}})


@dataclass
class Dying(Machine):
    """A machine whose agent is killed at the so-many-th thing it does."""

    left: int = 0
    did: list[str] = field(default_factory=list)

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def put(self, path: str, text: str | None, mode: int = 0o644, group: str = "") -> None:
        self._step()
        super().put(path, text, mode, group)

    def turn(self, path: str, text: str) -> None:
        self._step()
        super().turn(path, text)


@pytest.mark.parametrize("step", range(8))
def test_on_a_full_disk_it_is_all_as_before_and_can_be_told_again(
    tmp_path: Path, step: int
) -> None:
    ground = Ground(tmp_path).begin()
    before = ground.picture()
    agent = assembled(Full(RecordingRunner(), tmp_path))
    agent.start()
    agent.machine.left = step
    with pytest.raises((Undone, OSError), match="No space left"):
        agent.keeper.put(KERNEL, MUCH)
    assert ground.picture() == before
    assert agent.keeper.memory == recalled(agent.machine) == Memory()
    assert agent.keeper.put(KERNEL, MUCH)


@dataclass
class Writing(RecordingRunner):
    """Writes down on disk what it was told, for whoever comes after."""

    place: Path = Path()

    def run(self, command):  # type: ignore[no-untyped-def]
        if not command.asks:
            with self.place.open("a") as file:
                file.write(" ".join(command.argv) + "\n")
        return super().run(command)


def killed_at(step: int, root: Path, told: Path) -> bool:
    """Put much in a process of its own that is killed there; return whether it was."""
    child = os.fork()
    if child == 0:
        agent = assembled(Dying(Writing(place=told), root, left=step))
        agent.start()
        agent.keeper.put(KERNEL, MUCH)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("step", range(24))
def test_killed_at_any_moment_it_is_all_there_or_all_as_before(tmp_path: Path, step: int) -> None:
    root, told = tmp_path / "root", tmp_path / "told"
    told.touch()
    before = Ground(root).begin().picture()
    was_killed = killed_at(step, root, told)
    ran = told.read_text().splitlines()
    ground = Ground(root)
    ground.agent.start()
    if ground.config(KERNEL).get("console"):
        assert ground.machine.line(f"{NET}/ipv4/tcp_congestion_control") == "bbr"
        return
    assert was_killed
    assert ground.picture() == before
    assert ground.remembered.journal == {}
    undone = [line.split(" /")[0] for line in ground.lines]
    owed = [UNDOING[line] for line in ran if line in UNDOING]
    assert [each for each in owed if each not in undone] == []
    assert len(undone) <= len(owed) + 1  # of what it had not come to nothing is undone


UNDOING = {
    "update-grub": "update-grub",
    "zramctl --size 1GiB /dev/zram0": "zramctl --reset",
    "swapon -p 100 /dev/zram0": "swapoff",
}


def test_killed_before_it_touched_anything_nothing_is_undone(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.touch()
    Ground(tmp_path / "root").begin()
    assert killed_at(1, tmp_path / "root", told)  # the journal is written, and no file
    again = Ground(tmp_path / "root")
    assert again.remembered.journal
    again.agent.start()
    assert (again.lines, again.remembered.journal) == ([], {})


def test_the_steps_are_enough_to_come_to_the_end(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.touch()
    Ground(tmp_path / "root").begin()
    assert not killed_at(23, tmp_path / "root", told)


def test_a_start_runs_only_what_no_boot_does_by_itself(ground: Ground) -> None:
    ground.put(KERNEL, MUCH)
    again = Ground(ground.root)
    again.agent.start()  # compressed swap is gone after a boot, the boot loader's file is not
    assert [line.split()[0] for line in again.lines] == ["modprobe", "zramctl", "mkswap", "swapon"]
    ground.write("/proc/swaps", "Filename Type\n/dev/zram0 partition\n")
    third = Ground(ground.root)
    third.agent.start()
    assert third.lines == []


def test_what_a_machine_cannot_do_is_refused_before_anything_is_touched(ground: Ground) -> None:
    before = ground.picture()
    with pytest.raises(Unsupported, match=r"config.network.queuing_discipline: this kernel"):
        ground.put(KERNEL, {"network": {"queuing_discipline": "fq"}})
    with pytest.raises(Unsupported, match="vegas is none of this kernel's"):
        ground.put(KERNEL, {"network": {"tcp_congestion_algorithm": "vegas"}})
    assert ground.picture() == before


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"network": {"buffer_size": -1}}, "config.network.buffer_size"),
        ({"network": {"buffer_size": "1"}}, "config.network.buffer_size"),
        ({"network": {"tcp_mtu_probing": 1}}, "config.network.tcp_mtu_probing"),
        ({"network": {"speed": 1}}, "config.network.speed"),
        ({"network": []}, "config.network"),
        ({"blacklist_modules": ["ok", "a b"]}, "config.blacklist_modules[1]"),
        ({"blacklist_modules": "floppy"}, "config.blacklist_modules"),
        ({"console": [{}]}, "config.console[0].device"),
        ({"console": [{"device": "ttyS0", "baud_rate": 1}]}, "config.console[0].baud_rate"),
        ({"pci": {"sriov": [{"pci_address": "1"}]}}, "config.pci.sriov[0].pci_address"),
        ({"memory": {"zram_swap_size": "1G\nx"}}, "config.memory.zram_swap_size"),
        ([], "config"),
    ],
)
def test_the_field_that_is_wrong_is_named(ground: Ground, config: object, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        ground.agent.keeper.put(KERNEL, config)
    assert caught.value.details["field"] == field
    assert caught.value.text.startswith(f"{field}: ")


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "blacklist_modules": st.lists(st.sampled_from(["floppy", "nope"]), unique=True),
        "console": st.lists(st.just({"device": "ttyS0"}), max_size=1),
        "memory": st.fixed_dictionaries({"persistent_hugepages": st.integers(0, 9)}),
        "network": st.fixed_dictionaries(
            {},
            optional={
                "buffer_size": st.integers(0, 10**6),
                "tcp_mtu_probing": st.booleans(),
                "tcp_congestion_algorithm": st.sampled_from(["", "reno", "bbr"]),
            },
        ),
    },
)


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(CONFIGS, min_size=1, max_size=4))
def test_whatever_was_put_before_the_same_put_means_the_same(
    tmp_path_factory: pytest.TempPathFactory, configs: list[dict[str, object]]
) -> None:
    """The last word alone decides, and afterwards everything can be taken back."""
    one, other = (Ground(tmp_path_factory.mktemp("g")).begin() for _ in range(2))
    blank = other.picture()
    for config in configs:
        one.put(KERNEL, config)
    other.put(KERNEL, configs[-1])
    assert _words(one.picture()) == _words(other.picture())
    one.put(KERNEL, {})
    assert _words(one.picture()) == _words(blank)


def _words(picture: dict[str, str]) -> dict[str, list[str]]:
    return {name: text.split() for name, text in picture.items()}
