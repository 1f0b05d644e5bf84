"""Capacity arithmetic: what a change amounts to, and whether it is allowed."""

from math import trunc
from typing import assert_never

from muster.model.capacity import Bounds, By, ByPercent, Change, Exactly, Refusal


def resized(current: int, change: Change, bounds: Bounds) -> int | Refusal:
    """Return the capacity that `change` leads to, or why it may not.

    A percentage is rounded towards zero, but never to nothing: ten percent of
    three nodes is one node, because whoever asks for a change wants one.
    See Note [Percent of few].
    """
    wanted = current + _delta(current, change)
    if wanted < bounds.low:
        return Refusal(f"{wanted} is below the minimum of {bounds.low}")
    if bounds.high is not None and wanted > bounds.high:
        return Refusal(f"{wanted} is above the maximum of {bounds.high}")
    return wanted


# Note [Percent of few]
# Senlin rounds a fraction of a node up to one node, and any larger amount
# towards zero. Clients of the v1 API have thresholds tuned to that, so we keep
# it although rounding to nearest would be easier to explain.
def _delta(current: int, change: Change) -> int:
    match change:
        case Exactly(count):
            return count - current
        case By(count):
            return count
        case ByPercent(percent, min_step):
            share = percent * current / 100
            sign = 1 if share > 0 else -1
            whole = abs(trunc(share)) or (1 if share else 0)
            return sign * max(whole, min_step)
        case _:
            assert_never(change)
