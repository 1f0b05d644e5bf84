"""How the instances are and what they use, read cheaply and often."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from muster.drivers.local import cgroups, logs, processes
from muster.drivers.local.folders import RECORD, locked, read, write
from muster.drivers.local.instance import Instance, Wanted, condition, running, shown
from muster.drivers.local.launch import reap
from muster.drivers.local.processes import Stat
from muster.drivers.local.site import Site
from muster.model.observed import Seen, Server, Usage

Version = tuple[int, int]  # of a record: which file, changed when


class Lookout:
    """Remembers records that have not changed, and how much processor time was seen at most."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._records: dict[str, tuple[Version, Instance]] = {}
        self._spent: dict[UUID, tuple[int, float]] = {}

    def servers(self, cluster_id: UUID | None) -> list[Server]:
        return [self.shown(instance) for instance in self._instances(cluster_id)]

    def shown(self, instance: Instance) -> Server:
        """Return the instance as people see it. Takes notice of a process that has ended."""
        site = self._site
        process = instance.process
        stat = processes.stat(process.pid) if process else None
        seen, reason = condition(instance, stat)
        if seen is Seen.BROKEN and process:
            reason = self._end(instance, stat)
        elif seen is Seen.BROKEN:
            with locked(site.folders, instance.server_id, wait=False) as free:
                seen = Seen.BROKEN if free else Seen.BUILDING
            reason = "was never started: its making was cut short" if free else ""
        return shown(instance, site.host, seen, reason)

    def usages(self, cluster_id: UUID | None) -> list[Usage]:
        sessions: dict[int, list[Stat]] = {}
        for each in processes.everything():
            sessions.setdefault(each.session, []).append(each)
        readings = [
            self._usage(instance, sessions[instance.process.pid])
            for instance in self._instances(cluster_id)
            if instance.process and instance.wanted is Wanted.RUNNING
            for leader in sessions.get(instance.process.pid, ())
            if leader.pid == instance.process.pid and running(instance, leader)
        ]
        if cluster_id is None:
            self._spent = {u.server_id: self._spent[u.server_id] for u in readings}
        return readings

    def _instances(self, cluster_id: UUID | None) -> Iterator[Instance]:
        records: dict[str, tuple[Version, Instance]] = {}
        with os.scandir(self._site.folders.instances) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
        for name in names:
            known = self._record(name)
            if known:
                records[name] = known
        self._records = records
        for _, instance in records.values():
            ours = instance.installation == self._site.installation
            if ours and cluster_id in (None, instance.cluster_id):
                yield instance

    def _record(self, name: str) -> tuple[Version, Instance] | None:
        folder = self._site.folders.instance(name)
        try:
            stat = os.stat(folder / RECORD)
        except FileNotFoundError:
            return None
        version = (stat.st_ino, stat.st_mtime_ns)
        known = self._records.get(name)
        if known and known[0] == version:
            return known
        instance = read(folder)
        return (version, instance) if instance else None

    def _usage(self, instance: Instance, session: list[Stat]) -> Usage:
        site = self._site
        logs.trim(site.folders.log(instance.server_id), site.options.log_bytes)
        return Usage(
            server_id=instance.server_id,
            at=site.clock.now(),
            cpu_s=self._at_least(instance, sum(each.cpu_s for each in session)),
            vcpus=instance.limits.vcpus,
            memory_bytes=sum(each.memory_bytes for each in session),
            memory_limit=instance.limits.memory_mib << 20,
        )

    def _at_least(self, instance: Instance, seconds: float) -> float:
        """Return the seconds, never fewer than before in one run of the instance.

        What a child used that nobody waited for is forgotten by the system.
        """
        run = instance.process.started if instance.process else 0
        before_run, before = self._spent.get(instance.server_id, (run, 0.0))
        most = max(seconds, before) if before_run == run else seconds
        self._spent[instance.server_id] = (run, most)
        return most

    def _end(self, instance: Instance, stat: Stat | None) -> str:
        """Return why the process is no more; said once and then kept, for later nobody knows."""
        folder = self._site.folders.instance(instance.server_id)
        started = instance.process.started if instance.process else 0
        kept = _kept(folder / "end", started)
        if kept is None:
            kept = self._post_mortem(instance, stat)
            with suppress(OSError):  # gone meanwhile, or the disk is full: it is only said again
                write(folder / "end", f"{started}\n{kept}".encode())
        return kept

    def _post_mortem(self, instance: Instance, stat: Stat | None) -> str:
        site = self._site
        same = (
            stat if instance.process and stat and stat.started == instance.process.started else None
        )
        said = ending(same.status) if same else "has ended"
        if instance.process:
            reap(site, instance.process.pid)
        if cgroups.starved(site.cgroups, instance.server_id):
            said += f" after using all of its {instance.limits.memory_mib} MiB of memory"
        last = logs.newest(site.folders.log(instance.server_id), 1).strip()[:200]
        return f"its process {said}" + (f"; last line: {last}" if last else "")


def ending(status: int) -> str:
    """Say how a process ended, from its wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"was killed by signal {number} ({signal.Signals(number).name})"
    return f"has ended with exit code {os.WEXITSTATUS(status)}"


def _kept(note: Path, started: int) -> str | None:
    try:
        run, _, reason = note.read_text().partition("\n")
    except FileNotFoundError:
        return None
    return reason if run == str(started) else None
