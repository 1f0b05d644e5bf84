"""JSON of this surface as values of ours, or `Invalid` with every field at fault."""

import re
from collections.abc import Mapping
from typing import Any

from muster.api.call import Call
from muster.api.reading import (
    At,
    Field,
    Fields,
    Kind,
    boolean,
    instant,
    integer,
    list_of,
    object_of,
    one_of,
    strictly,
    text,
)
from muster.model.machine import Kind as Server
from muster.model.machine_template import Variable
from muster.model.server_cluster import Rolling
from muster.model.server_job import Window

NAME = text(
    high=255,
    like=r"(?!:)[^\\/:*?\"<>|\s][^\\/:*?\"<>|]*",
    must='a name without \\ / : * ? " < > |',
)
HOSTNAME = text(
    high=63,
    like=r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
    must="a host's name: small letters, digits and '-'",
)
ANY = text(low=0, high=4096, lines=True)
URL = text(low=0, high=1024, like=r"(https://[^\s/?#]+(/[^\s]*)?)?", must="https://host:port")
DOCUMENT = text(low=0, high=1 << 18, lines=True)
PEM = text(low=0, high=65536, lines=True)


def _plain(value: Any) -> str | None:
    """Return a plain value as the string it is kept as, None for what is not plain."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def config_map(high: int = 1000) -> Kind:
    """An object whose values are plain; numbers and booleans are kept as strings."""

    def read(at: At, value: Any) -> Any:
        if not isinstance(value, dict):
            return at.wrong("must be an object")
        if len(value) > high:
            return at.wrong(f"must have at most {high} keys, not {len(value)}")
        made = {name: _plain(each) for name, each in value.items()}
        for name, each in made.items():
            if each is None or "\0" in each:
                return at.inside(name, name).wrong("must be a string, a number or a boolean")
        return made

    return Kind(read, {"type": "object"})


def config_document() -> Kind:
    def read(at: At, value: Any) -> Any:
        return value if isinstance(value, dict) else at.wrong("must be an object")

    return Kind(read, {"type": "object"})


_WORDS = ("description", "default", "type", "pattern")
_LIMITS = ("min", "max")


def _variable(said: Any) -> Variable | str:
    """Return a variable, or what it must be."""
    if not isinstance(said, dict) or set(said) - {*_WORDS, *_LIMITS, "choices"}:
        return f"must be an object of {', '.join((*_WORDS, *_LIMITS))} and choices"
    words = {name: _plain(said[name]) for name in _WORDS if name in said}
    if None in words.values():
        return f"must have strings as {', '.join(words)}"
    limits = {name: said[name] for name in _LIMITS if said.get(name) is not None}
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in limits.values()):
        return "must have numbers as min and max"
    choices = said.get("choices") or []
    if not isinstance(choices, list) or not all(isinstance(each, str) for each in choices):
        return "must have a list of strings as choices"
    texts: dict[str, Any] = {name: each or "" for name, each in words.items()}
    return Variable(**texts, **limits, choices=tuple(choices))


def _variables() -> Kind:
    def read(at: At, value: Any) -> Any:
        if not isinstance(value, dict):
            return at.wrong("must be an object")
        made = {name: _variable(said) for name, said in value.items()}
        for name, each in made.items():
            if isinstance(each, str):
                return at.inside(name, name).wrong(each)
        return made

    return Kind(read, {"type": "object"})


TOKEN: Fields = {
    "uses_remaining": Field(integer(0, 1_000_000), "how many may register by it", required=True),
    "expire_at": Field(instant(), "until when", required=True),
    "description": Field(ANY, "what it is for"),
    "channel": Field(ANY, "of the servers that register by it"),
}
SEED: Fields = {
    "name": Field(NAME, "what it is called"),
    "description": Field(ANY, "what it is for"),
    "public": Field(boolean(), "whoever knows the token may fetch it"),
    "seeds": Field(
        config_document(),
        "applications, install, migration_manager, network, operations_center, each an object",
        ours="parts",
    ),
}
_SAID: Fields = {
    "public_connection_url": Field(URL, "where people reach it"),
    "channel": Field(ANY, "where its updates come from; one in a cluster has that of it"),
    "description": Field(ANY, "what it is"),
    "properties": Field(config_map(), "whatever one wants to know of it"),
}
SERVER: Fields = dict(_SAID)
EXPECTED: Fields = {
    "name": Field(HOSTNAME, "what it will be called", required=True),
    "system_uuid": Field(ANY, "by which it will be known when it registers"),
    "machine_id": Field(ANY, "the same, where there is no system_uuid"),
    **_SAID,
}
REGISTRATION: Fields = {
    "name": Field(HOSTNAME, "its hostname", required=True),
    "connection_url": Field(URL, "where it is asked: https://host:8443", required=True),
    "public_connection_url": Field(URL, "where people reach it"),
    "machine_id": Field(ANY, "of /etc/machine-id"),
    "system_uuid": Field(ANY, "of its board"),
    "certificate": Field(PEM, "PEM: what it shows when it is asked; without: what it shows first"),
}
CALLED: Fields = {
    "connection_url": Field(URL, "where it is asked from now on"),
    "cause": Field(ANY, "why it calls"),
}
RENAME: Fields = {"name": Field(NAME, "its new name", required=True)}
RENAME_SERVER: Fields = {"name": Field(HOSTNAME, "its new name", required=True)}
TEMPLATE: Fields = {
    "name": Field(NAME, "what it is called"),
    "description": Field(ANY, "what it is for"),
    "service_config_template": Field(DOCUMENT, "YAML: services by name, with @VARIABLE@"),
    "application_config_template": Field(DOCUMENT, "YAML: a preseed, with @VARIABLE@"),
    "variables": Field(
        _variables(),
        "name: {description, default, type, pattern, min, max, choices}; without default: required",
    ),
}


def _names() -> Kind:
    def read(at: At, value: Any) -> Any:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return at.wrong("must be a list of names")
        if len(value) > 1000:
            return at.wrong(f"must have at most 1000 names, not {len(value)}")
        return tuple(value)

    return Kind(read, {"type": "array", "items": {"type": "string"}})


def _kind() -> Kind:
    known = [str(each) for each in Server if each is not Server.UNKNOWN]

    def read(at: At, value: Any) -> Any:
        return Server(value) if value in known else at.wrong(f"must be one of {', '.join(known)}")

    return Kind(read, {"type": "string", "enum": known})


_VALUES = "cluster_template_variable_values"
VALUES: Fields = {_VALUES: Field(config_map(), "values by the names of variables")}
CLUSTER: Fields = {
    "name": Field(NAME, "what it is called", required=True),
    "server_names": Field(_names(), "the servers that become its members", required=True),
    "server_type": Field(_kind(), "what they have to be for", required=True),
    "channel": Field(ANY, "where its updates come from; that of its servers"),
    "services_config": Field(config_document(), "services by name, set on every server"),
    "application_seed_config": Field(config_document(), "what Incus begins with: a preseed"),
    "cluster_template": Field(ANY, "a template, instead of both documents"),
    **VALUES,
}

_DELAY = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s)?")


def _delay() -> Kind:
    """How long, such as 15m or 1h30m; kept as seconds."""

    def read(at: At, value: Any) -> Any:
        said = _DELAY.fullmatch(value) if isinstance(value, str) else None
        if said is None:
            return at.wrong("must be a time such as 15m, 1h30m or 90s")
        hours, minutes, seconds = (int(each or 0) for each in said.groups())
        return float(hours * 3600 + minutes * 60 + seconds)

    return Kind(read, {"type": "string"})


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_WINDOW = re.compile(rf"(?:({'|'.join(_DAYS)}) )?{_TIME}-{_TIME}")


def _window() -> Kind:
    """A part of a day, such as 22:00-04:00 or Sat 01:00-05:00, in UTC."""

    def read(at: At, value: Any) -> Any:
        said = _WINDOW.fullmatch(value) if isinstance(value, str) else None
        if said is None:
            return at.wrong("must be a time of day, such as 22:00-04:00 or Sat 01:00-05:00 (UTC)")
        day = _DAYS.index(said[1]) if said[1] else None
        begin, end = (int(said[n]) * 60 + int(said[n + 1]) for n in (2, 4))
        return Window(begin=begin, end=end, weekday=day)

    return Kind(read, {"type": "string"})


def window_said(one: Window) -> str:
    """Return a window as it is said in a body."""
    times = (f"{each // 60:02}:{each % 60:02}" for each in (one.begin, one.end))
    day = f"{_DAYS[one.weekday]} " if one.weekday is not None else ""
    return f"{day}{'-'.join(times)}"


_HOOK = text(
    low=0,
    high=1024,
    like=r"(https?://[^\s/?#@]+(/[^\s]*)?)?",
    must="https://host/path, with no user in it: it is shown",
)
_ROLLING: Fields = {
    "post_restore_delay": Field(_delay(), "rest after each server", ours="post_restore_s"),
    "restore_mode": Field(one_of({"": "", "skip": "skip"}), "skip: instances stay where they are"),
    "windows": Field(list_of(_window(), 50), "when to begin with a server: Sat 01:00-05:00, UTC"),
    "max_parallel": Field(integer(1, 100), "how many may be away at once; 1"),
    "drain_timeout": Field(
        _delay(), "how long nodes of clusters may take to leave a server; 15m", ours="drain_s"
    ),
    "hook_before": Field(_HOOK, "a URL that is told before each server, and lets it go"),
    "hook_after": Field(_HOOK, "one that is told when something was done to a server"),
}
_CONFIG: Fields = {
    "rolling_restart": Field(
        object_of(_ROLLING, lambda _, said: Rolling(**said)), "how servers are restarted in turn"
    ),
    "cloud": Field(boolean(), "false: it becomes no cloud of its name"),
}
SERVER_CLUSTER: Fields = {
    "connection_url": Field(URL, "where people reach it"),
    "channel": Field(ANY, "where updates of its servers come from"),
    "description": Field(ANY, "what it is"),
    "properties": Field(config_map(), "whatever one wants to know of it"),
    "config": Field(object_of(_CONFIG), "how it is looked after"),
}
NEW_CLUSTER: Fields = {**SERVER_CLUSTER, **CLUSTER}
ADDING: Fields = {
    "server_names": Field(_names(), "the servers that join", required=True),
    "skip_post_join_operations": Field(boolean(), "taken, and of no meaning: joining is one job"),
    "copy_services_config": Field(boolean(), "taken; what the cluster was made with is always set"),
}
REMOVING: Fields = {
    "server_names": Field(_names(), "the servers that leave", required=True),
    "lost": Field(boolean(), "they do not answer: strike them out, and reset them once they do"),
}
CERTIFICATE: Fields = {
    "cluster_certificate": Field(PEM, "PEM", required=True),
    "cluster_certificate_key": Field(PEM, "its key, PEM; kept nowhere", required=True),
}
_FORCE: Fields = {"force": Field(boolean(), "although something has to stop meanwhile")}
REBOOT: Fields = {
    **_FORCE,
    "max_parallel": Field(integer(1, 100), "how many may be away at once; as its cluster says"),
    "on_failure": Field(
        one_of({"stop": False, "continue": True}),
        "stop, which is usual: begin with no further server; continue: with as many as may be away",
        ours="goes_on",
    ),
    "dry_run": Field(boolean(), "say only what would be done, and what speaks against it"),
}
ROUND: Fields = {"reboot": Field(boolean(), "reboot those servers that need it, too"), **REBOOT}

# What an object shows and nobody sets: whoever sends back what he was shown may leave it in.
READ_ONLY = frozenset(
    {
        "uuid",
        "last_updated",
        "last_seen",
        "fetched_at",
        "used_by",
        "token_uuid",
        "certificate",
        "fingerprint",
        "cluster",
        "server_type",
        "hardware_data",
        "os_data",
        "version_data",
        "bmc_data",
        "server_status",
        "server_status_detail",
        "server_status_reason",
        "system_state_is_trusted",
        "connection_url",
        "system_uuid",
        "machine_id",
        "name",
        "status",
        "update_status",
        "job",
        "cloud",
        "cloud_reason",
        "server_names",
    }
)


async def settable(call: Call, fields: Fields) -> dict[str, Any]:
    """Return the values of a body that may be one of an object shown before."""
    said: Mapping[str, Any] = await call.body()
    kept = {name: each for name, each in said.items() if name in fields or name not in READ_ONLY}
    return strictly(fields, kept)
