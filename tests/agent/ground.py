"""A machine made up in a folder: its knobs, its programs, and an agent on it."""

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from muster.agent.agent import Agent
from muster.agent.machine import Machine
from muster.agent.memory import recalled
from muster.agent.routes import assembled
from muster.agent.runner import RecordingRunner, Script
from muster.base.clock import ManualClock

NET = "/proc/sys/net"
KNOBS = {
    f"{NET}/ipv4/tcp_available_congestion_control": "reno cubic bbr",
    f"{NET}/ipv4/tcp_congestion_control": "cubic",
    f"{NET}/ipv4/tcp_mtu_probing": "2",
    f"{NET}/ipv4/tcp_rmem": "4096\t131072\t6291456",
    f"{NET}/ipv4/tcp_wmem": "4096\t16384\t4194304",
    f"{NET}/ipv4/conf/all/arp_ignore": "0",
    f"{NET}/ipv4/conf/all/arp_announce": "0",
    f"{NET}/core/rmem_max": "212992",
    f"{NET}/core/wmem_max": "212992",
    f"{NET}/core/netdev_max_backlog": "500",
    "/proc/sys/vm/nr_hugepages": "0",
    "/proc/modules": "",
    "/proc/swaps": "Filename Type Size Used Priority",
    "/sys/module/zram/initstate": "live",
}


@dataclass
class Full(Machine):
    """A machine whose disk has no room for the so-many-th file, and then has some again."""

    left: int = 0
    lacking: int = 1  # files in a row

    def put(self, path: str, text: str | None, mode: int = 0o644, group: str = "") -> None:
        self.left -= 1
        if -self.lacking <= self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        super().put(path, text, mode, group)


@dataclass
class Ground:
    """One made-up machine, and the agent that runs there now."""

    root: Path
    script: Script | None = None
    lacking: frozenset[str] = frozenset()
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.runner = RecordingRunner(self.script, self.lacking)
        self.machine = Machine(self.runner, self.root, self.clock)
        self.agent: Agent = assembled(self.machine)

    def begin(self, knobs: Mapping[str, str] = KNOBS) -> "Ground":
        for path, text in knobs.items():
            self.write(path, text + "\n")
        self.agent.start()
        return self

    def write(self, path: str, text: str) -> None:
        self.machine.place(path).parent.mkdir(parents=True, exist_ok=True)
        self.machine.place(path).write_text(text)

    def link(self, path: str, to: str) -> None:
        self.machine.place(path).parent.mkdir(parents=True, exist_ok=True)
        self.machine.place(path).symlink_to(to)

    def put(self, name: str, config: Mapping[str, Any]) -> bool:
        return self.agent.keeper.put(name, config)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self.agent.answer(method, path, {}, (body, "/os"))
        return json.loads(answer.body)["metadata"]

    def config(self, name: str) -> Any:
        return self.ask("GET", f"/1.0/{name}")["config"]

    @property
    def lines(self) -> list[str]:
        """What was run and may have changed something, since last asked."""
        ran = [" ".join(argv) for argv in self.runner.ran]
        self.runner.ran.clear()
        return ran

    @property
    def remembered(self) -> Any:
        return recalled(self.machine)

    def picture(self) -> dict[str, str]:
        """Every file of the machine but the agent's own memory."""
        return {
            str(path.relative_to(self.root)): path.read_text()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "muster-agent" not in path.parts
        }
