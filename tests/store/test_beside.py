"""Others may look into the database while the service works, and nothing is lost by it."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from builders import a_cluster
from muster.ports.store import Query
from muster.store.connect import connect
from muster.store.signals import LocalSignal

COUNT = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1])
print(conn.execute("SELECT count(*) FROM clusters").fetchone()[0])
conn.close()
"""
CHECK = """
import sys
from muster.store.schema import check
check(f"sqlite:///{sys.argv[1]}")
"""
BACKUP = """
import sys
from pathlib import Path
from muster.store.schema import backup
backup(f"sqlite:///{sys.argv[1]}", Path(sys.argv[2]))
"""
SOURCES = Path(__file__).parents[2] / "src"


def apart(program: str, *words: object) -> str:
    """Run a program in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(COUNT, id="count"),
        pytest.param(CHECK, id="check", marks=pytest.mark.slow),
        pytest.param(BACKUP, id="backup", marks=pytest.mark.slow),
    ],
)
async def test_who_looks_in_takes_nothing_away(tmp_path: Path, program: str):
    file = tmp_path / "muster.db"
    store = await connect(f"sqlite:///{file}", LocalSignal())
    try:
        await store.read(lambda tx: tx.clusters.count(Query()))
        for number in range(1, 4):
            cluster = a_cluster(id=UUID(int=number), name=f"c{number}")
            await store.write(lambda tx, c=cluster: tx.clusters.put(c))
            assert apart(COUNT, file) == str(number)
            apart(program, file, tmp_path / f"copy-{number}")
    finally:
        await store.close()
