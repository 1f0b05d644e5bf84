"""The clouds of a process: those of the settings, and those that rows of the database say."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from muster.base.clock import Clock
from muster.base.enduring import enduring
from muster.base.errors import Conflict, DriverError, Invalid, MusterError
from muster.base.log import log
from muster.drivers.incus.pairing import paired
from muster.drivers.incus.pairing import parted as unpaired
from muster.drivers.registry import BUILT_IN, DRIVERS
from muster.engine.worker import Engine
from muster.model.admission import Admitted, CloudAsk, cloud_id
from muster.model.cloud import About
from muster.ports.cloud import Cloud, CloudConfig
from muster.ports.signal import EVENTS, Signal
from muster.ports.store import Query, Store
from muster.settings import Settings
from muster.wiring.fittings import fitted, fittings, parted

EVERY_S = 5.0  # the rows are looked at, in case that news of them was lost
AGAIN_S = 30.0  # until a cloud that cannot be opened is tried again
LEAST_REST_S = 0.2  # between two looks: every event is taken for news
AROUND_S = 60.0  # nobody tells which zones the hosts of a cluster of servers are given
SHOWN = "server_certificate"
CLOUDS = "clouds"  # what a clouds.yaml holds, as whoever adds an OpenStack sends it
Options = Mapping[str, Any]


@dataclass(slots=True)
class Clouds:
    """Every open cloud by name. See Note [Clouds by rows]."""

    settings: Settings
    installation: UUID
    clock: Clock
    store: Store
    signal: Signal
    open: dict[str, Cloud] = field(default_factory=dict)
    engine: Engine | None = None
    _bare: dict[str, About] = field(default_factory=dict)  # what their drivers say of them
    _rows: dict[str, Admitted] = field(default_factory=dict)  # those that are open
    _met: dict[UUID, tuple[Admitted, Cloud]] = field(default_factory=dict)  # open, without a row
    _coming: set[str] = field(default_factory=set)  # names of those whose acquaintance is made
    _shut: dict[str, float] = field(default_factory=dict)  # until when nobody tries to open it
    _around_at: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open_all(self) -> None:
        """Raises `Invalid` where what the settings say of clouds does not do."""
        for name, options in _told(self.settings).items():
            self.open[name] = await self._opened(name, options)
        await self.refresh()
        for folder in self.settings.home.glob("clouds/*/papers"):
            if folder.parent.name not in self.open:  # let go while this process was away
                shutil.rmtree(folder, ignore_errors=True)
        if self.settings.default_cloud not in self.open:
            known = ", ".join(self.open)
            raise Invalid(f"default_cloud must be one of {known}", field="default_cloud")

    async def close(self) -> None:
        for cloud in reversed(list(self.open.values())):
            await cloud.close()

    async def follow(self) -> None:
        """Do as the rows say, for ever."""
        while True:
            with enduring("clouds"):
                await self.signal.wait(EVENTS, EVERY_S)
                await self.refresh()
                await self._look_around()
            await asyncio.sleep(LEAST_REST_S)

    def admitted(self) -> Mapping[str, Admitted]:
        return self._rows

    async def refresh(self) -> None:
        """Do as the rows say now, each cloud by itself: what fails is tried the next time."""
        async with self._turn:
            said = await self.store.read(lambda tx: {x.name: x for x in tx.clouds.find(Query())})
            for name, row in list(self._rows.items()):
                with enduring(f"clouds/{name}", OSError):  # a full disk, for instance
                    now = said.get(name)
                    if now is not None and now != row and _goes_on(row, now):
                        await self._renew(now)
                    elif now != row:
                        await self._dismiss(name)
            for name, row in said.items():
                if name not in self.open and self._may_be_tried(name):
                    await self._take_on(row)

    # Note [Another host]
    # What a cloud can do, and which zones it has, depends on its hosts, and is asked when it is
    # opened. When a host has joined it is asked once more, beside the open one: that keeps its
    # parts, which passes are just using, and only tells other things of itself.
    async def look_again(self, name: str) -> None:
        """Have a cloud of the settings be known as it is now. See Note [Another host]."""
        async with self._turn:
            await self._look(name, _told(self.settings)[name])

    async def _look(self, name: str, options: Options) -> None:
        """See Note [Another host]."""
        was = self._bare[name]
        beside = await self._driven(name, options)
        await beside.close()
        now, cloud = beside.about, self.open[name]
        if was.zones and not now.zones:  # nobody answers
            return
        kept = {k: v for k, v in cloud.about.cannot.items() if was.cannot.get(k) != v}
        about = replace(cloud.about, zones=now.zones, cannot={**now.cannot, **kept})
        self._bare[name] = now
        self.open[name] = replace(cloud, about=about)
        if self.engine:
            self.engine.inform(self.open[name])

    async def _look_around(self) -> None:
        """See which zones the hosts of clusters of servers have by now."""
        now = asyncio.get_running_loop().time()
        if now < self._around_at:
            return
        self._around_at = now + AROUND_S
        async with self._turn:
            for name, row in self._rows.items():
                if row.servers:
                    with enduring(f"clouds/{name}", OSError):
                        await self._look(name, self._options_of(row))

    async def _renew(self, row: Admitted) -> None:
        """Have a cloud go on with other hosts, or with another certificate of theirs."""
        options = self._with_papers(row)
        self._rows[row.name] = row
        await self._look(row.name, options)

    def _may_be_tried(self, name: str) -> bool:
        return asyncio.get_running_loop().time() >= self._shut.get(name, 0.0)

    async def introduce(self, ask: CloudAsk) -> Admitted:
        if ask.kind not in DRIVERS:
            raise Invalid(f"must be one of {', '.join(DRIVERS)}", field="kind")
        if ask.name in self._coming:
            raise Conflict(f"cloud '{ask.name}' is just being taken on", field="name")
        home = self._home(ask.name)
        fresh = not home.exists()
        options: Options = {}
        fittings(ask.kind, parted(ask.options)[1], ask.name)
        self._coming.add(ask.name)
        try:
            options = await self._introduced(ask)
            cloud = await self._opened(ask.name, options)
        except (Invalid, DriverError):
            self._coming.discard(ask.name)
            await _forgotten(options)
            if fresh:
                shutil.rmtree(home, ignore_errors=True)
            raise
        plain, papers = _without_papers(options, self._papers(ask.name))
        now = self.clock.now()
        row = Admitted(
            id=cloud_id(ask.name), name=ask.name, created_at=now, options=plain, papers=papers
        )
        self._met[row.id] = (row, cloud)
        return row

    async def part(self, cloud: Admitted) -> None:
        self._coming.discard(cloud.name)
        if met := self._met.pop(cloud.id, None):
            await met[1].close()
        if cloud.servers is None:  # else they know us as machines by it
            await _forgotten(self._with_papers(cloud))
        self._strike(cloud.name)

    async def _take_on(self, row: Admitted) -> None:
        met = self._met.get(row.id)
        if met and met[0] == row:
            cloud = met[1]
            del self._met[row.id]
            self._coming.discard(row.name)
        else:
            try:
                cloud = await self._opened(row.name, self._with_papers(row))
            except (MusterError, OSError) as error:
                log(cloud=row.name).error("clouds.not_opened", reason=str(error))
                self._shut[row.name] = asyncio.get_running_loop().time() + AGAIN_S
                return
        self._rows[row.name] = row
        self.open[row.name] = cloud
        if self.engine:
            self.engine.admit(cloud)

    async def _dismiss(self, name: str) -> None:
        del self._rows[name]
        cloud = self.open.pop(name)
        if self.engine:
            await self.engine.dismiss(name)
        with enduring(f"clouds/{name}", OSError):
            await cloud.close()
        self._strike(name)

    async def _introduced(self, ask: CloudAsk) -> Options:
        """Return the options in force, once whoever has the cloud knows us."""
        if ask.kind == "openstack" and CLOUDS in ask.options:
            return {**self._laid_down(ask), "kind": ask.kind}
        if ask.kind != "incus":
            return {**ask.options, "kind": ask.kind}
        own, others = parted(ask.options)
        who = f"muster-{self.installation.hex[:8]}"
        met = await paired(replace(ask, options=own), self._papers(ask.name), who)
        return {**others, **met, "kind": ask.kind}

    def _laid_down(self, ask: CloudAsk) -> Options:
        """Return the options with what signs us in as a file. See Note [Papers in the database]."""
        folder, text = self._papers(ask.name), str(ask.options[CLOUDS])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / "clouds_file.pem", text)
        plain = {name: said for name, said in ask.options.items() if name != CLOUDS}
        return {**plain, "clouds_file": str(folder / "clouds_file.pem")}

    async def _opened(self, name: str, options: Options) -> Cloud:
        kind, (own, others) = str(options.get("kind")), parted(options)
        if kind not in DRIVERS:
            known = ", ".join(DRIVERS)
            raise Invalid(f"clouds.{name}.kind must be one of {known}", field=f"clouds.{name}.kind")
        fit = fittings(kind, others, name)
        cloud = await self._driven(name, options)
        self._bare[name] = cloud.about
        return await fitted(cloud, fit, self._config(name, own))

    async def _driven(self, name: str, options: Options) -> Cloud:
        """Return the cloud as its driver opens it, without what it is fitted with."""
        return await DRIVERS[str(options["kind"])](self._config(name, parted(options)[0]))

    def _config(self, name: str, options: Options) -> CloudConfig:
        return CloudConfig(
            name=name,
            home=self._home(name),
            installation=self.installation,
            clock=self.clock,
            options=options,
        )

    def _home(self, name: str) -> Path:
        return self.settings.home / "clouds" / name

    def _papers(self, name: str) -> Path:
        return self._home(name) / "papers"

    # Note [Papers in the database]
    # What a cloud knows us by is a key, and drivers want it in a file. The row holds what the
    # file does, so that it is everywhere where the database is, and every process writes the file
    # for itself, where nobody else may read. Nothing answers with it.
    def _with_papers(self, row: Admitted) -> Options:
        """Return the row's options, once its files are here. See Note [Papers in the database]."""
        folder = self._papers(row.name)
        files = {option: folder / f"{option}.pem" for option in row.papers}
        if files:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for option, file in files.items():
            _write(file, row.papers[option])
        return self._options_of(row)

    def _options_of(self, row: Admitted) -> Options:
        folder = self._papers(row.name)
        return {**row.options, **{option: str(folder / f"{option}.pem") for option in row.papers}}

    def _strike(self, name: str) -> None:
        shutil.rmtree(self._papers(name), ignore_errors=True)


def _goes_on(was: Admitted, now: Admitted) -> bool:
    """Return whether only the hosts of a cluster of servers have changed, or what they show."""
    ours = [{k: v for k, v in each.papers.items() if k != SHOWN} for each in (was, now)]
    alike = replace(was, options=now.options, papers=now.papers) == now
    return was.servers is not None and alike and ours[0] == ours[1]


def _without_papers(options: Options, folder: Path) -> tuple[Options, Mapping[str, str]]:
    """Return the options that are not files of that folder, and what those files hold."""
    files = {
        option: Path(said)
        for option, said in options.items()
        if isinstance(said, str) and Path(said).parent == folder
    }
    plain = {option: said for option, said in options.items() if option not in files}
    return plain, {option: file.read_text() for option, file in files.items()}


def _write(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    new.replace(file)


async def _forgotten(options: Options) -> None:
    """Have whoever was made to trust us do so no more."""
    if options.get("kind") == "incus":
        await unpaired(options)


def _told(settings: Settings) -> Mapping[str, Options]:
    """Return every cloud of the settings by name, the built-in ones changed by what they say."""
    clouds: dict[str, Options] = {name: {**options} for name, options in BUILT_IN.items()}
    for name, said in settings.clouds.items():
        clouds[name] = {**clouds.get(name, {}), **said}
    return clouds
