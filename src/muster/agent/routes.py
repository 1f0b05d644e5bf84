"""Every route of the agent, in one table."""

from typing import Any

from muster.agent import (
    applications,
    backup,
    debug,
    doing,
    encryption,
    fallback,
    power,
    provider,
    reset,
    resources,
    security,
    storage,
    update,
    volumes,
)
from muster.agent.agent import Agent, Chore, Route
from muster.agent.applications import APPLICATIONS, INCUS
from muster.agent.ceph import CEPH
from muster.agent.envelope import Asked
from muster.agent.environment import environment
from muster.agent.fallback import FALLBACK
from muster.agent.iscsi import ISCSI
from muster.agent.keeper import Keeper
from muster.agent.kernel import KERNEL
from muster.agent.linstor import LINSTOR
from muster.agent.logging import LOGGING
from muster.agent.lvm import LVM
from muster.agent.machine import Machine
from muster.agent.multipath import MULTIPATH
from muster.agent.netbird import NETBIRD
from muster.agent.networkd import NETWORK
from muster.agent.noun import Noun
from muster.agent.nvme import NVME
from muster.agent.ovn import OVN
from muster.agent.provider import PROVIDER, Messenger
from muster.agent.said import written
from muster.agent.security import SECURITY
from muster.agent.steps import run
from muster.agent.storage import STORAGE
from muster.agent.tailscale import TAILSCALE
from muster.agent.update import UPDATE
from muster.agent.usbip import USBIP
from muster.base.errors import Invalid, NotFound

_SYSTEM = (FALLBACK, KERNEL, LOGGING, NETWORK, PROVIDER, SECURITY, STORAGE, UPDATE)
_SERVICES = (CEPH, ISCSI, LINSTOR, LVM, MULTIPATH, NETBIRD, NVME, OVN, TAILSCALE, USBIP)
_ALL: tuple[Noun[Any], ...] = (*_SYSTEM, *_SERVICES, APPLICATIONS, INCUS)
_READ_ONLY = ("system/resources",)
NOUNS: dict[str, Noun[Any]] = {each.name: each for each in _ALL}


def assembled(machine: Machine) -> Agent:
    chores = (Chore(update.tick, 60.0), Chore(Messenger().tick, 1.0))
    return Agent(machine, Keeper(machine, NOUNS), ROUTES, chores)


def versions(agent: Agent, asked: Asked) -> object:
    return [f"{asked.prefix}/1.0"]


def about(agent: Agent, asked: Asked) -> object:
    return {"environment": environment(agent.machine, {})}


def capabilities(agent: Agent, asked: Asked) -> object:
    return {
        feature: {"can": ability.can.value, "reason": ability.reason}
        for noun in agent.keeper.nouns.values()
        for feature, ability in noun.abilities(agent.machine).items()
    }


def services(agent: Agent, asked: Asked) -> object:
    nouns = agent.keeper.nouns
    return [f"{asked.prefix}/1.0/{name}" for name in sorted(nouns) if nouns[name].is_service]


def system(agent: Agent, asked: Asked) -> object:
    names = [*_READ_ONLY, *(n for n in agent.keeper.nouns if n.startswith("system/"))]
    return [f"{asked.prefix}/1.0/{name}" for name in sorted(names)]


# What is known of a noun besides what its machine shows.
_REMEMBERED = {
    UPDATE.name: update.shown,
    PROVIDER.name: provider.shown,
    FALLBACK.name: fallback.shown,
}


def show(agent: Agent, name: str) -> object:
    noun, config = _noun(agent, name), agent.keeper.config(name)
    state = dict(noun.state(agent.machine, config))
    if name in _REMEMBERED:
        state |= _REMEMBERED[name](agent)
    if noun.may_wait:
        state["configuration_in_process"] = agent.keeper.pending(name)
    return {"config": written(config, masked=True), "state": state}


def put(agent: Agent, name: str, asked: Asked) -> object:
    _noun(agent, name)
    if not isinstance(asked.body, dict) or "config" not in asked.body:
        raise Invalid('config: is required: the body is {"config": {...}}', field="config")
    is_new = agent.keeper.put(name, asked.body["config"])
    if is_new and name == NETWORK.name and not agent.keeper.pending(name):
        provider.note(agent, provider.NETWORK_CHANGED)
    return {}


def show_service(agent: Agent, asked: Asked) -> object:
    return show(agent, f"services/{asked.names['name']}")


def put_service(agent: Agent, asked: Asked) -> object:
    return put(agent, f"services/{asked.names['name']}", asked)


def show_system(agent: Agent, asked: Asked) -> object:
    return show(agent, f"system/{asked.names['name']}")


def put_system(agent: Agent, asked: Asked) -> object:
    return put(agent, f"system/{asked.names['name']}", asked)


def confirm_network(agent: Agent, asked: Asked) -> object:
    agent.keeper.confirm(NETWORK.name)
    provider.note(agent, provider.NETWORK_CHANGED)
    return {}


def flush_dns(agent: Agent, asked: Asked) -> object:
    doing.perform(agent.machine, run("resolvectl", "flush-caches"))
    return {}


def _noun(agent: Agent, name: str) -> Noun[Any]:
    found = agent.keeper.nouns.get(name)
    if found is None:
        raise NotFound(f"there is no {name}")
    return found


_APP = "/1.0/applications"
_STORAGE, _SECURITY = "/1.0/system/storage", "/1.0/system/security"
ROUTES = (
    Route("GET", "/", versions, "The versions of this interface."),
    Route("GET", "/1.0", about, "The machine: name, ids, system, how long it runs."),
    Route("GET", "/1.0/capabilities", capabilities, "What this machine can do, or why not."),
    Route("GET", _APP, applications.listed, "The applications that are installed."),
    Route("POST", _APP, applications.add, "Install the application `name`, and what it needs."),
    Route("GET", _APP + "/{name}", applications.show, "An application: its versions."),
    Route("PUT", _APP + "/{name}", applications.put, "Have it be so: of incus, its `lxcfs`."),
    Route("POST", _APP + "/{name}/:restart", applications.restart, "Restart its daemons."),
    Route("POST", _APP + "/{name}/:remove", applications.remove, "Remove it; its data stays."),
    Route("GET", "/1.0/services", services, "The services that can be configured."),
    Route("GET", "/1.0/services/{name}", show_service, "A service: its config and state."),
    Route("PUT", "/1.0/services/{name}", put_service, "Have a service be so."),
    Route("POST", "/1.0/services/{name}/:reset", reset.service, "End what hangs, begin anew."),
    Route("GET", "/1.0/debug", debug.listed, "What there is to look for faults in."),
    Route("GET", "/1.0/debug/kernel", debug.kernel, "The messages of the kernel, as text."),
    Route("GET", "/1.0/debug/log", debug.log, "The journal: of `unit`, `boot`, last `entries`."),
    Route("GET", "/1.0/debug/processes", debug.processes, "What runs, as text."),
    Route("GET", "/1.0/system", system, "The parts of the system that can be configured."),
    Route("GET", "/1.0/system/resources", resources.show, "What the machine is made of."),
    Route("GET", "/1.0/system/{name}", show_system, "A part of the system: config and state."),
    Route("PUT", "/1.0/system/provider", provider.put, "Register there, and belong to it."),
    Route("PUT", "/1.0/system/{name}", put_system, "Have a part of the system be so."),
    Route("POST", "/1.0/system/:reboot", power.reboot, "Restart the machine."),
    Route("POST", "/1.0/system/:poweroff", power.poweroff, "Switch the machine off."),
    Route(
        "POST", "/1.0/system/:backup", backup.backup, "What makes it this machine again, a file."
    ),
    Route("POST", "/1.0/system/:restore", backup.restore, "Be as a backup says; `skip=a,b`."),
    Route("POST", "/1.0/system/:suspend", power.suspend, "Put the machine to sleep."),
    Route(
        "POST", "/1.0/system/:factory-reset", reset.machine, "Take all back: `confirm` is its name."
    ),
    Route("POST", "/1.0/system/update/:check", update.check, "Install what is newer now."),
    Route("POST", "/1.0/system/storage/:scrub-pool", storage.scrub, "Read all of a pool."),
    Route("POST", "/1.0/system/storage/:delete-pool", storage.delete, "Destroy a pool, for good."),
    Route("POST", _STORAGE + "/:wipe-drive", encryption.wipe, "Forget what a drive was."),
    Route("POST", _STORAGE + "/:create-volume", volumes.create_volume, "Make a volume of a pool."),
    Route("POST", _STORAGE + "/:delete-volume", volumes.delete_volume, "Destroy it; `force`."),
    Route("POST", _STORAGE + "/:import-pool", volumes.import_pool, "Take on one from elsewhere."),
    Route("POST", _STORAGE + "/:encrypt-drive", encryption.encrypt, "Wipe and encrypt."),
    Route("POST", _STORAGE + "/:import-encrypted-drive", encryption.take_on, "Open it by `key`."),
    Route("POST", _STORAGE + "/:cleanup-root", volumes.cleanup_root, "Refused, and why."),
    Route("POST", _SECURITY + "/:retrieved", security.retrieved, "Refused, and why."),
    Route("POST", _SECURITY + "/:tpm-rebind", security.tpm_rebind, "Refused, and why."),
    Route("POST", "/1.0/system/network/:confirm", confirm_network, "Keep the new network."),
    Route("POST", "/1.0/system/network/:flush-dns", flush_dns, "Forget what names resolved to."),
)
