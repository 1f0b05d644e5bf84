"""Durations as Go writes them."""

import re

_LENGTHS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(text: str) -> float:
    """Return how long a duration as of Go is; raise ValueError where it is none."""
    if not re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|s))*", text):
        raise ValueError(f"{text!r} is no duration such as 60s or 1m30s")
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", text)
    return sum(float(number) * _LENGTHS[unit] for number, unit in parts)


def no_duration(text: str) -> str | None:
    try:
        seconds(text)
    except ValueError as error:
        return str(error)
    return None
