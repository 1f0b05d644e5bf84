"""Waiting until a cluster is what was asked for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from muster.client.http import ApiError, Session, at

DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "RESUME_COMPLETE")


class Failed(Exception):
    """What was waited for has ended badly, or in time it has not ended at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    done: int
    total: int
    reason: str
    finished: bool


def path(cluster: dict[str, Any]) -> str:
    return f"/v1/clusters/{cluster['stack_name']}/{cluster['stack_id']}"


# Note [What an update may come to]
# Whoever wished for an update wants to know that it came in: one that went back by itself
# ends well for the cluster and badly for him. Whoever wished for the way back is content
# with it, and so is who changed something else after an update had gone back. What the
# answer to the wish said of the update tells them apart. And an update that was paused
# before the wish stays so: there is nothing to wait for but the size.
FORWARD = ("rolling", "baking")
UNDER_WAY = (*FORWARD, "rolling_back", "paused")


def progress(cluster: dict[str, Any], began: str = "") -> Progress:
    """Say how far a cluster is from settled, and raise `Failed` if it got stuck.

    `began` is the state that its update had when the waiting began. See Note [What an
    update may come to].
    """
    status, update = str(cluster["stack_status"]), cluster.get("update") or {}
    state = str(update.get("state") or "")
    if status.endswith("_FAILED"):
        raise Failed(f"{cluster['name']}: {status}: {cluster.get('status_reason') or ''}")
    if began in FORWARD and state == "rolled_back":
        raise Failed(f"{cluster['name']}: the update was rolled back: {update.get('reason') or ''}")
    if state in UNDER_WAY:
        return Progress(
            done=update.get("done") or 0,
            total=update.get("total") or cluster["desired_size"],
            reason=f"update {state}: {update.get('reason') or ''}",
            finished=state == began == "paused" and _full(cluster),
        )
    return Progress(
        done=cluster["running_instances"],
        total=cluster["desired_size"],
        reason=cluster.get("status_reason") or status,
        finished=status in DONE,
    )


def _full(cluster: dict[str, Any]) -> bool:
    return bool(cluster["running_instances"] >= cluster["desired_size"])


def until_settled(
    session: Session, cluster: dict[str, Any], timeout_s: float
) -> Iterator[Progress]:
    """Yield progress until the cluster is as asked; the last one yielded is finished.

    `cluster` is what the wish was answered with.
    """
    began = str((cluster.get("update") or {}).get("state") or "")
    for seen in _looks(lambda: session.call("GET", path(cluster)), timeout_s):
        now = progress(seen, began)
        yield now
        if now.finished:
            return
    raise Failed(f"{cluster['name']} is not settled after {timeout_s:g} s")


def until_gone(session: Session, cluster: dict[str, Any], timeout_s: float) -> Iterator[Progress]:
    """Yield progress until the cluster no longer exists."""
    total = max(len(cluster.get("instances") or ()), 1)
    try:
        for seen in _looks(lambda: session.call("GET", path(cluster)), timeout_s):
            left = len(seen.get("instances") or ())
            reason = seen.get("status_reason") or "deleting"
            yield Progress(done=max(total - left, 0), total=total, reason=reason, finished=False)
    except ApiError as error:
        if error.status != 404:
            raise
        yield Progress(done=total, total=total, reason="gone", finished=True)
        return
    raise Failed(f"{cluster['name']} is still there after {timeout_s:g} s")


def until_ended(session: Session, action_id: str, timeout_s: float) -> Iterator[Progress]:
    """Yield progress until the action has succeeded; raise `Failed` if it ends otherwise."""
    for seen in _looks(lambda: session.call("GET", at("actions", action_id)), timeout_s):
        action = seen["action"]
        status, why = action["status"], action.get("status_reason") or ""
        if status in ("FAILED", "CANCELLED"):
            raise Failed(f"{action['action']} {status.lower()}: {why}")
        ended = status == "SUCCEEDED"
        yield Progress(done=int(ended), total=1, reason=why or status, finished=ended)
        if ended:
            return
    raise Failed(f"not done after {timeout_s:g} s; see it: muster action show {action_id}")


def until_whole(session: Session, where: str, timeout_s: float) -> Any:
    """Return a virtual cluster once all of it is there; raise `Failed` if it cannot be."""
    for answer in _looks(lambda: session.call("GET", where), timeout_s):
        seen = answer["vcluster"]
        if seen["status"] in ("ERROR", "DELETING", "ROLLING_BACK"):
            raise Failed(f"{seen['name']}: {seen['status']}: {seen['status_reason']}")
        if seen["status"] in ("ACTIVE", "WARNING"):
            return seen
    raise Failed(f"not there after {timeout_s:g} s; see it: muster vcluster list")


def until_over(session: Session, where: str, timeout_s: float) -> Any:
    """Return a bulk update once it has ended, however that was."""
    for answer in _looks(lambda: session.call("GET", where), timeout_s):
        seen = answer["metadata"]
        if seen["status"] not in ("running", "reverting"):
            return seen
    id = where.rpartition("/")[2]
    raise Failed(f"not over after {timeout_s:g} s; see it: muster server-cluster bulk-show {id}")


def _looks(ask: Callable[[], Any], timeout_s: float) -> Iterator[Any]:
    end = time.monotonic() + timeout_s
    pause = 0.1
    while time.monotonic() < end:
        yield ask()
        time.sleep(pause)
        pause = min(pause * 1.2, 1.0)
