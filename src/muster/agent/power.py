"""Restart the machine, end it, or have it sleep: once whoever it belongs to was told."""

from muster.agent import doing, provider
from muster.agent.agent import Agent
from muster.agent.envelope import Asked
from muster.agent.steps import run
from muster.base.errors import Unsupported

_CAUSES = {
    "reboot": provider.REBOOTING,
    "poweroff": provider.GOING_DOWN,
    "suspend": provider.SLEEPING,
}


def leave(agent: Agent, verb: str) -> None:
    """Say where the machine goes while it can still be said, and go."""
    if not agent.machine.has_systemd:
        raise Unsupported(f"no systemd runs this machine, which alone could {verb} it")
    provider.note(agent, _CAUSES[verb])
    provider.tell(agent)
    doing.perform(agent.machine, run("systemctl", verb))


def reboot(agent: Agent, asked: Asked) -> object:
    leave(agent, "reboot")
    return {}


def poweroff(agent: Agent, asked: Asked) -> object:
    leave(agent, "poweroff")
    return {}


def suspend(agent: Agent, asked: Asked) -> object:
    leave(agent, "suspend")
    return {}
