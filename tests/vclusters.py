"""Requests for virtual clusters: the two use cases of the blueprint in all their forms."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

SERVER = {"imageRef": "demo-web", "flavorRef": "tiny"}


def server(name: str, **spec: Any) -> dict[str, Any]:
    return {"name": name, "type": "server", "spec": {**SERVER, **spec}}


def volume(name: str, size: Any = 10, **spec: Any) -> dict[str, Any]:
    return {"name": name, "type": "volume", "spec": {"size": size, **spec}}


def rule(word: str, *members: str, name: str = "g", **spec: Any) -> dict[str, Any]:
    return {"name": name, "membersRef": list(members), "spec": {"rule": word, **spec}}


def body(
    instances: Any, groupings: Sequence[Any] = (), name: str = "one", **said: Any
) -> dict[str, Any]:
    wanted = {"name": name, "instances": instances, "groupings": list(groupings)}
    return {"vcluster": wanted | said}


ONE_VOLUME = body([server("db"), volume("db-vol")], [rule("affinity", "db", "db-vol", name="g1")])
REDUNDANT = body(
    [server("db-1"), volume("db-1-vol"), server("db-2"), volume("db-2-vol")],
    [
        rule("affinity", "db-1", "db-1-vol", name="g1"),
        rule("affinity", "db-2", "db-2-vol", name="g2"),
        rule("anti-affinity", "db-1", "db-2", name="g3"),
        rule("anti-affinity", "db-1-vol", "db-2-vol", name="g3"),
    ],
    name="redundant-data",
)


def repeated(asked: Mapping[str, Any]) -> str:
    """Return a request as JSON that was XML before: a key for each element, lists in strings."""
    wanted = asked["vcluster"]

    def elements(singular: str, items: Sequence[Mapping[str, Any]]) -> str:
        keys = (f'"{singular}": {json.dumps(_strung(each))}' for each in items)
        return "{" + ", ".join(keys) + "}"

    told = {
        **{name: json.dumps(wanted[name]) for name in ("name", "cloud") if name in wanted},
        "instances": elements("instance", wanted["instances"]),
        "groupings": elements("grouping", wanted["groupings"]),
    }
    inside = ", ".join(f'"{key}": {value}' for key, value in told.items())
    return '{"vcluster": {' + inside + "}}"


def one_key(asked: Mapping[str, Any]) -> str:
    """Return a request whose lists stand below one key each."""
    wanted = dict(asked["vcluster"])
    wanted["instances"] = {"instance": wanted["instances"]}
    wanted["groupings"] = {"grouping": wanted["groupings"]}
    return json.dumps({"vcluster": wanted})


def _strung(item: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(item)
    if "membersRef" in told:
        told["membersRef"] = str(told["membersRef"])  # ['a', 'b'], as the blueprint writes it
    return told
