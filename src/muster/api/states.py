"""A cluster's condition in the words of stacks, and what may be done with its update."""

from collections.abc import Mapping

from muster.model.cluster import Cluster, ClusterStatus
from muster.model.rollout import RolloutState

_S = ClusterStatus
_R = RolloutState

# While something is done, the status alone says what.
_WORKING: Mapping[ClusterStatus, str] = {
    _S.INIT: "CREATE_IN_PROGRESS",
    _S.CREATING: "CREATE_IN_PROGRESS",
    _S.RESIZING: "UPDATE_IN_PROGRESS",
    _S.UPDATING: "UPDATE_IN_PROGRESS",
    _S.RECOVERING: "UPDATE_IN_PROGRESS",
    _S.CHECKING: "CHECK_IN_PROGRESS",
    _S.OPERATING: "UPDATE_IN_PROGRESS",
    _S.DELETING: "DELETE_IN_PROGRESS",
}
# At rest, the last update says how it ended; one under way counts even so.
_UPDATED: Mapping[RolloutState, str] = {
    _R.ROLLING: "UPDATE_IN_PROGRESS",
    _R.BAKING: "UPDATE_IN_PROGRESS",
    _R.PAUSED: "UPDATE_IN_PROGRESS",  # nothing moves, but it is not complete either
    _R.ROLLING_BACK: "ROLLBACK_IN_PROGRESS",
    _R.DONE: "UPDATE_COMPLETE",
    _R.ROLLED_BACK: "ROLLBACK_COMPLETE",
    _R.FAILED: "UPDATE_FAILED",
}
# What a person can do with an update in this state.
CAN: Mapping[RolloutState, tuple[str, ...]] = {
    _R.ROLLING: ("pause", "rollback"),
    _R.BAKING: ("pause", "resume", "rollback"),
    _R.PAUSED: ("resume", "rollback"),
    _R.ROLLING_BACK: (),
    _R.DONE: ("rollback",),
    _R.ROLLED_BACK: (),
    _R.FAILED: ("rollback",),
}


def stack_status(cluster: Cluster) -> str:
    """Return what the whole is called, as whoever waits for a wish wants to hear it.

    A wish that the engine has not taken up yet is in progress, whatever the status still says.
    """
    if cluster.leaving:
        return "DELETE_FAILED" if cluster.status is _S.ERROR else "DELETE_IN_PROGRESS"
    rollout = cluster.rollout
    if rollout and rollout.state is _R.ROLLING_BACK:
        return _UPDATED[rollout.state]
    if cluster.status in _WORKING:
        return _WORKING[cluster.status]
    first = cluster.created_at is None or cluster.generation == 1
    word = "CREATE" if first else "UPDATE"
    if cluster.status is _S.ERROR or cluster.refused:
        return f"{word}_FAILED"
    if cluster.settled_generation < cluster.generation:
        return f"{word}_IN_PROGRESS"
    if rollout:
        return _UPDATED[rollout.state]
    return "CREATE_COMPLETE" if cluster.generation == 1 else "UPDATE_COMPLETE"
