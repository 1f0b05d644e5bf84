"""What the agent remembers: configurations, what was before them, and what is under way."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from muster.agent.machine import HOME, Machine

STATE = f"{HOME}/state.json"


@dataclass
class Memory:
    """Kept in one file, which is replaced as a whole: its rename is the moment of truth."""

    configs: dict[str, Any] = field(default_factory=dict)  # noun -> JSON
    originals: dict[str, Any] = field(default_factory=dict)  # path -> [text, mode, group] before us
    journal: dict[str, Any] = field(default_factory=dict)  # noun -> what takes back a change
    notes: dict[str, Any] = field(default_factory=dict)  # what is remembered besides

    def save(self, machine: Machine) -> None:
        machine.put(STATE, json.dumps(asdict(self), indent=1) + "\n", 0o600)


def recalled(machine: Machine) -> Memory:
    """Return what is remembered; of a machine that has just begun: nothing."""
    text = machine.text(STATE)
    return Memory(**json.loads(text)) if text else Memory()
