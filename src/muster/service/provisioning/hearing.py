"""What machines say just now, before anything is done to them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from muster.base.errors import DriverError
from muster.decide.server_clusters.preflight import Heard
from muster.model.machine import Machine
from muster.ports.agent import Agents, Line, Order, found, line_of, listed

_HERE = "/os/1.0"


async def heard(agents: Agents, machines: Sequence[Machine]) -> dict[str, Heard]:
    """Return what each says, by its name; all are asked at once."""
    asked = [each for each in machines if each.connection_url and each.certificate]
    said = await asyncio.gather(*(_one(agents, line_of(each)) for each in asked))
    return dict(zip((each.name for each in asked), said, strict=True))


async def _one(agents: Agents, line: Line) -> Heard:
    try:
        await agents.call(line, Order(path=_HERE))
        services = await listed(agents, line, f"{_HERE}/services")
        about = _object(await found(agents, line, "/1.0"))
        settings = await found(agents, line, "/1.0/metadata/configuration") if about else None
    except DriverError as error:
        return Heard(silent=error.text)
    environment = _object(about.get("environment"))
    drivers = environment.get("storage_supported_drivers") or ()
    return Heard(
        services=services,
        incus=bool(about),
        clustered=bool(environment.get("server_clustered")),
        drivers=frozenset(str(_object(each).get("Name")) for each in drivers),
        extensions=frozenset(map(str, about.get("api_extensions") or ())),
        settings=frozenset(_settings(settings)),
    )


def _settings(said: Any) -> Iterator[str]:
    """Yield the names of a server's settings, as Incus describes them: in groups of lists."""
    for group in _object(_object(_object(said).get("configs")).get("server")).values():
        for each in _object(group).get("keys") or ():
            yield from _object(each)


def _object(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}
