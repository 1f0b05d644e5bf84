"""services/linstor: volumes with copies on several machines, as a satellite of LINSTOR."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Can, Noun, when_enabled
from muster.agent.said import ruled
from muster.agent.steps import Act, Acts, File, Put, Unit, at_rest, running, started

CONFIG = "/etc/linstor/linstor_satellite.toml"
UNIT = "linstor-satellite.service"
ANYWHERE = "[::]:3366"


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _no_place(text: str) -> str | None:
    try:
        host, port = _place(text)
        ip_address(host)
    except ValueError:
        return f"{text!r} is no address and port such as {ANYWHERE}"
    return None if 0 < port < 65536 else f"{port} is no port"


@dataclass(frozen=True, slots=True)
class Linstor:
    enabled: bool = False
    listen_address: str = ruled(ANYWHERE, check=_no_place)


@dataclass(frozen=True, slots=True)
class Sight:
    rests: bool


def look(machine: Machine, config: Linstor) -> Sight:
    return Sight(machine.rests(UNIT))


def files(config: Linstor, seen: object) -> Iterator[File]:
    if config.enabled:
        host, port = _place(config.listen_address)
        text = f'[netcom]\n  type = "plain"\n  bind_address = "{host}"\n  port = {port}\n'
        yield Put(CONFIG, text)


def acts(old: Linstor, new: Linstor, seen: Sight, changed: frozenset[str]) -> Acts:
    if old.enabled and not new.enabled:
        return Acts(first=at_rest(UNIT))
    if new.enabled and CONFIG in changed:
        return Acts(then=running(UNIT))
    if new.enabled and (seen.rests or not old.enabled):
        return Acts(then=started(UNIT))
    return Acts()


def reset(config: Linstor) -> Iterator[Act]:
    yield Unit("restart", UNIT)


def abilities(machine: Machine) -> Mapping[str, Ability]:
    if machine.there(f"/lib/systemd/system/{UNIT}"):
        return {"services.linstor": Ability()}
    reason = "the satellite is not installed (application incus-linstor)"
    return {"services.linstor": Ability(Can.ABSENT, reason)}


LINSTOR = Noun(
    "services/linstor",
    Linstor,
    files,
    acts,
    lacks=when_enabled(abilities),
    look=look,
    abilities=abilities,
    reset=reset,
    is_service=True,
)
