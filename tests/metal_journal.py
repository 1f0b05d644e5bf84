"""The journal of a job on machines of metal, as it stands on the disk of its Muster."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from house import until
from metal_sites import JOB_S, Site
from muster.store.sealing import Seal

Step = tuple[str, str]  # what is done, and on which machine


@dataclass(frozen=True, slots=True)
class Journal:
    """Read beside a Muster, whether that runs or not."""

    file: Path

    def job(self, cluster: str) -> dict[str, Any]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=30)) as line:
            ((body,),) = line.execute(
                "SELECT body FROM server_clusters WHERE name = ?", (cluster,)
            ).fetchall()
        clear = Seal(self.file.with_name("secrets.key")).opened("server_clusters", body)
        job: dict[str, Any] = json.loads(clear)["job"]
        return job

    def told(self, cluster: str) -> str:
        """Return when each step of a job began after it was asked for, and how long it took."""
        job = self.job(cluster)
        asked = datetime.fromisoformat(job["asked_at"])
        lines = []
        for each in job["entries"]:
            if each["begun_at"]:
                began = datetime.fromisoformat(each["begun_at"])
                ended = datetime.fromisoformat(each["ended_at"] or each["begun_at"])
                since, took = (began - asked).total_seconds(), (ended - began).total_seconds()
                what = f"{each['server']}: {each['verb']} {each['what']}".strip()
                how = f"{took:.2f} s, {each['tries']} looks, {each['status']} {each['reason']}"
                lines.append(f"  +{since:.2f} s: {what}: {how.strip()}")
        return "\n".join(lines)

    def done(self, cluster: str) -> list[Step]:
        """Return the steps that are over, in their order."""
        entries = self.job(cluster)["entries"]
        return [(each["verb"], each["server"]) for each in entries if each["status"] == "done"]


@contextmanager
def halted(it: Site, cluster: str, after: int) -> Iterator[list[dict[str, Any]]]:
    """Have Muster stand still once so many steps of a job are over; yields those that are."""
    journal = Journal(it.office.home / "muster.db")

    def over() -> list[dict[str, Any]]:
        return [each for each in journal.job(cluster)["entries"] if each["status"] == "done"]

    assert it.office.process is not None
    until(lambda: len(over()) >= after, JOB_S, lambda: f"{after} steps: {over()}", every_s=0.002)
    os.kill(it.office.process.pid, signal.SIGSTOP)
    try:
        yield over()
    finally:
        os.kill(it.office.process.pid, signal.SIGCONT)
