"""What all parts of an open local cloud share, and how they are called from outside."""

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from subprocess import Popen
from typing import ParamSpec, TypeVar
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import Transient
from muster.drivers.local.cgroups import Cgroups
from muster.drivers.local.folders import Folders
from muster.drivers.local.options import Options

P = ParamSpec("P")
T = TypeVar("T")

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    installation: UUID
    clock: Clock
    folders: Folders
    options: Options
    cgroups: Cgroups
    host: str
    threads: Executor
    children: dict[int, Popen[bytes]] = field(default_factory=dict)  # started by us, not reaped yet

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, run in a thread; the machine's errors become `Transient`."""

        def run() -> T:
            try:
                return work(*args, **kwargs)
            except OSError as error:
                raise Transient(self._said(error)) from error

        return await asyncio.get_running_loop().run_in_executor(self.threads, run)

    def _said(self, error: OSError) -> str:
        if error.errno in FULL:
            return f"the disk under {self.folders.home} is full"
        return f"this machine said no: {error}"
