"""Synthetic loads, each a list of (second, load), the same every time."""

import csv
from hashlib import blake2b
from importlib.resources import files
from math import pi, sin

Points = list[tuple[float, float]]

HOUR = 3600.0
DAY = 24 * HOUR


def chance(key: object) -> float:
    """Return a number between -1 and 1 that looks thrown and is not."""
    return int.from_bytes(blake2b(str(key).encode(), digest_size=4).digest(), "big") / 2**31 - 1


def step(factor: float, base: float = 300) -> Points:
    return [(0, base), (1800, base), (1800.1, base * factor), (2 * HOUR, base * factor)]


def ramp(base: float = 300, top: float = 1800) -> Points:
    return [(0, base), (900, base), (2700, top), (2 * HOUR, top)]


def flash_crowd(base: float = 300) -> Points:
    """Return 6.7 times the load within 3 minutes, for half an hour."""
    top = base * 6.7
    return [(0, base), (1800, base), (1980, top), (3780, top), (4680, base), (2.5 * HOUR, base)]


def diurnal(days: int = 2, noise: float = 0.03) -> Points:
    times = [300.0 * slot for slot in range(int(days * DAY / 300))]
    return [(t, _of_day(t) * (1 + noise * chance(t))) for t in times]


def week(growth: float = 0.0) -> Points:
    times = [300.0 * slot for slot in range(int(7 * DAY / 300))]
    weekend = {5, 6}
    return [
        (t, _of_day(t) * (0.3 if t // DAY in weekend else 1.0) * (1 + growth) ** (t / DAY))
        for t in times
    ]


def _of_day(second: float) -> float:
    return 700 - 500 * sin(2 * pi * (second / DAY + 0.25))


def square(half_s: float = 900, base: float = 300, top: float = 900, cycles: int = 8) -> Points:
    points: Points = []
    for cycle in range(cycles):
        start = cycle * 2 * half_s
        points += [(start, base), (start + half_s - 0.1, base)]
        points += [(start + half_s, top), (start + 2 * half_s - 0.1, top)]
    return points


def sawtooth(rise_s: float = 1200, base: float = 200, top: float = 1200) -> Points:
    points: Points = []
    for tooth in range(6):
        points += [(tooth * rise_s, base), ((tooth + 1) * rise_s - 0.1, top)]
    return points


def on_off() -> Points:
    return [(0, 200), (HOUR, 200), (HOUR + 0.1, 0), (3 * HOUR, 0), (3 * HOUR + 0.1, 200),
            (4 * HOUR, 200)]  # fmt: skip


def steady(load: float = 300, until: float = 2 * HOUR) -> Points:
    return [(0, load), (until, load)]


def bank_calls(rows: int = 507) -> Points:
    """Return the first three days of a bank's calls, opening hours end to end."""
    with (files("tsdata") / "fpp3" / "bank_calls.csv").open() as file:
        calls = [float(row["Calls"]) for row in csv.DictReader(file)]
    return [(300.0 * slot, count) for slot, count in enumerate(calls[:rows])]
