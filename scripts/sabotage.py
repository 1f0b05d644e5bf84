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
# as any user, alone
ANYWHERE = "not postgresql and not system and not chaos and not incus and not openstack"


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
    # --- the agent of a machine -----------------------------------------------------------
    Breakage(
        "what undoes an act is written down before the act",
        "agent/keeper.py",
        "                self.memory.save(self.machine)\n            try:",
        "            try:",
        ("agent",),
    ),
    Breakage(
        "what fails is taken back",
        "agent/keeper.py",
        "faults = self._take_back(noun.name, entry)",
        "faults: list[str] = []",
        ("agent",),
    ),
    Breakage(
        "who is signed by a trusted one is not trusted for that",
        "agent/server.py",
        "return bool(der) and sha256(der).hexdigest() in self.agent.trusted()",
        "return bool(der)",
        ("agent",),
    ),
    Breakage(
        "a network that nobody confirms is taken back, also after a restart",
        "agent/keeper.py",
        'entry["until"] = until.isoformat()',
        "self.memory.journal.pop(noun.name)",
        ("agent",),
    ),
    Breakage(
        "a secret is never shown",
        "agent/said.py",
        "_masked(inner) if masked and _is_secret(each) else",
        "",
        ("agent",),
    ),
    Breakage(
        "a disk that stays is not let go of",
        "agent/nvme.py",
        "if losing and not any(controller.serves(each) for each in wanted):",
        "if losing:",
        ("agent",),
    ),
    Breakage(
        "nothing secret crosses in the open",
        "agent/provider.py",
        'if said.scheme == "http" and said.hostname not in HERE:',
        "if False:",
        ("agent",),
    ),
    Breakage(
        "nobody gets to Incus whom the agent does not trust",
        "agent/server.py",
        "            if not self.server.admits(self.request):",
        "            if self.server.is_ours(self.path) and not self.server.admits(self.request):",
        ("agent",),
    ),
    Breakage(
        "a pool of disks goes only when it is named",
        "agent/storage.py",
        "    return Acts(then=tuple(_creating(each) for each in come))",
        "    gone = [e for e in old.pools if e not in new.pools]\n"
        '    ends = [run("zpool", "destroy", e.name) for e in gone]\n'
        "    return Acts(then=(*ends, *(_creating(each) for each in come)))",
        ("agent",),
    ),
    Breakage(
        "a machine is not reset by who does not name it",
        "agent/reset.py",
        'if anew is None and (not name or body.get("confirm") != name):',
        "if anew is None and not name:",
        ("agent",),
    ),
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
        "a plan that did not know of a cordoned host is stale",
        "engine/commit.py",
        "if cordon(tx, before.cloud) != snapshot.cordoned:",
        "if cordon(tx, before.cloud) is None:",
        ("engine/test_draining.py",),
    ),
    Breakage(
        "nothing new goes to a host that is being left",
        "engine/spots.py",
        "room=without(room, snapshot.cordoned)",
        "room=without(room, ())",
        ("engine/test_draining.py",),
    ),
    Breakage(
        "who is alone leaves a host only once another one serves",
        "decide/cordon.py",
        "least = min(cluster.desired, 1)",
        "least = 0",
        ("decide/test_draining.py",),
    ),
    Breakage(
        "a server is evacuated only once nodes of clusters have left it",
        "decide/server_clusters/draining.py",
        "    if not standing:",
        "    if standing is not None:",
        ("engine/test_draining.py", "decide/test_server_rounds.py"),
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
        "min(first * float(1 << doublings), longest)",
        "first",
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
        "    query = _of(who.user, who.project)",
        "    query = Query(project=who.project)",
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
    # --- servers of metal -----------------------------------------------------------------
    Breakage(
        "whoever registers takes a use of the token",
        "service/provisioning/tokens.py",
        "uses_remaining=token.uses_remaining - 1",
        "uses_remaining=token.uses_remaining",
        ("api/test_provisioning_registration.py",),
    ),
    Breakage(
        "a server that calls says its secret",
        "service/provisioning/machines.py",
        "if there is None or there.secret != digest(secret):",
        "if there is None:",
        ("api/test_provisioning_registration.py",),
    ),
    Breakage(
        "a server is held to its certificate",
        "drivers/agents/https.py",
        "    if certificate is None:",
        "    if True:",
        ("contracts/test_agents.py",),
    ),
    Breakage(
        "a server is ready by what it was asked, not by its own word",
        "model/machine.py",
        "    _H.UP: None,",
        "    _H.UP: _READY,",
        ("decide/test_machines.py",),
    ),
    Breakage(
        "a server that owes a reset is not ready",
        "decide/machines.py",
        "    return Happening.OWES if machine.owes_reset else happening",
        "    return happening",
        ("decide/test_machines.py",),
    ),
    Breakage(
        "no two servers show one certificate",
        "engine/machines.py",
        "if each.fingerprint == met.fingerprint",
        "if each.fingerprint is met",
        ("engine/test_machines.py",),
    ),
    Breakage(
        "what is said of a server while it is asked is kept",
        "engine/machines.py",
        "            there = replace(there, certificate",
        "            there = replace(asked, certificate",
        ("engine/test_machines.py",),
    ),
    Breakage(
        "a change of a server is held to what its maker has seen",
        "api/provisioning_1_0/envelope.py",
        'if wanted not in ("", "*", etag(settable(there))):',
        "if not wanted and there is None:",
        ("api/test_provisioning_servers.py",),
    ),
    Breakage(
        "servers are for whoever operates",
        "api/provisioning_1_0/tokens.py",
        '_OPERATE = {"right": Right.OPERATE}',
        '_OPERATE = {"right": Right.READ}',
        ("api/test_provisioning_isolation.py",),
    ),
    Breakage(
        "no two servers bear one number",
        "decide/server_clusters/numbers.py",
        "taken = {each.number for each in here}",
        "taken = {each.number for each in here if each.number > 2}",
        ("decide/test_server_clusters.py",),
    ),
    Breakage(
        "a value that looks like a place is not filled again",
        "decide/server_clusters/templates.py",
        'return _PLACE.sub(lambda place: values[place[1]] if place[1] else "@", text)',
        'return _PLACE.sub(lambda p: rendered(values[p[1]], values) if p[1] else "@", text)',
        ("api/test_provisioning_templates.py",),
    ),
    Breakage(
        "how a server was before is known after a crash, too",
        "decide/server_clusters/jobs.py",
        "kept=entry.kept or kept,",
        "kept=kept,",
        ("engine/test_server_jobs.py",),
    ),
    Breakage(
        "a server that cannot be put back owes it",
        "decide/server_clusters/jobs.py",
        "left = any(each.status is _E.LEFT",
        "left = any(each.status is _E.REFUSED",
        ("decide/test_server_jobs.py",),
    ),
    Breakage(
        "a round begins with a server in a window only",
        "decide/server_clusters/lanes.py",
        "any(each.holds(now) for each in job.windows)",
        "bool(job.windows)",
        ("api/test_provisioning_clusters.py",),
    ),
    Breakage(
        "servers that are away together leave one after another",
        "decide/server_clusters/lanes.py",
        "bool(moving - {entry.server})",
        "False",
        ("decide/test_server_rounds.py",),
    ),
    Breakage(
        "who was told of the beginning of a round is told of its end",
        "decide/server_clusters/lanes.py",
        "if not only_hooks or _tells_end(each)}",
        "if not only_hooks}",
        ("api/test_provisioning_hooks.py",),
    ),
    Breakage(
        "what is secret in a seed leaves once",
        "service/provisioning/seeds.py",
        "if hidden != seed.parts:",
        "if not hidden:",
        ("api/test_provisioning_seeds.py",),
    ),
    Breakage(
        "a member whose cluster is at something is not changed behind its back",
        "service/provisioning/passing.py",
        "changes and not call.force",
        "False",
        ("api/test_provisioning_passing.py",),
    ),
    Breakage(
        "who could not be looked at keeps the warning that he has",
        "engine/drift.py",
        "if found is not None}",
        "if found or not found}",
        ("api/test_provisioning_bulk.py",),
    ),
    Breakage(
        "who votes does not reboot while too many that vote are away",
        "engine/server_jobs/caring.py",
        "if not away or len(away) < spared(len(voting)):",
        "if True:",
        ("api/test_provisioning_clusters.py",),
    ),
    Breakage(
        "Incus is told all of its settings, never a part of them",
        "engine/server_jobs/setting.py",
        "{**config, **wanted}.items()",
        "wanted.items()",
        ("api/test_provisioning_clusters.py",),
    ),
    Breakage(
        "nothing is evacuated where something would have to stop",
        "service/provisioning/care.py",
        "if many or force:",
        "if many or not force:",
        ("api/test_provisioning_clusters.py",),
    ),
    Breakage(
        "a server that answers is not lost",
        "service/provisioning/membership.py",
        "if lost and answering:",
        "if lost and not answering:",
        ("api/test_provisioning_clusters.py",),
    ),
    Breakage(
        "a reset server comes back by its own token",
        "service/provisioning/registration.py",
        "if _is_awaited(each) and each.token_id == by.id:",
        "if _is_awaited(each) and each.token_id is by:",
        ("engine/test_server_jobs.py",),
    ),
    Breakage(
        "every server is asked before anything is said of a cluster of them",
        "service/provisioning/hearing.py",
        "return Heard(silent=error.text)",
        "return Heard()",
        ("api/test_provisioning_preview.py",),
    ),
    Breakage(
        "a pool whose member is at another address is looked at",
        "engine/pools.py",
        "            member.address,\n",
        '            "",\n',
        ("engine/test_pools.py",),
    ),
    Breakage(
        "what Incus knew all along is marked no more once it takes changes",
        "drivers/incus/ovn/listeners.py",
        "if change.where in await self._northbound.held():",
        "if change.where not in await self._northbound.held():",
        ("drivers/incus/test_ovn_past_incus.py",),
    ),
    Breakage(
        "a row that somebody else has changed in OVN is not written over",
        "drivers/incus/ovn/northbound.py",
        'for column in ("_uuid", "_version")',
        'for column in ("name",)',
        ("drivers/incus/test_ovn_past_incus.py",),
    ),
    # --- clusters of servers as clouds ------------------------------------------------------
    Breakage(
        "a cluster of servers is a cloud from the moment it is ready",
        "engine/server_jobs/turn.py",
        "    tx.machines.put(*at_end(cluster, step.number, machines, now))\n    clouds.follow(",
        "    tx.machines.put(*at_end(cluster, step.number, machines, now))\n    print(",
        ("api/test_provisioning_clouds.py",),
    ),
    Breakage(
        "a cluster of servers that carries something is not let go",
        "service/provisioning/clouds.py",
        "    if user := _user(desk, tx, there):\n        text",
        '    if user := "":\n        text',
        ("api/test_provisioning_clouds.py",),
    ),
    Breakage(
        "somebody else's cloud is never written over",
        "decide/server_clusters/clouds.py",
        "if there.servers == wanted.servers and same != there",
        "if same != there",
        ("decide/test_server_clouds.py",),
    ),
    Breakage(
        "who is about to join is no host yet",
        "decide/server_clusters/clouds.py",
        "and each.name not in joining and",
        "and",
        ("decide/test_server_clouds.py",),
    ),
    Breakage(
        "a cloud goes on when its members change",
        "wiring/clouds.py",
        "return was.servers is not None and alike and ours[0] == ours[1]",
        "return False",
        ("wiring/test_clouds.py",),
    ),
    Breakage(
        "a cloud that knows us by another certificate is another",
        "wiring/clouds.py",
        "return was.servers is not None and alike and ours[0] == ours[1]\n",
        "return was.servers is not None and alike\n",
        ("wiring/test_clouds.py",),
    ),
    Breakage(
        "servers are held to what the file of their certificate says now",
        "drivers/incus/rest.py",
        "        if stamp in (None, self._stamp):",
        "        if True:",
        ("drivers/incus/test_pins.py",),
    ),
    Breakage(
        "a certificate is warned of before it expires",
        "decide/expiry.py",
        "elif now >= end - SOON:",
        "elif now > end:",
        ("decide/test_expiry.py",),
    ),
    Breakage(
        "what cannot be set for all servers is refused",
        "service/provisioning/system.py",
        "        if others:\n",
        "        if not others:\n",
        ("api/test_provisioning_system.py",),
    ),
    # --- servers changed together, and what their clusters have -----------------------------
    Breakage(
        "who was changed last is set back first",
        "decide/bulk/course.py",
        "owing.sort(key=lambda each: -each.order)",
        "owing.sort(key=lambda each: each.order)",
        ("decide/test_bulk_course.py",),
    ),
    Breakage(
        "nobody else is begun with where one failed and all are to stop",
        "decide/bulk/course.py",
        "if broken and bulk.on_failure is not OnFailure.CONTINUE:",
        "if broken and bulk.on_failure is OnFailure.REVERT:",
        ("decide/test_bulk_course.py",),
    ),
    Breakage(
        "what others changed meanwhile is not written over",
        "decide/bulk/orders.py",
        "    if not as_before:",
        "    if part is None:",
        ("engine/test_bulk.py",),
    ),
    Breakage(
        "who was only looked at is not called changed",
        "decide/bulk/course.py",
        "            new = replace(turn, before=came.before, after=came.after)",
        "            new = turn.turned(_T.CHANGED, before=came.before, after=came.after)",
        ("engine/test_bulk.py",),
    ),
    Breakage(
        "secrets are shown by their digests",
        "decide/secrets.py",
        "name: _mask(each) if name in SECRET",
        "name: each if name in SECRET",
        ("decide/test_bulk_course.py",),
    ),
    Breakage(
        "no job begins on a cluster of which all servers are being changed",
        "service/provisioning/clusters.py",
        "    refuse_changing(tx, cluster)\n    made",
        "    made",
        ("api/test_provisioning_bulk.py",),
    ),
    Breakage(
        "where something may have been missed, all is read again",
        "engine/stocktaking.py",
        "(news.missed and not take.error)",
        "(not news and not take.error)",
        ("engine/test_inventory.py",),
    ),
    Breakage(
        "a warning goes once it is over",
        "decide/warnings.py",
        "if id not in ids",
        "if id is None",
        ("decide/test_warnings.py",),
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
        [sys.executable, "-m", "pytest", *QUICK, "-m", ANYWHERE, *tests],
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
