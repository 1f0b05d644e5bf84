"""Break a rule on purpose, and see which test notices.

    python -m scripts.sabotage [WORD...]

Every row of `TABLE` is broken alone, in a copy of the tree, and the tests that should notice are
run there. A breakage that none of them notices is a missing test. With words: only the rows that
have one of them in their file or their reason.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[1]
NEEDED = ("src", "tests", "scripts", "docs", "pyproject.toml", "ARCHITECTURE.md")
AT_ONCE = int(os.environ.get("WORKERS", "2"))
PATIENCE_S = 900
PASSED, FAILED = 0, 1  # as pytest ends
QUICK = ("-x", "-q", "-p", "no:schemathesis", "-p", "no:faker", "-p", "no:cacheprovider")
FAST_ONES = "not slow and not postgresql and not system and not chaos and not incus"


@dataclass(frozen=True, slots=True)
class Breakage:
    rule: str  # what no longer holds
    file: str  # below src/muster
    old: str
    new: str
    tests: tuple[str, ...]  # below tests, which should notice

    @property
    def path(self) -> str:
        return f"src/muster/{self.file}"


TABLE = (
    # --- what ought to be done ------------------------------------------------------------
    Breakage(
        "a server that stopped by itself is dead",
        "decide/destiny.py",
        "(Stage.SERVED, Seen.STOPPED): Fitness.DEAD",
        "(Stage.SERVED, Seen.STOPPED): Fitness.UNREADY",
        ("decide",),
    ),
    Breakage(
        "many deaths at once are a storm",
        "decide/health.py",
        "if not healing.enabled or ill.troubles <= bound:",
        "if not healing.enabled or bound:",
        ("decide",),
    ),
    Breakage(
        "a storm is tried by one, two, four",
        "decide/health.py",
        "min(2 * storm.allowed, draft.cluster.desired) if succeeded else 1",
        "draft.cluster.desired",
        ("decide",),
    ),
    Breakage(
        "a protected node is never a victim",
        "decide/victims.py",
        "(each for each in candidates if not each.node.protected)",
        "(each for each in candidates)",
        ("decide",),
    ),
    Breakage(
        "the sick go before those in order",
        "decide/victims.py",
        "Fitness.READY: 3",
        "Fitness.READY: -1",
        ("decide",),
    ),
    Breakage(
        "an update keeps enough available",
        "decide/rolling.py",
        "floor=max(0, cluster.desired - spare)",
        "floor=0",
        ("decide",),
    ),
    Breakage(
        "a canary comes before the rest",
        "decide/rolling.py",
        "return max(1, canary.of(desired, up=True)) if canary else 0",
        "return desired",
        ("decide",),
    ),
    Breakage(
        "no client meets a cold instance",
        "decide/members.py",
        "server.seen is Seen.RUNNING and each.answers and bool(server.address)",
        "server.seen is Seen.RUNNING and bool(server.address)",
        ("decide",),
    ),
    Breakage(
        "a stray has its time of grace",
        "decide/strays.py",
        "if not known and not _may_go(draft, server):",
        "if not known and not server:",
        ("decide",),
    ),
    Breakage(
        "ten percent of three is one",
        "decide/capacity.py",
        "whole = abs(trunc(share)) or (1 if share else 0)",
        "whole = abs(trunc(share))",
        ("decide",),
    ),
    Breakage(
        "a low must last before it counts",
        "decide/scaling/limits.py",
        "    window = in_window(case.rules, case.crew)",
        "    window = 0.0 * in_window(case.rules, case.crew)",
        ("decide",),
    ),
    # --- how it comes to be done ----------------------------------------------------------
    Breakage(
        "a plan for what has changed meanwhile is stale",
        "engine/commit.py",
        "if rows.get(before.id) != before:",
        "if rows.get(before.id) is None:",
        ("engine/test_claims.py", "engine/test_news.py", "engine/test_trouble.py"),
    ),
    Breakage(
        "an engine that lost its claim writes nothing",
        "engine/commit.py",
        "    tx.marks.check(decided.claim)\n",
        "",
        ("engine/test_claims.py", "engine/test_trouble.py"),
    ),
    Breakage(
        "the receivers of a cluster go with it",
        "engine/commit.py",
        "    tx.receivers.drop(*(each.id for each in tx.receivers.find(ours)))\n",
        "",
        ("api/test_clustering_clusters.py",),
    ),
    Breakage(
        "what was pushed for a cluster goes with it",
        "engine/commit.py",
        "    tx.pushed.drop(cluster.id)\n",
        "",
        ("engine/test_scaling.py",),
    ),
    Breakage(
        "one engine at a time has a turn, and loses it with its lease",
        "engine/turns.py",
        "if until and now < until - self._lease / 2:",
        "if until:",
        ("engine/test_scaling.py",),
    ),
    Breakage(
        "who fails waits, longer each time",
        "base/backoff.py",
        "min(FIRST * float(1 << doublings), LONGEST)",
        "FIRST",
        ("base", "decide"),
    ),
    # --- what is written down -------------------------------------------------------------
    Breakage(
        "a wish made during a pass is not lost",
        "store/marks.py",
        '_UNCHANGED = and_(_HELD, table.c.version == bindparam("seen"))',
        "_UNCHANGED = _HELD",
        ("contracts/test_store_marks.py",),
    ),
    Breakage(
        "a work that fails is undone alone",
        "store/writer.py",
        'raw.execute("ROLLBACK TO work")',
        "pass",
        ("contracts", "store"),
    ),
    Breakage(
        "reading writes nothing",
        "store/writer.py",
        'dbapi(self._conn).execute("PRAGMA query_only = ON")',
        "dbapi(self._conn)",
        ("contracts", "store"),
    ),
    # --- who may do what ------------------------------------------------------------------
    Breakage(
        "a token ends",
        "drivers/identity/bearer.py",
        "if token.expires_at is not None and token.expires_at <= self._clock.now():",
        "if token.expires_at is not None and not token:",
        ("api/test_callers.py",),
    ),
    Breakage(
        "a token is known by its whole secret",
        "drivers/identity/bearer.py",
        "if token is None or not matches(secret, token.digest):",
        "if token is None:",
        ("api/test_callers.py", "drivers/identity"),
    ),
    Breakage(
        "a wrong password opens nothing",
        "drivers/identity/users.py",
        "return compare_digest(made, b64decode(digest))",
        "return bool(made)",
        ("api/test_callers.py",),
    ),
    Breakage(
        "changing takes the right to write",
        "api/guard.py",
        "return said or (Right.READ if reading else Right.WRITE)",
        "return said or Right.READ",
        ("api/test_isolation.py", "api/test_callers.py"),
    ),
    Breakage(
        "a page of another host may not ask",
        "api/guard.py",
        "    refuse_strangers(connection.headers, door,",
        "    bool(door) or refuse_strangers(connection.headers, door,",
        ("api/test_callers.py",),
    ),
    Breakage(
        "a user sees his own tokens",
        "service/tokens.py",
        "return [each for each in found if each.user == who.user]",
        "return found",
        ("api/test_callers.py", "api/test_isolation.py"),
    ),
    Breakage(
        "projects do not see each other",
        "service/lookup.py",
        "return not project or project == who.project or who.may(Right.EVERY_PROJECT)",
        "return True",
        ("api/test_isolation.py",),
    ),
    # --- clouds and clients ---------------------------------------------------------------
    Breakage(
        "asked for twice, a server exists once",
        "drivers/simulated/compute.py",
        "            if name not in world.state.machines:\n",
        "            if world:\n",
        ("contracts/test_compute.py",),
    ),
    Breakage(
        "a name leads nowhere else",
        "client/http.py",
        'if name in ("", ".", ".."):',
        'if name == "":',
        ("cli/test_addresses.py",),
    ),
    # --- who is let in ----------------------------------------------------------------------
    Breakage(
        "a string lets one machine in",
        "model/enrolment.py",
        "used = way.used_at is not None and (not attempt or attempt != way.attempt)",
        "used = False",
        ("model/test_enrolment.py",),
    ),
    Breakage(
        "whoever is wrong again has to wait",
        "model/enrolment.py",
        "if way.tried_at is None or way.tries < FREE_TRIES:",
        "if way.tries >= 0:",
        ("model/test_enrolment.py",),
    ),
    Breakage(
        "a machine with instances joins nobody",
        "decide/founding.py",
        "or server.member or not server.instances:",
        "or server.member or server.instances:",
        ("decide/test_founding.py",),
    ),
)


def main(words: Sequence[str]) -> int:
    """Break every row that was asked for; return how many nobody noticed."""
    rows = [row for row in TABLE if not words or any(w in row.file + row.rule for w in words)]
    with copies(max(1, min(AT_ONCE, len(rows)))) as free, ThreadPoolExecutor(AT_ONCE) as pool:
        caught = sum(pool.map(lambda row: tried(row, free), rows))
    print(f"{caught} of {len(rows)} were noticed")
    return len(rows) - caught


def tried(row: Breakage, free: SimpleQueue[Path]) -> bool:
    """Break it in a copy that nobody uses, and tell whether the tests noticed."""
    began, tree = time.monotonic(), free.get()
    try:
        verdict, who = judged(row, tree)
    finally:
        free.put(tree)
    took = time.monotonic() - began
    print(f"{verdict:11} {took:4.0f} s  {row.rule} ({row.file}): {who}", flush=True)
    return verdict == "caught"


def judged(row: Breakage, tree: Path) -> tuple[str, str]:
    """Return a verdict, and who noticed or should have. What fails unbroken, too, is no witness."""
    tests = [f"tests/{each}" for each in row.tests]
    with broken(row, tree):
        said = run(tree, tests)
    if said.returncode == PASSED:
        return "NOT CAUGHT", ", ".join(row.tests)
    found = [line for line in said.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if said.returncode != FAILED and not found:
        return "NOT JUDGED", said.stdout[-2000:]
    witness = found[0].split(" - ")[0].partition(" ")[2]
    if run(tree, [witness]).returncode != PASSED:
        return "NOT JUDGED", f"{witness} fails without it, too"
    return "caught", witness


@contextmanager
def broken(row: Breakage, tree: Path) -> Iterator[None]:
    file = tree / row.path
    whole = file.read_text()
    file.write_text(whole.replace(row.old, row.new))
    try:
        yield
    finally:
        file.write_text(whole)


def run(tree: Path, tests: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", *QUICK, "-m", FAST_ONES, *tests],
        cwd=tree,
        env={**os.environ, "HYPOTHESIS_PROFILE": "check", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )


@contextmanager
def copies(count: int) -> Iterator[SimpleQueue[Path]]:
    """Lend copies of the tree as it is now, committed or not."""
    free: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="muster-sabotage-") as folder:
        for number in range(count):
            tree = Path(folder, str(number))
            tree.mkdir()
            for name in NEEDED:
                if (ROOT / name).is_dir():
                    unwanted = shutil.ignore_patterns("__pycache__", ".*")
                    shutil.copytree(ROOT / name, tree / name, ignore=unwanted)
                else:
                    shutil.copy2(ROOT / name, tree / name)
            free.put(tree)
        yield free


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
