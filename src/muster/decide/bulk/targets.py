"""What is added to lists of a server or removed from them: tags, disks elsewhere, applications."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from muster.decide.bulk.words import Arg, Arguments, Fault, Refusal, among, is_whole, text, whole
from muster.model.bulk import State

After = Callable[[State, Arguments, int | None], State | Refusal]
_NETWORK, _APPLICATIONS = "system/network", "applications"


def _wrong_tags(said: Any) -> str:
    good = isinstance(said, list | tuple) and said and all(is_whole(n, 1, 4094) for n in said)
    return "" if good else "must be a list of whole numbers from 1 to 4094"


TAGS = Arg(_wrong_tags, "numbers of VLANs")


def _without(said: Arguments) -> Iterator[Fault]:
    yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """A list of disks elsewhere, in the configuration of a service."""

    list: str  # the key under which it stands
    args: Mapping[str, Arg]
    plain: str = ""  # the one argument that stands there by itself, where it is no object
    more: Callable[[Arguments], Iterator[Fault]] = _without


_ADDRESS = text("of the target", r"[^\s/]{1,255}", "an address")


def _fabric(said: Arguments) -> Iterator[Fault]:
    if said["transport"] == "tcp" and said.get("port") is None:
        yield "arguments.port", "is required: a target over tcp has one"


ISCSI = Targets(
    list="targets",
    args={
        "target": text("its name", r"(iqn|eui|naa)\.[^\s]{1,230}", "the name of a target: iqn...."),
        "address": _ADDRESS,
        "port": whole("of the target", 1, 65535),
    },
)
MULTIPATH = Targets(
    list="wwns",
    args={"wwn": text("of the disk", r"0x[0-9a-f]{8,64}", "as 0x and small hexadecimal digits")},
    plain="wwn",
)
NVME = Targets(
    list="targets",
    args={
        "transport": among("how it is reached", "tcp", "fc"),
        "address": _ADDRESS,
        "port": whole("of the target", 1, 65535, required=False),
        "nqn": text("of one subsystem", r"nqn\.[^\s]{1,219}", "a name: nqn....", required=False),
        "host_address": text(
            "which it is reached from", r"[^\s]{1,255}", "an address", required=False
        ),
    },
    more=_fabric,
)


def target(part: str, kind: Targets, add: bool) -> After:
    """Return what adds a target to a service, which is on then, or removes it from there."""

    def after(state: State, said: Arguments, number: int | None) -> State:
        config: Mapping[str, Any] = state[part] or {}
        there = list(config.get(kind.list) or ())
        wanted = _target(kind, said)
        others = [each for each in there if not _same(kind, each, wanted)]
        found = len(others) < len(there)
        if add and (not found or not config.get("enabled")):
            rest = there if found else [*there, wanted]
            return {**state, part: {**config, "enabled": True, kind.list: rest}}
        if not add and found:
            return {**state, part: {**config, kind.list: others}}
        return state

    return after


def _target(kind: Targets, said: Arguments) -> Any:
    if kind.plain:
        return said[kind.plain]
    return {name: said[name] for name in kind.args if said.get(name) is not None}


def _same(kind: Targets, one: Any, other: Any) -> bool:
    """Return whether both are one target: each field that may be said is the same."""
    if kind.plain or not isinstance(one, Mapping):
        return bool(one == other)
    return all((one.get(name) or None) == other.get(name) for name in kind.args)


def tags(add: bool) -> After:
    """Return what lets tags through at an interface or bond of that name, or lets them no more."""

    def after(state: State, said: Arguments, number: int | None) -> State | Refusal:
        config: Mapping[str, Any] = state[_NETWORK] or {}
        for kind in ("interfaces", "bonds"):  # an interface comes first where both are called so
            devices = list(config.get(kind) or ())
            for at, device in enumerate(devices):
                if device.get("name") == said["interface_name"]:
                    devices[at] = _tagged(device, said["vlan_tags"], add)
                    return {**state, _NETWORK: {**config, kind: devices}}
        return Refusal(f"it has no interface and no bond '{said['interface_name']}'")

    return after


def _tagged(device: Mapping[str, Any], said: list[int], add: bool) -> Mapping[str, Any]:
    there = list(device.get("vlan_tags") or ())
    if add:
        wanted = [*there, *(each for each in dict.fromkeys(said) if each not in there)]
    else:
        wanted = [each for each in there if each not in said]
    return device if wanted == there else {**device, "vlan_tags": wanted}


def application(add: bool) -> After:
    """Return what has an application be there, or not."""

    def after(state: State, said: Arguments, number: int | None) -> State:
        there = list(state[_APPLICATIONS] or ())
        wanted = [each for each in there if each != said["name"]]
        return {**state, _APPLICATIONS: sorted([*wanted, said["name"]] if add else wanted)}

    return after
