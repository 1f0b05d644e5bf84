"""Waiting until a cluster is what was asked for."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from muster.client.http import ApiError, Session

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


def progress(cluster: dict[str, Any]) -> Progress:
    """Say how far a cluster is from settled. Raises `Failed` if it got stuck."""
    status = str(cluster["stack_status"])
    if status.endswith("_FAILED"):
        raise Failed(f"{cluster['name']}: {status}: {cluster.get('status_reason') or ''}")
    update = cluster.get("update") or {}
    if update.get("state") in ("rolling", "baking", "rolling_back", "paused"):
        return Progress(
            done=update.get("done") or 0,
            total=update.get("total") or cluster["desired_size"],
            reason=f"update {update['state']}: {update.get('reason') or ''}",
            finished=False,
        )
    return Progress(
        done=cluster["running_instances"],
        total=cluster["desired_size"],
        reason=cluster.get("status_reason") or status,
        finished=status in DONE,
    )


def until_settled(
    session: Session, cluster: dict[str, Any], timeout_s: float
) -> Iterator[Progress]:
    """Yield progress until the cluster is as asked; the last one yielded is finished."""
    for seen in _looks(lambda: session.call("GET", path(cluster)), timeout_s):
        now = progress(seen)
        yield now
        if now.finished:
            return
    raise Failed(f"{cluster['name']} is not settled after {timeout_s:.0f} s")


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
    raise Failed(f"{cluster['name']} is still there after {timeout_s:.0f} s")


def _looks(ask: Callable[[], Any], timeout_s: float) -> Iterator[Any]:
    end = time.monotonic() + timeout_s
    pause = 0.1
    while time.monotonic() < end:
        yield ask()
        time.sleep(pause)
        pause = min(pause * 1.2, 1.0)
