"""What each action takes, which parts of a server it reads, and what it makes of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from muster.decide.bulk import settings, targets
from muster.decide.bulk.orders import same
from muster.decide.bulk.words import Arg, Arguments, Fault, Refusal, faults_in, name, obj
from muster.model.bulk import State

After = Callable[[State, Arguments, int | None], State | Refusal]
APPLICATIONS, NETWORK = "applications", "system/network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    args: Mapping[str, Arg]
    parts: Callable[[Arguments], tuple[str, ...]]  # of the server that it reads and writes
    after: After  # by what a server is, what was said, and the number that it bears
    features: Callable[[Arguments], tuple[str, ...]] = lambda said: ()  # that a server has to have
    more: Callable[[Arguments], Iterator[Fault]] = lambda said: iter(())  # what else may be wrong


def _always(*parts: str) -> Callable[[Arguments], tuple[str, ...]]:
    return lambda said: parts


def _vlans(add: bool) -> Action:
    return Action(
        args={"interface_name": name("of an interface or a bond"), "vlan_tags": targets.TAGS},
        parts=_always(NETWORK),
        after=targets.tags(add),
        features=_always("network", "network.vlan_tags") if add else _always("network"),
    )


def _target(service: str, kind: targets.Targets, add: bool) -> Action:
    part = f"services/{service}"
    return Action(
        args=kind.args,
        parts=_always(part),
        after=targets.target(part, kind, add),
        features=_always(f"services.{service}") if add else _always(),
        more=kind.more,
    )


def _application(add: bool) -> Action:
    return Action(
        args={"name": name("of an application")},
        parts=_always(APPLICATIONS),
        after=targets.application(add),
        features=_always(APPLICATIONS),
    )


def _system(part: str, change: settings.Change, *features: str) -> Action:
    return Action(
        args={"config": obj("all of it: what is left out is reset")},
        parts=_always(part),
        after=settings.replaced(part, change),
        features=_always(*features),
        more=settings.faults_of(change),
    )


def _of_kernel(said: Arguments) -> tuple[str, ...]:
    """Return what a kernel has to be able to do; a part that says nothing asks for nothing."""
    config = said["config"]
    return tuple(f"kernel.{name}" for name in config if not same({name: config[name]}, {}))


ACTIONS: Mapping[str, Action] = {
    "add_network_interface_vlan_tags": _vlans(True),
    "remove_network_interface_vlan_tags": _vlans(False),
    "update_system_logging": _system("system/logging", settings.WHOLE),
    "update_system_kernel": Action(
        args={"config": obj("all of it: what is left out is reset")},
        parts=_always("system/kernel"),
        after=settings.replaced("system/kernel", settings.WHOLE),
        features=_of_kernel,
    ),
    "add_application": _application(True),
    "remove_application": _application(False),
    "add_iscsi_storage_target": _target("iscsi", targets.ISCSI, True),
    "remove_iscsi_storage_target": _target("iscsi", targets.ISCSI, False),
    "add_multipath_storage_target": _target("multipath", targets.MULTIPATH, True),
    "remove_multipath_storage_target": _target("multipath", targets.MULTIPATH, False),
    "add_nvme_storage_target": _target("nvme", targets.NVME, True),
    "remove_nvme_storage_target": _target("nvme", targets.NVME, False),
    "update_system_dns": _system(NETWORK, settings.DNS, "network"),
    "update_system_time": _system(NETWORK, settings.TIME, "network"),
    "update_system_update": _system("system/update", settings.UPDATE, "update"),
    "update_system_provider": _system("system/provider", settings.WHOLE),
    "set_service": Action(
        args={"service": settings.SERVICE, "config": obj("all of it: what is left out is reset")},
        parts=lambda said: (f"services/{said['service']}",),
        after=settings.service,
        features=lambda said: (f"services.{said['service']}",),
        more=settings.service_faults,
    ),
    "apply_desired_config": Action(
        args={"config": obj("as in desired-config")},
        parts=settings.desired_parts,
        after=settings.desired,
        more=settings.desired_faults,
    ),
}


def faults(action: str, said: Any) -> tuple[Fault, ...]:
    """Return everything that is wrong with what was asked for, by the names of fields."""
    if action not in ACTIONS:
        return (("action", f"must be one of {', '.join(ACTIONS)}, not '{action}'"),)
    if not isinstance(said, Mapping):
        return (("arguments", "must be an object"),)
    known = ACTIONS[action]
    found = tuple(faults_in(known.args, said))
    return found or tuple(known.more(said))
