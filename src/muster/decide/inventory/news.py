"""What an event of Incus is about, as far as the inventory goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from muster.decide.inventory.kinds import RULES
from muster.model.inventory import Kind

_MEMBER = "cluster-member-"  # evacuated, restored ...: instances are elsewhere then
_BY_SEGMENT = {rule.segment: kind for kind, rule in RULES.items() if rule.inside is None}
_INSIDE = {
    (RULES[rule.inside].segment, rule.segment): kind
    for kind, rule in RULES.items()
    if rule.inside is not None
}


@dataclass(frozen=True, slots=True)
class Concern:
    """What has to be read again: a whole kind, or one thing of it."""

    kind: Kind
    project: str = ""
    name: str = ""


# Note [One or all]
# There are many instances, each is often told of, and it is large: so one alone is read. Of the
# other kinds there are few. They are read whole, which also shows what became of what is in what
# changed, and of what was renamed.
def concerns(event: Mapping[str, Any]) -> Iterator[Concern]:
    """Yield what an event makes be read again. See Note [One or all]."""
    if event.get("type") not in (None, "lifecycle"):
        return
    told = event.get("metadata") or {}
    action, source = str(told.get("action") or ""), urlsplit(str(told.get("source") or ""))
    if action.startswith(_MEMBER):
        yield Concern(Kind.INSTANCES)
        return
    names = [unquote(each) for each in source.path.split("/") if each][1:]  # without 1.0
    kind = _kind(names)
    if kind is None:
        return
    if kind is not Kind.INSTANCES:
        yield Concern(kind)
        return
    said = parse_qs(source.query).get("project") or [""]
    project = str(event.get("project") or told.get("project") or said[0] or "default")
    yield Concern(kind, project, names[1])
    old = (told.get("context") or {}).get("old_name")
    if old:
        yield Concern(kind, project, str(old))


def _kind(names: list[str]) -> Kind | None:
    if len(names) < 2:
        return None
    if len(names) > 2 and (names[0], names[2]) in _INSIDE:
        return _INSIDE[names[0], names[2]]
    return _BY_SEGMENT.get(names[0])


def merged(concerned: set[Concern]) -> tuple[Concern, ...]:
    """Return the same without single things of kinds that are read whole anyway."""
    whole = {each.kind for each in concerned if not each.name}
    kept = (each for each in concerned if not each.name or each.kind not in whole)
    return tuple(sorted(kept, key=lambda each: (each.kind, each.project, each.name)))
