"""Clusters of servers as JSON of this surface: how they are, and how far their jobs."""

from collections.abc import Sequence
from typing import Any

from muster.api.provisioning_1_0.bodies import window_said
from muster.api.provisioning_1_0.render import when
from muster.base.certificates import fingerprint
from muster.model.bulk import Bulk, TurnStatus
from muster.model.machine import Machine
from muster.model.server_cluster import Rolling, ServerCluster
from muster.model.server_job import ENDED, EntryStatus, Job, JobKind, JobStatus
from muster.service.provisioning.care import Foretold
from muster.service.provisioning.clusters import Whole

_OVER = frozenset({EntryStatus.DONE, EntryStatus.LEFT, EntryStatus.DROPPED})
_AT_IT = frozenset({TurnStatus.WAITING, TurnStatus.RUNNING, TurnStatus.REVERTING})
# What users of the original know a round by; other jobs have no word there.
_ROUNDS = {JobKind.UPDATE: "applying updates", JobKind.REBOOT: "rolling reboot"}


def server_cluster(whole: Whole) -> dict[str, Any]:
    one, machines = whole.cluster, whole.servers
    return {
        "name": one.name,
        "server_type": str(one.kind),
        **server_cluster_settable(one),
        "server_names": [each.name for each in machines],
        "certificate": one.certificate or None,
        "fingerprint": fingerprint(one.certificate) or "" if one.certificate else "",
        "status": str(one.status),
        "cloud": whole.standing.cloud or None,
        "cloud_reason": whole.standing.reason,
        "update_status": _update_status(one, machines),
        "job": job(one.job) if one.job else None,
        "bulk_update": _bulk(whole.bulk) if whole.bulk else None,
        "last_updated": when(one.updated_at or one.created_at),
    }


def server_cluster_settable(one: ServerCluster) -> dict[str, Any]:
    return {
        "connection_url": one.connection_url,
        "channel": one.channel,
        "description": one.description,
        "properties": one.properties,
        "config": {"rolling_restart": _rolling(one.rolling), "cloud": one.cloud},
    }


def _rolling(one: Rolling) -> dict[str, Any]:
    delay = f"{one.post_restore_s:.0f}s"
    windows = [window_said(each) for each in one.windows]
    return {
        "post_restore_delay": delay,
        "restore_mode": one.restore_mode,
        "windows": windows,
        "max_parallel": one.max_parallel,
        "drain_timeout": f"{one.drain_s:.0f}s",
        "hook_before": one.hook_before,
        "hook_after": one.hook_after,
    }


def _update_status(one: ServerCluster, machines: Sequence[Machine]) -> dict[str, Any]:
    return {
        "needs_reboot": [each.name for each in machines if _needs_reboot(each)],
        "in_maintenance": [each.name for each in machines if each.facts.in_maintenance],
        "in_progress_status": _in_progress(one.job),
    }


def _needs_reboot(machine: Machine) -> bool:
    return bool((machine.facts.update.get("state") or {}).get("needs_reboot"))


def _in_progress(one: Job | None) -> dict[str, Any]:
    word = _ROUNDS.get(one.kind, "") if one and one.status not in ENDED else ""
    stopped = one is not None and one.status is JobStatus.STOPPED
    return {
        "in_progress": "error" if word and stopped else word,
        "error": one.reason if one and word else "",
        "status_description": described(one) if one and word else "",
        "last_updated": when(one.asked_at if one else None),
    }


def _bulk(one: Bulk) -> dict[str, Any]:
    """Return how far a change to all servers is; what is set stands at its own address."""
    wrong = [f"{each.name}: {each.error}" for each in one.servers if each.error]
    return {
        "uuid": str(one.id),
        "action": one.action,
        "status": str(one.status),
        "reason": "; ".join(wrong),
        "done": sum(each.status not in _AT_IT for each in one.servers),
        "total": len(one.servers),
        "created_at": when(one.created_at),
        "ended_at": when(one.ended_at),
    }


def described(one: Job) -> str:
    """Return how far a job is, and what it is at."""
    over = sum(each.status in _OVER for each in one.entries)
    now = next((each for each in one.entries if each.open), None)
    at = f" {now.verb}: {now.server} {now.what}".rstrip() if now else ""
    return f"[{over}/{len(one.entries)}]{at}"


def foretold(one: Foretold) -> dict[str, Any]:
    """Return what a round would do, and what speaks against it."""
    return {
        "possible": not one.findings,
        "findings": [{"server": e.server, "what": e.what, "text": e.text} for e in one.findings],
        "max_parallel": one.job.max_parallel,
        "steps": [
            {"step": str(each.verb), "server": each.server, "what": each.what}
            for each in one.job.entries
        ],
    }


def job(one: Job) -> dict[str, Any]:
    """Return a job with its journal; what it sets is not in it, for that may be secret."""
    return {
        "id": str(one.id),
        "kind": str(one.kind),
        "status": str(one.status),
        "reason": one.reason,
        "progress": described(one),
        "max_parallel": one.max_parallel,
        "asked_at": when(one.asked_at),
        "ended_at": when(one.ended_at),
        "steps": [
            {
                "step": str(each.verb),
                "server": each.server,
                "what": each.what,
                "status": str(each.status),
                "reason": each.reason,
                "tries": each.tries,
                "begun_at": when(each.begun_at),
                "ended_at": when(each.ended_at),
            }
            for each in one.entries
        ],
    }
