"""Where a server is another than it is to be, thing by thing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from muster.decide.bulk.actions import ACTIONS
from muster.decide.bulk.orders import same
from muster.decide.bulk.words import Refusal
from muster.decide.secrets import masked
from muster.model.bulk import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    where: str  # services/nvme.targets
    found: Any
    wanted: Any


DESIRED = "apply_desired_config"
_TOLD = 5  # differences in a summary; the rest are counted


def parts_of_desired(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which parts of a server have to be looked at, so that it can be compared."""
    return tuple(ACTIONS[DESIRED].parts({"config": config}))


def drifted(config: Mapping[str, Any], there: State) -> tuple[Difference, ...] | Refusal:
    """Return where a server is another than it is to be, or why that cannot be said.

    A number that a server bears is given when it is told, and never a difference.
    """
    bears = (there.get("services/lvm") or {}).get("system_id")
    wanted = ACTIONS[DESIRED].after(there, {"config": config}, bears)
    return wanted if isinstance(wanted, Refusal) else differences(there, wanted)


def summary(found: tuple[Difference, ...] | Refusal) -> str:
    """Return in a sentence what is not as desired, "" where all is; the same for the same."""
    if isinstance(found, Refusal):
        return found.reason
    if not found:
        return ""
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    where = ", ".join(each.where for each in found[:_TOLD])
    return f"it is not as desired in {where}{more}"


def differences(found: State, wanted: State) -> tuple[Difference, ...]:
    """Return where one differs from the other; secrets by their digests."""
    return tuple(
        each for part in sorted(wanted) for each in _between(part, found.get(part), wanted[part])
    )


def _between(where: str, found: Any, wanted: Any) -> Iterator[Difference]:
    if same(found, wanted):
        return
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in sorted({*found, *wanted}):
            yield from _between(f"{where}.{name}", found.get(name), wanted.get(name))
    else:
        yield Difference(where=where, found=masked(found), wanted=masked(wanted))
