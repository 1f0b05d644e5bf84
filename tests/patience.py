"""How many examples generated tests try: all of them, or a few where somebody waits."""

import os

from hypothesis import HealthCheck, settings

FULL = 100
# How long an example takes says how loaded the machine is, and nothing about what is tried.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full", _PATIENT, max_examples=FULL)
settings.register_profile("check", _PATIENT, max_examples=5)


def load() -> None:
    """Take the profile that HYPOTHESIS_PROFILE names, all examples without one."""
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


def examples(count: int) -> int:
    """Return how many of `count` examples the profile in force wants tried."""
    return max(count * settings.default.max_examples // FULL, 5)
