"""How many examples generated tests try: all of them, or a few where somebody waits."""

import os

from hypothesis import settings

FULL = 100
settings.register_profile("full", max_examples=FULL)
settings.register_profile("check", max_examples=10)


def load() -> None:
    """Take the profile that HYPOTHESIS_PROFILE names, all examples without one."""
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


def examples(count: int) -> int:
    """Return how many of `count` examples the profile in force wants tried."""
    return max(count * settings.default.max_examples // FULL, 5)
