"""The bodies of virtual clusters, in every form that they may have, as values."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from muster.api.reading import (
    WRONG,
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
    text,
    whole,
    words_by_name,
)
from muster.api.vclusters_v2.pairs import gathered
from muster.model import placing
from muster.model.placing import RULES, Scope
from muster.model.vcluster import (
    Grouping,
    Instance,
    ServerWords,
    VClusterAsk,
    VClusterChange,
    VolumeWords,
)
from muster.service.ask import Fault, refuse

MANY = 10_000
ELEMENTS = frozenset({"instance", "grouping"})
_REF = text(high=255)
_NAME = text(
    high=63,
    like=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    must="letters, digits, '.', '_', '-', beginning with a letter or digit",
)
_TYPES = {
    "server": placing.Kind.SERVER,
    "volume": placing.Kind.VOLUME,
    "block-storage": placing.Kind.VOLUME,
}


def _anything(at: At, value: Any) -> Any:
    return value


def _server(at: At, values: dict[str, Any]) -> Any:
    for ours, spelled in (("image", "imageRef"), ("flavor", "flavorRef")):
        if ours not in values:
            return at.inside(spelled, spelled).wrong("is required of a server")
    return ServerWords(**values)


def _volume(at: At, values: dict[str, Any]) -> Any:
    if "size_gib" not in values:
        return at.inside("size", "size").wrong("is required of a volume, in GiB")
    return VolumeWords(**values)


SERVER: Fields = {
    "image_ref": Field(_REF, "id or name of an image", required=True, ours="image"),
    "flavor_ref": Field(_REF, "id or name of a flavor", required=True, ours="flavor"),
    "key_name": Field(_REF, "of a stored SSH key"),
    "networks": Field(list_of(_REF, 16), "ids or names; default: the cloud's first"),
    "user_data": Field(text(low=0, high=65535, lines=True), "handed to the server"),
    "metadata": Field(words_by_name(128), "strings handed to the server"),
    "availability_zone": Field(_REF, "default: any", ours="zone"),
}
VOLUME: Fields = {
    "size": Field(integer(1, 2**20), "GiB", required=True, ours="size_gib"),
    "volume_type": Field(text(low=0), "a storage pool; default: the cloud's", ours="pool"),
    "attach_to": Field(
        _NAME, "a server's name; default: the one that it shares an affinity group with"
    ),
    "image_ref": Field(_REF, "what is to be in it", ours="image"),
}
_SPECS: Mapping[placing.Kind, Kind] = {
    placing.Kind.SERVER: object_of(SERVER, _server),
    placing.Kind.VOLUME: object_of(VOLUME, _volume),
}


def _instance(at: At, values: dict[str, Any]) -> Any:
    for name in ("name", "type"):
        if name not in values:
            return at.inside(name, name).wrong("is required")
    kind = values["type"]
    spec = _SPECS[kind].read(at.inside("spec", "spec"), values.get("spec", {}))
    if spec is WRONG:
        return WRONG
    server = spec if kind is placing.Kind.SERVER else None
    return Instance(name=values["name"], server=server, volume=None if server else spec)


def _spec_of_rule(at: At, values: dict[str, Any]) -> Any:
    if "rule" not in values:
        return at.inside("rule", "rule").wrong(f"is required: one of {', '.join(RULES)}")
    relation, scope, _ = RULES[values["rule"]]
    if "most" in values and relation is not placing.Relation.APART:
        return at.inside("max_per_host", "max_per_host").wrong("is for anti-affinity only")
    if scope is Scope.ZONE and values.get("scope") is Scope.HOST:
        return at.inside("scope", "scope").wrong(f"{values['rule']} is about zones")
    return values


RULE: Fields = {
    "rule": Field(one_of({word: word for word in RULES}), "how they are related", required=True),
    "scope": Field(one_of({each.value: each for each in Scope}), "default: host"),
    "max_per_host": Field(integer(1, MANY), "of anti-affinity; default 1", ours="most"),
}
_RULE = object_of(RULE, _spec_of_rule)


def _grouping(at: At, values: dict[str, Any]) -> Any:
    spec = _RULE.read(at.inside("spec", "spec"), values.get("spec", {}))
    if spec is WRONG:
        return WRONG
    if not values.get("members"):
        return at.inside("membersRef", "membersRef").wrong("names nobody")
    return Grouping(
        name=values.get("name", ""),
        members=tuple(dict.fromkeys(values["members"])),
        word=spec["rule"],
        scope=spec.get("scope"),
        most=spec.get("most", 1),
    )


def _members() -> Kind:
    """A list of names, also one that stands in a string: "[a, b]", "['a', 'b']", "a, b"."""
    listed = list_of(_NAME, MANY)

    def read(at: At, value: Any) -> Any:
        return listed.read(at, _listed(value) if isinstance(value, str) else value)

    return Kind(read, {"anyOf": [listed.schema, {"type": "string"}]})


def _listed(said: str) -> Any:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list):
        return found
    inside = re.fullmatch(r"\s*\[(.*)\]\s*", said, re.DOTALL)
    bare = (each.strip() for each in (inside[1] if inside else said).split(","))
    names = [re.sub(r"^(['\"])(.*)\1$", r"\2", each) for each in bare]
    return [] if names == [""] else names


def _elements(singular: str, each: Kind) -> Kind:
    """A list of things, or an object that says one key for each of them, or for all."""

    def read(at: At, value: Any) -> Any:
        if isinstance(value, dict) and (strange := next(iter(value.keys() - {singular}), None)):
            return at.inside(strange, strange).wrong(f"is not known here, but {singular} is")
        if not isinstance(value, dict | list):
            return at.wrong(f"must be a list, or an object with the key {singular}")
        told = list(_told(singular, value))
        if len(told) > MANY:
            return at.wrong(f"must have at most {MANY} items, not {len(told)}")
        items = [
            each.read(at.inside(f"[{number}]", spelled), item)
            for number, (spelled, item) in enumerate(told)
        ]
        return WRONG if WRONG in items else tuple(items)

    several = {"type": "array", "items": each.schema, "maxItems": MANY}
    return Kind(read, {"anyOf": [several, {"type": "object", "properties": {singular: several}}]})


def _told(singular: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every element with how it is spelled there."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield f"[{number}]", item
        return
    said = value.get(singular, [])
    items = [part for each in _list(said) for part in _list(each)]
    for number, item in enumerate(items):
        yield f".{singular}[{number}]", item


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


INSTANCE: Fields = {
    "name": Field(_NAME, "unique in the request", required=True),
    "type": Field(one_of(_TYPES), "block-storage is the same as volume", required=True),
    "spec": Field(Kind(_anything, {"type": "object"}), "of a server, or of a volume"),
}
GROUPING: Fields = {
    "name": Field(text(low=0), "a label, which may repeat"),
    "members_ref": Field(_members(), "names of instances", required=True, ours="members"),
    "spec": Field(Kind(_anything, _RULE.schema), "the rule", required=True),
}


def _vcluster(at: At, values: dict[str, Any]) -> Any:
    if "name" not in values:
        return at.inside("name", "name").wrong("is required")
    if not values.get("instances"):
        return at.inside("instances", "instances").wrong("must name at least one instance")
    return VClusterAsk(**values)


VCLUSTER: Fields = {
    "name": Field(_NAME, "unique in the project", required=True),
    "cloud": Field(text(high=63), "where; default: the server's default cloud"),
    "instances": Field(
        _elements("instance", object_of(INSTANCE, _instance)), "servers and volumes", required=True
    ),
    "groupings": Field(_elements("grouping", object_of(GROUPING, _grouping)), "rules between them"),
    "seconds": Field(number(0, 60, above=True), "that placing may take; default 10"),
}
CHANGE: Fields = {
    "instances": Field(
        _elements("instance", object_of(INSTANCE, _instance)), "servers and volumes to be added"
    ),
    "groupings": Field(_elements("grouping", object_of(GROUPING, _grouping)), "rules to be added"),
    "remove_instances": Field(list_of(_NAME, MANY), "names; what is on volumes is lost"),
    "remove_groupings": Field(list_of(text(low=0), MANY), "names; all that are called so"),
    "move_instances": Field(list_of(_NAME, MANY), "names; what goes together has to be named"),
    "to_host": Field(text(high=255), "the host that move_instances move to"),
    "allow_moves": Field(boolean(), "whether members that are there may move; default false"),
    "seconds": Field(number(0, 60, above=True), "that placing may take; default 10"),
}
PATCH: Fields = {
    "vcluster": Field(
        object_of(CHANGE, lambda at, values: VClusterChange(**values)), "changes", required=True
    )
}
BODY: Fields = {"vcluster": Field(object_of(VCLUSTER, _vcluster), "what is asked", required=True)}


def asked(body: bytes) -> tuple[VClusterAsk, Mapping[str, str]]:
    """Return what a body asks for, and how it spelled each field.

    Raises `Invalid` with every fault of form at once, by the caller's spelling.
    """
    return _read(BODY, body)


def change(body: bytes) -> tuple[VClusterChange, Mapping[str, str]]:
    """Return what a body asks to be changed, as `asked` does."""
    return _read(PATCH, body)


def _read(fields: Fields, body: bytes) -> tuple[Any, Mapping[str, str]]:
    notes = Notes()
    values = whole(fields, gathered(body, ELEMENTS), notes)
    if notes.faults:
        refuse(Fault(notes.spelled.get(f.field, f.field), f.message) for f in notes.faults)
    if "vcluster" not in values:
        refuse([Fault("vcluster", "is required")])
    return values["vcluster"], notes.spelled
