"""What is done to pools beside what is told of them: volumes, imports."""

import re
from collections.abc import Mapping
from typing import Any

from muster.agent import doing, provider
from muster.agent.agent import Agent
from muster.agent.datasets import USE, USES, volumes
from muster.agent.envelope import Asked
from muster.agent.machine import Machine
from muster.agent.said import wrong
from muster.agent.steps import run
from muster.agent.storage import Storage, look, named_pool
from muster.base.errors import Conflict, NotFound, Unsupported

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_CHANGED = "storage-config-changed"


def create_volume(agent: Agent, asked: Asked) -> object:
    """Make a volume of a pool for something that keeps its own data there."""
    pool, name, said = _named(agent, asked)
    use, quota = said.get("use"), said.get("quota") or 0
    if use not in USES:
        raise wrong("use", f"must be one of {', '.join(USES)}")
    if not isinstance(quota, int) or isinstance(quota, bool) or quota < 0:
        raise wrong("quota", "must be a number of bytes; 0: as much as there is")
    if name in _volumes(agent.machine, pool):
        raise Conflict(f"{pool} has a volume {name}")
    limit = ("-o", f"quota={quota}") if quota else ()
    doing.perform(
        agent.machine, run("zfs", "create", "-o", f"{USE}={use}", *limit, f"{pool}/{name}")
    )
    provider.note(agent, _CHANGED)
    return {}


def delete_volume(agent: Agent, asked: Asked) -> object:
    """Destroy a volume with what is on it; with `force` what was made of it as well."""
    pool, name, said = _named(agent, asked)
    if name not in _volumes(agent.machine, pool):
        raise NotFound(f"{pool} has no volume {name}")
    force = ("-R",) if said.get("force") is True else ()
    doing.perform(agent.machine, run("zfs", "destroy", *force, f"{pool}/{name}", timeout_s=120.0))
    provider.note(agent, _CHANGED)
    return {}


def _named(agent: Agent, asked: Asked) -> tuple[str, str, Mapping[str, Any]]:
    said = asked.body if isinstance(asked.body, dict) else {}
    name = said.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise wrong("name", "must be letters, digits, '_', '.' and '-'")
    return named_pool(agent, said.get("pool"), "pool"), name, said


def _volumes(machine: Machine, pool: str) -> list[str]:
    return [str(each["name"]) for each in volumes(machine, pool)]


def import_pool(agent: Agent, asked: Asked) -> object:
    """Take on a pool that was made elsewhere, as after its drives have moved."""
    said = asked.body if isinstance(asked.body, dict) else {}
    name, machine = said.get("name"), agent.machine
    if not machine.runner.has("zpool"):
        raise Unsupported("there is no zpool here")
    if said.get("encryption_key"):
        raise Unsupported("encryption_key: load the key of a pool with zfs, once it is here")
    if name in look(machine, Storage()).pools:
        raise Conflict(f"{name} is here already")
    known = re.findall(r"^\s*pool: (\S+)$", machine.ask("zpool", "import").out, re.M)
    if not isinstance(name, str) or name not in known:
        there = ", ".join(known) or "none"
        raise NotFound(f"no drive of this machine has a pool {name or ''}; there is {there}")
    doing.perform(machine, run("zpool", "import", name, timeout_s=120.0))
    provider.note(agent, _CHANGED)
    return {}


def cleanup_root(agent: Agent, asked: Asked) -> object:
    raise Unsupported("this system keeps no earlier versions of itself: apt and journald clean up")
