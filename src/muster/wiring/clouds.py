"""The clouds of a process: those of the settings, and those that were taken on while it ran."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import DriverError, Invalid
from muster.drivers.incus.pairing import paired
from muster.drivers.incus.pairing import parted as unpaired
from muster.drivers.registry import BUILT_IN, DRIVERS
from muster.engine.worker import Engine
from muster.model.admission import CloudAsk
from muster.ports.cloud import Cloud, CloudConfig
from muster.settings import Settings
from muster.wiring.fittings import fitted, fittings, parted

FILE = "clouds.json"
Options = Mapping[str, Any]


@dataclass(slots=True)
class Clouds:
    """Every open cloud by name; admits others, and keeps in the home which those are."""

    settings: Settings
    installation: UUID
    clock: Clock
    open: dict[str, Cloud] = field(default_factory=dict)
    engine: Engine | None = None

    async def open_all(self) -> None:
        for name, options in _told(self.settings, self.admitted()).items():
            self.open[name] = await self._opened(name, options)

    async def close(self) -> None:
        for cloud in reversed(list(self.open.values())):
            await cloud.close()

    def admitted(self) -> Mapping[str, Options]:
        try:
            known: dict[str, Options] = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            text = f"{self._file} is not as it was written: {error}"
            raise Invalid(text, field=str(self._file)) from None
        return known

    async def admit(self, ask: CloudAsk) -> None:
        if ask.kind not in DRIVERS:
            raise Invalid(f"must be one of {', '.join(DRIVERS)}", field="kind")
        home = self.settings.home / "clouds" / ask.name
        fresh = not home.exists()
        options: Options = {}
        fittings(ask.kind, parted(ask.options)[1], ask.name)
        try:
            options = await self._introduced(ask, home)
            cloud = await self._opened(ask.name, options)
        except (Invalid, DriverError):
            await _forgotten(options)
            if fresh:
                shutil.rmtree(home, ignore_errors=True)
            raise
        self._keep({**self.admitted(), ask.name: options})
        self.open[ask.name] = cloud
        if self.engine:
            self.engine.admit(cloud)

    async def dismiss(self, name: str) -> None:
        known = dict(self.admitted())
        options = known.pop(name)
        cloud = self.open.pop(name)
        self._keep(known)
        if self.engine:
            await self.engine.dismiss(name)
        await cloud.close()
        await _forgotten(options)
        shutil.rmtree(self.settings.home / "clouds" / name / "papers", ignore_errors=True)

    async def _introduced(self, ask: CloudAsk, home: Path) -> Options:
        """Return the options in force, once whoever has the cloud knows us."""
        if ask.kind != "incus":
            return {**ask.options, "kind": ask.kind}
        own, others = parted(ask.options)
        who = f"muster-{self.installation.hex[:8]}"
        met = await paired(replace(ask, options=own), home / "papers", who)
        return {**others, **met, "kind": ask.kind}

    async def _opened(self, name: str, options: Options) -> Cloud:
        kind, (own, others) = str(options["kind"]), parted(options)
        fit = fittings(kind, others, name)
        config = CloudConfig(
            name=name,
            home=self.settings.home / "clouds" / name,
            installation=self.installation,
            clock=self.clock,
            options=own,
        )
        return await fitted(await DRIVERS[kind](config), fit, config)

    @property
    def _file(self) -> Path:
        return self.settings.home / FILE

    def _keep(self, known: Mapping[str, Options]) -> None:
        new = self._file.with_suffix(".new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w") as out:
            json.dump(known, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self._file)


async def _forgotten(options: Options) -> None:
    """Have whoever was made to trust us do so no more."""
    if options.get("kind") == "incus":
        await unpaired(options)


def _told(settings: Settings, admitted: Mapping[str, Options]) -> Mapping[str, Options]:
    """Return every cloud by name, the built-in ones changed by what the settings say of them."""
    clouds: dict[str, Options] = {name: {**options} for name, options in BUILT_IN.items()}
    clouds |= admitted
    for name, said in settings.clouds.items():
        clouds[name] = {**clouds.get(name, {}), **said}
    for name, options in clouds.items():
        if options.get("kind") not in DRIVERS:
            known = ", ".join(DRIVERS)
            raise Invalid(f"clouds.{name}.kind must be one of {known}", field=f"clouds.{name}.kind")
    if settings.default_cloud not in clouds:
        known = ", ".join(clouds)
        raise Invalid(f"default_cloud must be one of {known}", field="default_cloud")
    return clouds
