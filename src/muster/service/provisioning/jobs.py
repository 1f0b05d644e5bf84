"""Jobs on clusters of servers as people steer them: paused, resumed, cancelled, taken back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from muster.base.errors import Conflict
from muster.decide.server_clusters import jobs as decide
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import COURSE, Job, JobEvent, JobKind
from muster.ports.store import Transaction
from muster.service.desk import Desk
from muster.service.provisioning.clusters import found, ordered

_K, _E = JobKind, JobEvent
Turn = Callable[[ServerCluster, Job, datetime], ServerCluster]
# Of which kinds of jobs somebody may ask what.
ALLOWED: Mapping[JobEvent, frozenset[JobKind]] = {
    _E.PAUSE: frozenset({_K.UPDATE, _K.REBOOT}),
    _E.RESUME: frozenset(_K),
    _E.TURN_BACK: frozenset({_K.CREATE, _K.ADD}),
    # What is half in or half out of a cluster is not left like that.
    _E.CANCEL: frozenset({_K.UPDATE, _K.REBOOT, _K.EVACUATE, _K.RESTORE, _K.CERTIFICATE}),
}
_TURNS: Mapping[JobEvent, Turn] = {
    _E.PAUSE: lambda cluster, job, now: replace(cluster, job=decide.paused(job)),
    _E.RESUME: lambda cluster, job, now: decide.resumed(cluster, now),
    _E.TURN_BACK: lambda cluster, job, now: decide.turned_back(cluster, _E.TURN_BACK, now),
    _E.CANCEL: lambda cluster, job, now: replace(cluster, job=decide.cancelled(job, now)),
}


async def steered(desk: Desk, name: str, event: JobEvent) -> ServerCluster:
    """Return the cluster once its job was told this. Raises `Conflict` where it cannot be."""

    def work(tx: Transaction) -> ServerCluster:
        now, there = desk.clock.now(), found(tx, name)
        job = there.job
        if job is None or COURSE[job.status][event] is None:
            at = f"its last job is {job.status}" if job else "it is at nothing"
            raise Conflict(f"cluster '{name}': {at}")
        if job.kind not in ALLOWED[event]:
            raise Conflict(f"cluster '{name}' is at {job.kind}, of which that cannot be asked")
        turned = _TURNS[event](there, job, now)
        made = replace(turned, generation=there.generation + 1, updated_at=now)
        tx.server_clusters.put(made)
        return made

    return await ordered(desk, work)
