"""Parts of machines as their agents show them: what each is configured to be."""

from collections.abc import Iterable, Mapping
from typing import Any

from muster.base.errors import Permanent
from muster.model.bulk import Present
from muster.ports.agent import Agents, Line, found, listed

_HERE = "/os/1.0"
_APPLICATIONS = "applications"


async def present(agents: Agents, line: Line, parts: Iterable[str]) -> Present:
    """Return how these parts of a machine are now.

    Raises `Permanent` for one that it does not have, and what `Agents.call` raises.
    """
    state: dict[str, Any] = {}
    unconfirmed = False
    for part in parts:
        if part == _APPLICATIONS:
            names = await listed(agents, line, f"{_HERE}/{part}")
            state[part] = sorted(names or ())
            continue
        said = await found(agents, line, f"{_HERE}/{part}")
        if not isinstance(said, Mapping):
            raise Permanent(f"it has no {part}")
        state[part] = said.get("config") or {}
        unconfirmed |= bool((said.get("state") or {}).get("configuration_in_process"))
    return Present(state=state, unconfirmed=unconfirmed)


async def lacking(agents: Agents, line: Line, features: Iterable[str]) -> dict[str, str]:
    """Return which of these a machine cannot do, and why. Who does not tell can do all of it."""
    wanted = tuple(features)
    told = await found(agents, line, f"{_HERE}/capabilities") if wanted else None
    abilities = told if isinstance(told, Mapping) else {}
    return {
        feature: str(abilities[feature].get("reason") or "it cannot do that")
        for feature in wanted
        if isinstance(abilities.get(feature), Mapping) and abilities[feature].get("can") == "absent"
    }
