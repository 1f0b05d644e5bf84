"""The two documents of a cluster of machines: their services, and what Incus begins with."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from muster.decide.server_clusters.hidden import in_names

Fault = tuple[str, str]
Document = Mapping[str, Any]

# In the order in which they are set: what others are built on comes first.
SERVICES = (
    "ceph",
    "iscsi",
    "linstor",
    "nvme",
    "multipath",
    "lvm",
    "ovn",
    "tailscale",
    "netbird",
    "usbip",
)
LISTS = (
    "networks",
    "storage_pools",
    "storage_volumes",
    "profiles",
    "projects",
    "certificates",
    "cluster_groups",
)
SERVICES_FIELD, SEED_FIELD = "services_config", "application_seed_config"
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXTS = frozenset({"name", "type", "driver", "description", "project", "pool", "content_type"})
_MAPS = frozenset({"config", "devices"})


class _Plain(yaml.SafeLoader):
    """YAML without references: a few lines of those become gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases are not taken", event.start_mark)
        return super().compose_node(parent, index)


def read(text: str) -> Document | str:
    """Return the document that a text is, or why it is none. An empty one says nothing."""
    try:
        said = yaml.load(text, _Plain)  # of the safe kind
        fault = next(_misread(said, ""), "")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return " ".join(str(error).split()) or "it is no YAML"
    if said is None:
        return {}
    if not isinstance(said, dict) or not all(isinstance(each, str) for each in said):
        return "it must be an object of names"
    return fault or said


# Note [What YAML makes of a text]
# YAML reads more than JSON can say: dates, sets, bytes, numbers that are none or have hundreds of
# digits, keys that are no texts. Each would become something else on its way to a server, or
# nothing at all. So a document is of what both can say, and all else is refused where it stands.
def _misread(said: Any, field: str) -> Iterator[str]:
    """Yield what in a document a server could not be told. See Note [What YAML makes of a text]."""
    if isinstance(said, dict):
        for key, value in said.items():
            if not isinstance(key, str) or _SURROGATE.search(key):
                yield f"{field or 'it'} has a key that is no text: {key!r}"
            yield from _misread(value, f"{field}.{key}" if field else str(key))
    elif isinstance(said, list):
        for number, value in enumerate(said):
            yield from _misread(value, f"{field}[{number}]")
    elif fault := _scalar_fault(said):
        yield f"{field or 'it'} {fault}"


def _scalar_fault(said: Any) -> str:
    match said:
        case None | bool():
            return ""
        case int():
            return "" if -(1 << 63) <= said < 1 << 63 else "is a number beyond 64 bits"
        case float():
            return "" if math.isfinite(said) else "is no number"
        case str():
            return "has half of a character" if _SURROGATE.search(said) else ""
    return f"is a {type(said).__name__}; say it as a text, in quotes"


def text_faults(services: str, seed: str) -> Iterator[Fault]:
    """Yield what is wrong with both documents as texts: that they are none, or what is in them."""
    for field, text, faults in (
        (SERVICES_FIELD, services, service_faults),
        (SEED_FIELD, seed, seed_faults),
    ):
        said = read(text)
        if isinstance(said, str):
            yield field, said
        else:
            yield from faults(said)
            for name in in_names(said):
                yield field, f"has the secret {name} in a name, where it would be shown"


def service_faults(document: Document) -> Iterator[Fault]:
    """Yield what is wrong with a document of services."""
    for name, said in document.items():
        field = f"{SERVICES_FIELD}.{name}"
        if name not in SERVICES:
            yield field, f"is no service; there is {', '.join(SERVICES)}"
        elif not isinstance(said, Mapping):
            yield field, "must be an object"
        elif "config" in said and not isinstance(said["config"], Mapping):
            yield f"{field}.config", "must be an object"
        elif name == "lvm" and not isinstance(_config(said).get("enabled"), bool):
            yield f"{field}.enabled", "must be there, true or false"


def orders(document: Document, number: int | None) -> tuple[tuple[str, Document], ...]:
    """Return what each service of one machine is set to, in the order of SERVICES.

    `number` is what the machine bears among those that share disks, whatever the document says.
    """
    made = []
    for name in sorted(document, key=SERVICES.index):
        config = dict(_config(document[name]))
        if name == "lvm":
            config.pop("system_id", None)
            config |= {"system_id": number} if config.get("enabled") else {}
        made.append((name, {"config": config}))
    return tuple(made)


def needs_number(document: Document) -> bool:
    """Return whether machines with these services need a number of their own."""
    return bool(_config(document.get("lvm", {})).get("enabled"))


def _config(said: Document) -> Document:
    inner = said.get("config")
    return inner if isinstance(inner, Mapping) else said


def seed_faults(document: Document) -> Iterator[Fault]:
    """Yield what is wrong with what Incus is to begin with."""
    for name, said in document.items():
        field = f"{SEED_FIELD}.{name}"
        if name == "config":
            yield from () if isinstance(said, Mapping) else ((field, "must be an object"),)
        elif name not in LISTS:
            yield field, f"is not known here; there is config, {', '.join(LISTS)}"
        elif not isinstance(said, list):
            yield field, "must be a list"
        else:
            yield from _list_faults(field, said)


def _list_faults(field: str, said: Sequence[Any]) -> Iterator[Fault]:
    seen: set[tuple[str, ...]] = set()
    for number, each in enumerate(said):
        here = f"{field}[{number}]"
        yield from _item_faults(here, each)
        key = key_of(each) if isinstance(each, Mapping) else ()
        if key and key in seen:
            yield f"{here}.name", f"'{each['name']}' is there twice"
        seen.add(key)


def key_of(said: Document) -> tuple[str, ...]:
    """Return what tells one object of a list from the others; nobody's project is the default."""
    project = said.get("project") or "default"
    return tuple(str(each) for each in (said.get("name"), project, said.get("pool") or ""))


def _item_faults(field: str, said: Any) -> Iterator[Fault]:
    if not isinstance(said, Mapping):
        yield field, "must be an object"
        return
    if not said.get("name"):
        yield f"{field}.name", "is required"
    for key, value in said.items():
        if key in _TEXTS and not isinstance(value, str):
            yield f"{field}.{key}", "must be a string"
        elif key in _MAPS and not isinstance(value, Mapping):
            yield f"{field}.{key}", "must be an object"
