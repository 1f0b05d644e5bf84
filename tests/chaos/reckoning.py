"""Afterwards: what the cloud has is what the database says is what was wished."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from chaos.player import Player, Wished
from house import House, until
from muster.client.http import Session

Instances = Callable[[], Mapping[str, str]]  # every instance of the cloud: ref -> cluster id


def all_of(session: Session, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
    """Return every row of a list, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        marker = rows[-1]["id"] if rows else None
        page = session.call("GET", path, query={**query, "limit": 500, "marker": marker})[key]
        rows += page
        if not page:
            return rows


def reckon(house: House, player: Player, instances: Instances, deadline_s: float = 240) -> None:
    """Wait until all is quiet, then compare the three accounts with each other."""
    with house.session() as session:

        def quiet() -> bool:
            rows = session.call("GET", "/v1/clusters")["clusters"]
            busy = [r for r in rows if not r["stack_status"].endswith("_COMPLETE")]
            return not busy and not open_actions(session)

        def settle() -> None:
            try:
                until(quiet, deadline_s, "all is quiet")
            except AssertionError:
                raise AssertionError(story(session)) from None

        settle()
        for name, wish in player.wished.items():
            same_cluster(house, session, name, wish)
        same_instances(session, instances, deadline_s)
        settle()  # what broke at the last moment may have been noticed, and replaced, only since
        records_are_whole(session, player)


def open_actions(session: Session) -> list[dict[str, Any]]:
    return [
        action
        for status in ("INIT", "READY", "RUNNING", "WAITING")
        for action in session.call("GET", "/v1/actions", query={"status": status})["actions"]
    ]


def story(session: Session) -> str:
    """What did not come to rest, with what happened to it last."""
    told = [f"{each['action']} is open: {each}" for each in open_actions(session)]
    for row in session.call("GET", "/v1/clusters")["clusters"]:
        told.append(f"{row['name']} {row['stack_status']} {row['status_reason']}")
        nodes = session.call("GET", "/v1/nodes", query={"cluster_id": row["id"]})["nodes"]
        told += [f"  {n['name']} {n['status']} {n['status_reason']} {n['data']}" for n in nodes]
        query = {"cluster_id": row["id"], "limit": 25, "sort": "timestamp:desc"}
        for event in session.call("GET", "/v1/events", query=query)["events"][::-1]:
            told.append(
                f"    {event['timestamp']} {event['kind']} {event['oname']}"
                f" {event['status_reason']}"
            )
    return "\n".join(told)


def same_cluster(house: House, session: Session, name: str, wish: Wished) -> None:
    rows = session.call("GET", "/v1/clusters", query={"name": name})["clusters"]
    assert bool(rows) in wish.there, (name, wish, rows)
    if not rows:
        return
    seen = house.details(session, name)
    assert seen["desired_size"] in wish.sizes, (name, wish, seen["desired_size"])
    assert len(seen["instances"]) == seen["desired_size"], (name, story(session))
    assert seen["image"] in wish.images or (seen["update"] or {}).get("state") != "done", (
        name,
        wish,
        seen["image"],
        seen["update"],
    )
    assert {i["image"] for i in seen["instances"]} <= {seen["image"]}, (name, seen)
    indexes = Counter(i["name"] for i in seen["instances"])
    assert set(indexes.values()) <= {1}, indexes


def same_instances(session: Session, instances: Instances, deadline_s: float) -> None:
    """Nothing leaked, nothing lost: both ways. Strays have a grace time to go in."""

    def shown() -> dict[str, str]:
        rows = session.call("GET", "/v1/instances")["instances"]
        return {r["ref"]: r["cluster_id"] for r in rows}

    try:
        until(lambda: dict(instances()) == shown(), deadline_s, "cloud and database agree")
    except AssertionError:
        raise AssertionError((dict(instances()), shown(), story(session))) from None


def records_are_whole(session: Session, player: Player) -> None:
    """Each promise has its action, each action ended once, no event is there twice."""
    actions = all_of(session, "/v1/actions", "actions")
    assert len({a["id"] for a in actions}) == len(actions)
    assert {a["status"] for a in actions} <= {"SUCCEEDED", "FAILED", "CANCELLED"}
    wishes = Counter(a["target"] for a in actions if a["action"].startswith("CLUSTER_"))
    for _, wish in [*player.finished, *player.wished.items()]:
        if wish.cluster_id:
            low, high = len(wish.promised), len(wish.promised) + wish.unheard
            # A PATCH that changes nothing is answered, and is no wish.
            assert wishes[wish.cluster_id] <= high, (wish, wishes[wish.cluster_id])
            assert wishes[wish.cluster_id] >= min(low, 1), (wish, wishes[wish.cluster_id])
    events = all_of(session, "/v1/events", "events")
    assert len({e["id"] for e in events}) == len(events)
