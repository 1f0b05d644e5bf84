"""Begin anew: a service by force, or the machine as one that nobody has told anything."""

import logging
from collections.abc import Mapping

from muster.agent import certificate, doing, incus, provider
from muster.agent.agent import Agent
from muster.agent.envelope import Asked
from muster.agent.failures import Undone
from muster.agent.machine import Machine
from muster.agent.provider import PROVIDER, Provider
from muster.agent.said import read, written, wrong
from muster.agent.steps import run
from muster.base.errors import Conflict, MusterError, NotFound

LOG = logging.getLogger("muster.agent")
INCUS, CARDS = "/var/lib/incus", "/sys/class/net"
INSTANCES = "/1.0/instances?all-projects=true"
KEPT = ("system/network", "system/provider", "system/fallback-listener", "applications")


def service(agent: Agent, asked: Asked) -> object:
    """Have a service that hangs begin anew; what it was told stays, and is done again."""
    name = f"services/{asked.names['name']}"
    if name not in agent.keeper.nouns:
        raise NotFound(f"there is no {name}")
    agent.keeper.reset(name)
    return {}


# Note [What a reset of the machine keeps]
# Nothing is wiped. Incus's folder, with its instances and their disks, is moved aside, where it
# can be brought back from; what was put to the system and to services is taken back. The network
# and the agent's own certificate and trust stay, so that the machine can still be reached, and
# packages stay installed. People name the machine that they mean, and have to remove a member of
# a cluster from that before: the others would wait for it. Who looks after machines strikes it
# out himself, or has done so while it was away; he says by which token it is to register anew
# (`seeds`), which is done, and tried again, once all is reset.
def machine(agent: Agent, asked: Asked) -> object:
    """Take everything back. See Note [What a reset of the machine keeps]."""
    body = asked.body if isinstance(asked.body, dict) else {}
    name = agent.machine.name
    anew = _seeded(agent, body.get("seeds"))
    if anew is None and (not name or body.get("confirm") != name):
        raise wrong("confirm", f"has to be this machine's name, {name or 'which it lacks'}")
    environment = (incus.told(agent.machine, "/1.0") or {}).get("environment", {})
    if anew is None and environment.get("server_clustered"):
        raise Conflict("this machine's Incus is a member of a cluster: remove it there first")
    if agent.keeper.memory.journal:
        raise Conflict(f"{', '.join(agent.keeper.memory.journal)} waits to be confirmed")
    certificate.keep(agent.machine)
    _put_aside(agent.machine)
    if anew is not None:
        provider.want(agent, anew)
    faults = [fault for noun in _told(agent) if (fault := _taken_back(agent, noun))]
    agent.keeper.forget()
    if faults:
        raise Undone(f"what could not be taken back: {'; '.join(faults)}")
    return {}


def _seeded(agent: Agent, seeds: object) -> Mapping[str, object] | None:
    """Return by what to register anew: where it is registered, if nothing else is said."""
    seed = seeds.get("provider") if isinstance(seeds, dict) else None
    if not isinstance(seed, dict):
        return None
    if not seed.get("name"):
        raise wrong("seeds.provider.name", "is required")
    found = seed.get("config")
    said = found if isinstance(found, dict) else {}
    now: Provider = agent.keeper.config(PROVIDER.name)
    url = said.get("server_url") or now.config.server_url
    here = written(now.config) if url == now.config.server_url else {}
    config = {**said, **here, "server_url": url, "server_token": said.get("server_token")}
    anew = {"name": seed.get("name"), "config": config}
    provider.check(read(Provider, anew, "seeds.provider"))
    return anew


def _told(agent: Agent) -> list[str]:
    known = agent.keeper.nouns
    names = [each for each in agent.keeper.memory.configs if each in known and each not in KEPT]
    return sorted(names)  # services before the system that they are on


def _taken_back(agent: Agent, name: str) -> str:
    try:
        agent.keeper.put(name, {})
    except MusterError as error:
        LOG.error("%s is not taken back: %s", name, error.text)
        return f"{name}: {error.text}"
    return ""


# Note [An Incus that cannot end]
# An Incus that was struck out of its cluster while its machine was away waits for the others, and
# hears nothing meanwhile, not even that it is to end. One that has lost its majority says who it
# is, and no more. So only one that knows what runs on it is asked to end that, and the service
# manager is not waited for beyond its patience. Instances that went on without Incus are ended as
# well: they are elsewhere by now, or nobody's. So are its bridges: one that had no majority any
# more could not ask which are its own, and left them, and the next Incus makes none where there is
# one of that name.
_UNITS = ("incus.socket", "incus.service")
_KILL = run("systemctl", "kill", "--signal=SIGKILL", "incus.service", tolerated=True)
_REST = r"""
for each in $(pgrep -f '^\[lxc monitor\] /var/lib/incus/'); do pkill -KILL -P "$each"; done
pkill -KILL -f '^[^ ]*qemu-system[^ ]* .*/var/lib/incus/'
pkill -KILL -f '^[^ ]*dnsmasq .*/var/lib/incus/networks/'
""".strip()
STOP_S, SILENT_STOP_S = 20.0, 5.0


def _put_aside(machine: Machine) -> None:
    """Have Incus begin with nothing; where it cannot, it goes on with what it had."""
    if not machine.there(INCUS):
        return
    stamp = machine.clock.now().strftime("%Y%m%dT%H%M%S")
    _end(machine)
    try:
        doing.perform(machine, run("mv", "--no-target-directory", INCUS, f"{INCUS}.{stamp}"))
    finally:
        doing.perform(machine, run("systemctl", "start", *_UNITS, timeout_s=90.0))


def _end(machine: Machine) -> None:
    """Have nothing of Incus run any more. See Note [An Incus that cannot end]."""
    patience_s = SILENT_STOP_S
    if incus.told(machine, INSTANCES) is not None:
        words = ("incus", "admin", "shutdown", "--timeout=30")
        doing.perform(machine, run(*words, timeout_s=40.0, tolerated=True))
        patience_s = STOP_S
    stopping = run("systemctl", "stop", *_UNITS, timeout_s=patience_s, tolerated=True)
    if doing.perform(machine, stopping).code:
        doing.perform(machine, _KILL)
        doing.perform(machine, run("systemctl", "stop", *_UNITS, timeout_s=90.0))
    doing.perform(machine, run("sh", "-c", _REST, tolerated=True))
    for name in _devices(machine):
        doing.perform(machine, run("ip", "link", "delete", "dev", name, tolerated=True))


def _devices(machine: Machine) -> list[str]:
    """Return Incus's bridges that are still there, each after the tunnels that Incus has on it."""
    bridges = machine.names(f"{INCUS}/networks")
    return [
        each
        for name in bridges
        if machine.there(f"{CARDS}/{name}/bridge")
        for each in (*(n for n in machine.names(CARDS) if n.startswith(f"{name}-")), name)
    ]
