"""JSON -> what is asked of a cluster: one row per field of the contract."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from muster.api.reading import (
    At,
    Field,
    Fields,
    Kind,
    Notes,
    boolean,
    integer,
    list_of,
    number,
    object_of,
    one_of,
    shown,
    text,
    whole,
    words_by_name,
)
from muster.model.capacity import Amount
from muster.model.pool import Traffic
from muster.model.rollout import UpdateKind
from muster.model.scaling import Metric, Mode, Schedule, StepBand
from muster.service.ask import Ask

_DAY = 86400.0
_MANY = 100_000  # the limit per cluster is a setting; this only keeps numbers sane
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = rf"(?=.{{1,253}}$)({_LABEL}\.)+(?!\d+$){_LABEL}"


def amount() -> Kind:
    """A count, or a share as `"25%"`."""

    def read(at: At, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MANY:
            return Amount(value)
        digits = value[:-1] if isinstance(value, str) and value.endswith("%") else ""
        if digits.isascii() and digits.isdigit() and int(digits[:9]) <= 100:
            return Amount(int(digits), percent=True)
        return at.wrong(f'must be a count such as 2 or a share such as "25%", not {shown(value)}')

    count = {"type": "integer", "minimum": 0, "maximum": _MANY}
    return Kind(read, {"anyOf": [count, {"type": "string", "pattern": "^(100|[0-9]{1,2})%$"}]})


def _words(kind: Any) -> dict[str, Any]:
    return {each.value: each for each in kind}


_SECONDS = number(0, _DAY)
PREDICTIVE = {"on": True, "shadow": False}
_REF = text(high=255)

STRATEGY: Fields = {
    "kind": Field(one_of(_words(UpdateKind)), "rolling replaces; opportunistic lets scaling do it"),
    "max_surge": Field(amount(), "how many more than desired, rounded up"),
    "max_unavailable": Field(amount(), "how many fewer than desired, rounded down"),
    "min_ready_seconds": Field(_SECONDS, "healthy so long before it counts", ours="min_ready_s"),
    "canary": Field(amount(), "so many first, then wait", null=True),
    "canary_bake_seconds": Field(
        _SECONDS, "how long the canary is watched; null: until resumed", True, ours="canary_bake_s"
    ),
    "progress_deadline_seconds": Field(
        number(1, _DAY), "a wave stuck for so long has failed", ours="progress_deadline_s"
    ),
    "auto_rollback": Field(boolean(), "go back by itself when a wave fails"),
}
HEALTH: Fields = {
    "enabled": Field(boolean(), "replace what is dead or sick"),
    "failures": Field(integer(1, 100), "failed probes in a row that make an instance sick"),
    "start_timeout_seconds": Field(
        number(1, _DAY), "asked for and not ready so long has failed", ours="start_timeout_s"
    ),
    "storm_share": Field(number(0, 1), "more than this share sick at once: stop replacing"),
    "storm_rest_seconds": Field(_SECONDS, "before the first try in a storm", ours="storm_rest_s"),
    "max_tries": Field(integer(1, 1000), "failures in a row before a place rests for good"),
    "lost_wait_seconds": Field(
        number(0, _DAY),
        "a host that does not answer has so long to come back before its instances are replaced",
        ours="lost_wait_s",
    ),
    "fencing": Field(
        boolean(), "a dead host surely runs nothing: replace also what no probe can ask"
    ),
}
TLS: Fields = {
    "certificate": Field(text(high=65536, lines=True), "PEM", required=True),
    "private_key": Field(text(high=65536, lines=True), "PEM", required=True),
}
SCHEDULE: Fields = {
    "name": Field(text(high=63), "for people"),
    "cron": Field(text(high=255), "five fields: minute hour day month weekday", required=True),
    "time_zone": Field(text(high=63), "such as Europe/Berlin; default UTC", ours="zone"),
    "min_size": Field(integer(0, _MANY), "at least so many from then on", ours="low"),
    "max_size": Field(integer(0, _MANY), "at most so many from then on", ours="high"),
    "desired_size": Field(integer(0, _MANY), "so many, set once at that time", ours="desired"),
    "duration_seconds": Field(number(1, 366 * _DAY), "how long the bounds hold", ours="duration_s"),
}
STEP: Fields = {
    "above": Field(number(0, 1e9), "from this value of the metric", required=True),
    "change": Field(integer(-_MANY, _MANY), "so many more, or fewer", required=True),
}


def _tls(at: At, values: dict[str, Any]) -> Any:
    for name, header in (("certificate", "CERTIFICATE"), ("private_key", "PRIVATE KEY")):
        if name not in values:
            at.inside(name, name).wrong("is required with the other one")
        elif f"{header}-----" not in values[name]:
            at.inside(name, name).wrong(f"must be PEM: -----BEGIN {header}----- ...")
    return values


def _schedule(at: At, values: dict[str, Any]) -> Any:
    if "cron" not in values:
        return at.inside("cron", "cron").wrong("is required")
    made = Schedule(**values)
    if made.low is None and made.high is None and made.desired is None:
        return at.wrong("must set min_size, max_size or desired_size")
    if made.low is not None and made.high is not None and made.low > made.high:
        return at.wrong(f"min_size ({made.low}) must be at most max_size ({made.high})")
    return made


def _step(at: At, values: dict[str, Any]) -> Any:
    for name in STEP:
        if name not in values:
            return at.inside(name, name).wrong("is required")
    return StepBand(**values)


def _steps() -> Kind:
    plain = list_of(object_of(STEP, _step), 20)

    def read(at: At, value: Any) -> Any:
        bands = plain.read(at, value)
        if isinstance(bands, tuple):
            levels = [each.above for each in bands]
            if sorted(set(levels)) != levels:
                return at.wrong("must be in ascending order of `above`, each value once")
        return bands

    return Kind(read, plain.schema)


CLUSTER: Fields = {
    "name": Field(
        text(
            high=63, like=_LABEL, must="letters, digits and '-', not beginning or ending with '-'"
        ),
        "a DNS label; unique in the project",
        required=True,
    ),
    "image": Field(_REF, "id or name of an image or snapshot that the cloud has", required=True),
    "flavor": Field(_REF, "id or name", required=True),
    "min_size": Field(integer(0, _MANY), "fewest instances", required=True),
    "max_size": Field(integer(0, _MANY), "most instances", required=True),
    "desired_size": Field(
        integer(0, _MANY), "instances to begin with; default: min_size, and one at least"
    ),
    "backend_network": Field(_REF, "id or name of a private network; default: the cloud's first"),
    "keypair": Field(_REF, "name of a stored SSH key; needed for a bastion", null=True),
    "port": Field(integer(1, 65535), "the application's; default: what the image says"),
    "dns_name": Field(
        text(high=245, like=DOMAIN, must="a domain name such as web.example.org"),
        "the load balancer's address is published under it",
        null=True,
    ),
    "scale_out_threshold": Field(
        number(0, 1, above=True), "CPU share that adds an instance; 0.7 is 70 %", null=True
    ),
    "scale_in_threshold": Field(
        number(0, 1), "CPU share that removes one; less than scale_out_threshold", null=True
    ),
    "create_bastion": Field(boolean(), "a way in by SSH"),
    "cloud": Field(text(high=63), "where; default: the server's default cloud"),
    "protocol": Field(one_of({each.value: each.value for each in Traffic}), "default http"),
    "health_path": Field(
        text(high=1024, like=r"/[!-~]*", must="a path such as /health"),
        "answers 2xx where the application is well; default: what the image says, else /",
        null=True,
    ),
    "tls": Field(object_of(TLS, _tls), "for https; without: the balancer's own authority", True),
    "metric": Field(one_of(_words(Metric)), "what target and steps are about; default cpu", True),
    "query": Field(
        text(high=4096, lines=True),
        "for metric prometheus, in PromQL: gives one number, per instance",
        null=True,
    ),
    "target": Field(
        number(0, 1e9, above=True),
        "keep the mean per instance here: CPU share, or requests per second",
        null=True,
    ),
    "steps": Field(_steps(), "changes by level of the metric", null=True),
    "schedules": Field(list_of(object_of(SCHEDULE, _schedule), 50), "sizes by time", null=True),
    "scaling_mode": Field(
        one_of(_words(Mode)), "shadow decides and does nothing; default on", True
    ),
    "predictive": Field(
        one_of(PREDICTIVE), "a floor from a forecast; shadow tells it and does nothing", True
    ),
    "cooldown": Field(_SECONDS, "seconds after a change before instances are removed", null=True),
    "warm_up": Field(_SECONDS, "seconds after ready before an instance counts", null=True),
    "scale_out_window": Field(_SECONDS, "seconds a high must last; default 0", null=True),
    "scale_in_window": Field(
        _SECONDS, "seconds a low must last; default the larger of 300 and 3 boot times", null=True
    ),
    "update_strategy": Field(object_of(STRATEGY), "how another image or flavor comes in"),
    "health": Field(object_of(HEALTH), "when an instance counts as sick"),
    "drain_seconds": Field(_SECONDS, "how long open requests may last on the way out", null=True),
    "warm_pool": Field(integer(0, _MANY), "started instances kept aside", null=True),
    "zones": Field(list_of(text(high=63), 50), "where instances may be", null=True),
    "user_data": Field(text(low=0, high=65535, lines=True), "handed to every instance", null=True),
    "metadata": Field(words_by_name(128), "strings handed to every instance", null=True),
}
CHANGES: Fields = {
    name: Field(row.kind, row.about, row.null, ours=row.ours) for name, row in CLUSTER.items()
}
_KNOWN = frozenset(each.name for each in fields(Ask))


def asked(body: Mapping[str, Any], *, new: bool) -> tuple[Ask, Mapping[str, str]]:
    """Return what a body asks for, faults and all, and how it spelled each field.

    In a new cluster a null is as good as nothing; in a change it takes back what was said.
    """
    notes = Notes()
    values = whole(CLUSTER if new else CHANGES, body, notes)
    if new:
        values = {name: value for name, value in values.items() if value is not None}
    ask = Ask(given=frozenset(values), faults=tuple(notes.faults), **values)
    return ask, notes.spelled
