"""Databases that the retired service has left: as one was once written, and freshly written."""

import json
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from testbed.environments import environment

HERE = Path(__file__).parent


def left(path: Path) -> str:
    """Write the database that a release left once to `path`, and return its URL."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript((HERE / "retired.sql").read_text())
        database.commit()
    return f"sqlite:///{path}"


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def freshly_written(url: str) -> Mapping[str, Any]:
    """Have the release itself write a database, and return what its API said at the end."""
    python = environment("senlin") / "bin" / "python"
    done = subprocess.run(
        [python, HERE / "retired.py", url], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said
