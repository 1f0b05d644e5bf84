"""The journal of a job on machines of metal, as it stands on the disk of its Muster."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

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
