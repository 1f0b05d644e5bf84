"""Durations as Go writes them."""

import re

LONGEST_S = 10 * 366 * 86400.0
_LENGTHS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(text: str) -> float:
    """Return how long a duration as of Go is; raise ValueError where it is none."""
    if not re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|s))*", text):
        raise ValueError(f"{text!r} is no duration such as 60s or 1m30s")
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", text)
    return sum(float(number) * _LENGTHS[unit] for number, unit in parts)


def no_duration(text: str) -> str | None:
    """Say what is wrong with a text that is to be a duration, of ten years at most."""
    try:
        length = seconds(text)
    except ValueError as error:
        return str(error)
    return f"{text[:20]!r} is longer than ten years" if length > LONGEST_S else None
