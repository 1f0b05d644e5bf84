"""What replaces settings of a server: whole parts of its system, services, and what is desired."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from muster.decide.bulk.words import Arg, Arguments, Fault, Refusal, is_whole
from muster.decide.server_clusters.documents import SERVICES
from muster.model.bulk import State

After = Callable[[State, Arguments, int | None], State | Refusal]
_NETWORK, _APPLICATIONS = "system/network", "applications"


@dataclass(frozen=True, slots=True)
class Change:
    """How what is said takes the place of what is there."""

    inside: str = ""  # a part of the part: dns of system/network
    kept: tuple[str, ...] = ()  # what stays where nothing is said of it
    own: tuple[str, ...] = ()  # what differs from server to server, and so is never said of all


WHOLE = Change()
DNS = Change(inside="dns", kept=("hostname",), own=("hostname",))
TIME = Change(inside="time")
UPDATE = Change(kept=("channel",))  # without one, a server would not know what to update to
SERVICE = Arg(
    lambda said: "" if said in SERVICES else f"must be one of {', '.join(SERVICES)}",
    "name of a service",
)


def replaced(part: str, change: Change) -> After:
    """Return what puts a configuration in the place of the one that is there."""

    def after(state: State, said: Arguments, number: int | None) -> State:
        return {**state, part: _put(state[part] or {}, said["config"], change)}

    return after


def _put(there: Mapping[str, Any], said: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    if change.inside:
        inner = Change(kept=change.kept)
        return {**there, change.inside: _put(there.get(change.inside) or {}, said, inner)}
    kept = {name: there[name] for name in change.kept if name in there}
    return {**kept, **said}


def faults_of(change: Change) -> Callable[[Arguments], Iterator[Fault]]:
    def faults(said: Arguments) -> Iterator[Fault]:
        for name in change.own:
            if name in said["config"]:
                yield f"arguments.config.{name}", "is each server's own, and not said of all"

    return faults


def service(state: State, said: Arguments, number: int | None) -> State:
    """Return a server with a service set. Whoever shares disks gets his own number."""
    part = f"services/{said['service']}"
    return {**state, part: _numbered(said["service"], said["config"], number)}


def _numbered(name: str, config: Mapping[str, Any], number: int | None) -> Mapping[str, Any]:
    if name != "lvm":
        return config
    rest = {key: each for key, each in config.items() if key != "system_id"}
    return {**rest, "system_id": number} if config.get("enabled") and number else rest


def service_faults(said: Arguments) -> Iterator[Fault]:
    if said["service"] == "lvm" and not isinstance(said["config"].get("enabled"), bool):
        yield "arguments.config.enabled", "must be there, true or false"


def needs_number(said: Arguments) -> bool:
    """Return whether servers that are told this need a number of their own."""
    config = said.get("config")
    if not isinstance(config, Mapping):
        return False
    services = config.get("services")
    lvm = services.get("lvm") if isinstance(services, Mapping) else None
    wanted = config if said.get("service") == "lvm" else lvm
    return isinstance(wanted, Mapping) and wanted.get("enabled") is True


# --- what is desired: what it does not speak of is left as it is -----------------------------
_SYSTEM = ("kernel", "logging", "update", "provider")
_INSIDE = ("dns", "time")
_KEYS = ("services", "system", "applications", "vlan_tags")


def desired_faults(said: Arguments) -> Iterator[Fault]:
    """Yield what is wrong with a document of what is desired, which is at `config`."""
    config = said["config"]
    for key in config:
        if key not in _KEYS:
            yield f"config.{key}", f"is not known here; there is {', '.join(_KEYS)}"
    yield from _object_faults(config, "services", SERVICES)
    yield from _object_faults(config, "system", (*_SYSTEM, *_INSIDE))
    names = config.get("applications", [])
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        yield "config.applications", "must be a list of names"
    tags = config.get("vlan_tags", {})
    if not isinstance(tags, Mapping) or not all(_is_tags(each) for each in tags.values()):
        yield "config.vlan_tags", "must be lists of numbers of VLANs, by the names of interfaces"


def _is_tags(said: Any) -> bool:
    return isinstance(said, list) and all(is_whole(each, 1, 4094) for each in said)


def _object_faults(config: Mapping[str, Any], key: str, known: tuple[str, ...]) -> Iterator[Fault]:
    there = config.get(key, {})
    if not isinstance(there, Mapping):
        yield f"config.{key}", "must be an object"
        return
    for name, each in there.items():
        if name not in known:
            yield f"config.{key}.{name}", f"is not known here; there is {', '.join(known)}"
        elif not isinstance(each, Mapping):
            yield f"config.{key}.{name}", "must be an object"
    dns = there.get("dns") if key == "system" else None
    if isinstance(dns, Mapping) and "hostname" in dns:
        yield "config.system.dns.hostname", "is each server's own, and not said of all"


def desired_parts(said: Arguments) -> tuple[str, ...]:
    """Return the parts of a server that what is desired speaks of."""
    config = said["config"]
    system = config.get("system") or {}
    network = config.get("vlan_tags") or any(name in system for name in _INSIDE)
    return (
        *(f"services/{name}" for name in SERVICES if name in (config.get("services") or {})),
        *(f"system/{name}" for name in _SYSTEM if name in system),
        *([_NETWORK] if network else ()),
        *([_APPLICATIONS] if config.get("applications") else ()),
    )


def desired(state: State, said: Arguments, number: int | None) -> State | Refusal:
    """Return a server as it is desired; what nobody speaks of stays as it is."""
    config = said["config"]
    made = dict(state)
    for name, wanted in (config.get("services") or {}).items():
        made[f"services/{name}"] = _with(state[f"services/{name}"], _numbered(name, wanted, number))
    system = config.get("system") or {}
    for name in _SYSTEM:
        if name in system:
            made[f"system/{name}"] = _with(state[f"system/{name}"], system[name])
    if _NETWORK in state:
        network = _network(state[_NETWORK] or {}, config)
        if isinstance(network, Refusal):
            return network
        made[_NETWORK] = network
    if _APPLICATIONS in state:
        made[_APPLICATIONS] = sorted({*(state[_APPLICATIONS] or ()), *config["applications"]})
    return made


def _with(there: Any, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is there with what is wanted in it; lists are wanted as they are said."""
    made = dict(there or {})
    for name, each in wanted.items():
        inner = isinstance(each, Mapping) and isinstance(made.get(name), Mapping)
        made[name] = _with(made[name], each) if inner else each
    return made


def _network(there: Mapping[str, Any], config: Arguments) -> Mapping[str, Any] | Refusal:
    system = config.get("system") or {}
    made = _with(there, {name: system[name] for name in _INSIDE if name in system})
    wanted = config.get("vlan_tags") or {}
    known = {
        device.get("name"): kind
        for kind in ("bonds", "interfaces")
        for device in made.get(kind) or ()
    }
    for name, tags in wanted.items():
        if name not in known:
            return Refusal(f"it has no interface and no bond '{name}'")
        kind = known[name]
        made = {**made, kind: [_device(each, name, tags) for each in made[kind]]}
    return made


def _device(device: Mapping[str, Any], name: str, tags: list[int]) -> Mapping[str, Any]:
    if device.get("name") != name or sorted(device.get("vlan_tags") or ()) == sorted(tags):
        return device
    return {**device, "vlan_tags": tags}
