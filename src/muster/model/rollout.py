"""A rolling update: how one is to go, and how far it has got."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from muster.base.errors import IllegalTransition
from muster.model.capacity import Amount


class UpdateKind(StrEnum):
    ROLLING = "rolling"
    OPPORTUNISTIC = "opportunistic"  # replaces nothing; scaling does it over time
    IN_PLACE = "in_place"  # a node keeps its id, index and name, and gets its next server


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    kind: UpdateKind = UpdateKind.ROLLING
    max_surge: Amount = Amount(25, percent=True)  # rounded up
    max_unavailable: Amount = Amount(0)  # rounded down; both nothing counts as surge 1
    min_ready_s: float = 0  # healthy for this long before it counts
    canary: Amount | None = None  # so many first, then wait
    canary_bake_s: float | None = None  # None: until somebody resumes
    progress_deadline_s: float = 600  # a wave that gets nowhere for this long has failed
    auto_rollback: bool = True
    min_in_service: int = 0  # in place: so many of the cluster are not in a batch
    pause_s: float = 0  # in place: between two batches


class RolloutState(StrEnum):
    ROLLING = "rolling"
    BAKING = "baking"  # the canary is in; waiting for time or for a person
    PAUSED = "paused"
    ROLLING_BACK = "rolling_back"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"  # stopped where it was: rolling back was switched off, or failed too


_S = RolloutState

ROLLOUT_TRANSITIONS: Mapping[RolloutState, frozenset[RolloutState]] = {
    _S.ROLLING: frozenset({_S.BAKING, _S.PAUSED, _S.ROLLING_BACK, _S.DONE, _S.FAILED}),
    _S.BAKING: frozenset({_S.ROLLING, _S.PAUSED, _S.ROLLING_BACK, _S.FAILED}),
    _S.PAUSED: frozenset({_S.ROLLING, _S.ROLLING_BACK, _S.FAILED}),
    # Nothing but an end leads out of rolling back: it cannot be paused half way.
    _S.ROLLING_BACK: frozenset({_S.ROLLED_BACK, _S.FAILED}),
    _S.DONE: frozenset(),
    _S.ROLLED_BACK: frozenset(),
    _S.FAILED: frozenset({_S.ROLLING_BACK}),
}

UNDER_WAY = frozenset({_S.ROLLING, _S.BAKING, _S.PAUSED, _S.ROLLING_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    id: UUID
    from_profile: UUID
    to_profile: UUID
    strategy: Strategy  # as it was when the update began
    state: RolloutState = RolloutState.ROLLING
    started_at: datetime
    progress_at: datetime  # last time a node of the target became ready, or the state turned
    ended_at: datetime | None = None
    canary_passed: bool = False
    reason: str = ""

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def held(self) -> bool:
        """It neither opens nor retires nodes now: somebody, or the canary, holds it."""
        return self.state in (RolloutState.PAUSED, RolloutState.BAKING)

    @property
    def unproven(self) -> bool:
        """Its canary has not passed yet."""
        back = self.state is RolloutState.ROLLING_BACK
        return self.strategy.canary is not None and not (self.canary_passed or back)

    @property
    def target(self) -> UUID:
        """The profile that nodes are being brought to now."""
        back = self.state in (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK)
        return self.from_profile if back else self.to_profile

    def turned(self, state: RolloutState, now: datetime, reason: str) -> "Rollout":
        """Return this rollout in `state`; staying put is always allowed."""
        if state is self.state:
            return replace(self, reason=reason)
        if state not in ROLLOUT_TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.state} -> {state}", rollout=self.id)
        ended = None if state in UNDER_WAY else now
        return replace(self, state=state, progress_at=now, ended_at=ended, reason=reason)
