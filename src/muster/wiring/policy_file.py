"""A policy file and a load file, read: rules in the API's words, and what members are like."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from muster.api.autoscaling_v1.bodies import CLUSTER
from muster.api.autoscaling_v1.simulation import PLANT
from muster.api.reading import Field, Fields, Notes, object_of, whole
from muster.base.errors import Invalid
from muster.cli.yaml_words import read_yaml
from muster.decide.plant import Plant
from muster.decide.presets import EPOCH, Aim
from muster.model.scaling import Metric, Scaling
from muster.service import parts
from muster.service.ask import Ask, Fault

MOST_LOOKS = 2_000_000
_SIZES = ("min_size", "max_size", "desired_size")

POLICY: Fields = {
    **{
        name: Field(row.kind, row.about, row.null, ours=row.ours)
        for name, row in CLUSTER.items()
        if name in parts.RULES or name in _SIZES
    },
    "plant": Field(object_of(PLANT), "what the simulated members are like"),
}
_ASKED = frozenset(each.name for each in fields(Ask)) & frozenset(POLICY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    rules: Scaling
    plant: Plant

    @property
    def aim(self) -> Aim:
        """What presets are given, so that they aim where these rules do, as far as they can."""
        aim = Aim()
        for pair in self.rules.thresholds:
            aim = replace(aim, high=pair.high, low=pair.low)
        for target in self.rules.targets:
            unit = self.plant.mu if target.metric is Metric.REQUESTS else 1.0
            aim = replace(aim, target=min(target.value / unit, 1.0))
        return aim


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSeries:
    points: tuple[tuple[float, float], ...]  # seconds since the first, load
    began: datetime


def read_policy(path: Path) -> Policy:
    """Return the policy in a YAML file. Raises `Invalid` that names every field at fault."""
    try:
        said = read_yaml(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{path}: {_one_line(error)}", field="policy") from None
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said):
        raise Invalid(f"{path}: must be fields with values, such as `target: 0.6`", field="policy")
    notes = Notes()
    values = whole(POLICY, said, notes)
    _refuse(path, notes.faults)
    plant = _plant(path, values)
    given = {name: value for name, value in values.items() if name in _ASKED and value is not None}
    metric = values.get("metric") or Metric.CPU
    if metric not in (Metric.CPU, Metric.REQUESTS):
        why = f"must be cpu or requests to be simulated, not {metric.value}"
        _refuse(path, [Fault("metric", why)])
    rules, faults = parts.scaling(Ask(given=frozenset(given), **given), None)
    _refuse(path, faults)
    if rules is None or not (rules.thresholds or rules.targets or rules.steps or rules.schedules):
        what = "scale_out_threshold with scale_in_threshold, target, steps or schedules"
        raise Invalid(f"{path}: has no rule; give {what}", field="policy")
    return Policy(rules=rules, plant=plant)


def _refuse(path: Path, faults: Sequence[Fault]) -> None:
    if faults:
        told = "\n".join(f"{path}: {fault.field} {fault.message}" for fault in faults)
        raise Invalid(told, field=faults[0].field, errors=tuple(faults))


def _plant(path: Path, values: Mapping[str, Any]) -> Plant:
    low, high = values.get("min_size", 1), values.get("max_size", 100)
    start = values.get("desired_size")
    if low > high:
        _refuse(path, [Fault("min_size", f"({low}) must be at most max_size ({high})")])
    if start is not None and not low <= start <= high:
        _refuse(path, [Fault("desired_size", f"must be between {low} and {high}, not {start}")])
    return Plant(low=low, high=high, start=start, **values.get("plant", {}))


def read_load(path: Path, step_s: float) -> LoadSeries:
    """Return the load in a CSV file: columns `time` and `load`, else the first two.

    A time is seconds, or ISO 8601 (UTC where it names no zone). Raises `Invalid` that
    names the line at fault.
    """
    try:
        with path.open(newline="") as file:
            lines = [(n, row) for n, row in enumerate(csv.reader(file), 1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{path}: {_one_line(error)}", field="load") from None
    rows = list(_rows(path, lines))
    if len(rows) < 2:
        raise Invalid(f"{path}: needs at least two lines of time,load", field="load")
    began = rows[0][0]
    points = tuple(((at - began).total_seconds(), load) for at, load in rows)
    looks = points[-1][0] / step_s
    if looks > MOST_LOOKS:
        why = f"{looks:.0f} decisions are too many; raise plant.step_seconds or cut the file"
        raise Invalid(f"{path}: {why}", field="load")
    return LoadSeries(points=points, began=began)


def _rows(
    path: Path, lines: Sequence[tuple[int, Sequence[str]]]
) -> Iterator[tuple[datetime, float]]:
    time, load = _columns(lines)
    before: datetime | None = None
    for number_, row in lines:
        where = f"{path}, line {number_}"
        if len(row) <= max(time, load):
            raise Invalid(f"{where}: needs time,load", field="load")
        at = _moment(row[time].strip())
        value = _number(row[load].strip())
        if at is None and before is None and value is None:
            continue  # the header
        if at is None:
            why = f"{row[time]!r} is no time; seconds or ISO 8601, please"
            raise Invalid(f"{where}: {why}", field="load")
        if value is None or value < 0:
            raise Invalid(f"{where}: {row[load]!r} is no load; a number from 0 up", field="load")
        if before is not None and at <= before:
            raise Invalid(f"{where}: times must ascend", field="load")
        before = at
        yield at, value


def _columns(lines: Sequence[tuple[int, Sequence[str]]]) -> tuple[int, int]:
    names = [name.strip().lower() for name in lines[0][1]] if lines else []
    if "time" in names and "load" in names:
        return names.index("time"), names.index("load")
    return 0, 1


def _moment(said: str) -> datetime | None:
    seconds = _number(said)
    try:
        if seconds is not None:
            return EPOCH + timedelta(seconds=seconds)
        at = datetime.fromisoformat(said)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _number(said: str) -> float | None:
    try:
        value = float(said)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return " ".join(str(error).split())
