"""The journal of a job on machines of metal, as it stands on the disk of its Muster."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        job: dict[str, Any] = json.loads(body)["job"]
        return job

    def done(self, cluster: str) -> list[Step]:
        """Return the steps that are over, in their order."""
        entries = self.job(cluster)["entries"]
        return [(each["verb"], each["server"]) for each in entries if each["status"] == "done"]
