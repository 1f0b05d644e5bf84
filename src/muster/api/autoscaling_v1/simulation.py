"""The route by which rules are tried out on a load."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from litestar import post

from muster.api.autoscaling_v1.bodies import CLUSTER
from muster.api.call import Asked, Word
from muster.api.reading import At, Field, Fields, Kind, Notes, number, object_of, whole
from muster.model.who import Right
from muster.service import parts
from muster.service.ask import Ask, Fault, refuse
from muster.service.simulation import Simulated, SimulationAsk, simulated

_DAY = 86400.0
_MOST = 5_000  # points of a load
_SIZES = ("min_size", "max_size")

PLANT: Fields = {
    "boot_seconds": Field(number(0, _DAY), "from asked for to ready", ours="boot_s"),
    "member_capacity": Field(
        number(0, 1e12, above=True), "load that one member carries at most", ours="mu"
    ),
    "step_seconds": Field(number(0.1, _DAY), "between two decisions", ours="step_s"),
    "delay_seconds": Field(number(0, _DAY), "how old a reading is on arrival", ours="delay_s"),
    "average_seconds": Field(number(0, _DAY), "a reading is the mean over", ours="average_s"),
    "noise": Field(number(0, 1), "share by which readings are off at most"),
}


def _points() -> Kind:
    """A load as pairs of seconds and load, in ascending order."""

    def read(at: At, value: Any) -> Any:
        if not isinstance(value, list) or not 2 <= len(value) <= _MOST:
            return at.wrong(f"must be a list of 2 to {_MOST} pairs, such as [[0, 120], [60, 135]]")
        if not all(_is_pair(each) for each in value):
            return at.wrong("must be pairs of seconds and a load from 0 up, such as [60, 135]")
        times = [each[0] for each in value]
        if any(later <= before for before, later in pairwise(times)):
            return at.wrong("must be in ascending order of time")
        return tuple((float(time), float(load)) for time, load in value)

    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    return Kind(read, {"type": "array", "items": pair, "minItems": 2, "maxItems": _MOST})


def _is_pair(each: Any) -> bool:
    numbers = isinstance(each, list) and all(type(part) in (int, float) for part in each)
    return numbers and len(each) == 2 and all(0 <= part <= 1e12 for part in each)


SIMULATION: Fields = {
    "load": Field(_points(), "seconds and load, in any unit", required=True),
    "plant": Field(object_of(PLANT), "what the simulated members are like"),
    **{
        name: Field(row.kind, row.about, row.null, ours=row.ours)
        for name, row in CLUSTER.items()
        if name in parts.RULES or name in _SIZES
    },
}


@post(
    "/v1/clusters/{identity:str}/{stack_id:str}/simulate",
    status_code=200,
    opt={"body": SIMULATION, "right": Right.READ},
)
async def simulate(call: Asked, identity: Word, stack_id: Word) -> dict[str, Any]:
    """Replay a load through a cluster's rules, and through others; nothing is changed."""
    found = await simulated(call.desk, call.who, (identity, stack_id), _asked(await call.body()))
    return {"simulations": [_shown(each) for each in found]}


def _asked(body: Mapping[str, Any]) -> SimulationAsk:
    notes = Notes()
    values = whole(SIMULATION, body, notes)
    load, plant = values.pop("load", None), values.pop("plant", {})
    if load is None and not any(each.field == "load" for each in notes.faults):
        notes.faults.append(Fault("load", "is required"))
    if notes.faults:
        refuse(notes.faults)
    return SimulationAsk(points=load, plant=plant, rules=Ask(given=frozenset(values), **values))


def _shown(one: Simulated) -> dict[str, Any]:
    ticks = one.trajectory.ticks
    return {
        "name": one.trajectory.name,
        "score": {"j": one.score.j, **asdict(one.score)},
        "seconds": [each.at_s for each in ticks],
        "load": [each.load for each in ticks],
        "needed": [each.demand for each in ticks],
        "ready": [each.supply for each in ticks],
        "asked_for": [each.requested for each in ticks],
        "lost": [each.lost for each in ticks],
    }


ROUTES = (simulate,)
