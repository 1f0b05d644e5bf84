"""Solving in a process of its own: answers, progress, and how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.placement_problems import planted
from prometheus_client import REGISTRY

from muster.base.errors import Transient
from muster.decide.placement.judge import faults
from muster.decide.placement.solve import quick
from muster.drivers.solver.process import ProcessSolver
from muster.model.placing import (
    Host,
    Impossible,
    Item,
    Limit,
    Placed,
    Problem,
    Progress,
    Relation,
    Rule,
    Undecided,
)
from muster.wiring.solver import open_solver

DEADLINE_S = 60
COMMAND = (sys.executable, "-m", "muster.wiring.solver")
ENDLESS = Limit(work=1e6, seconds=1e6)
STUCK = """
import sys, time
from muster.drivers.solver.child import serve
from muster.model.placing import Progress

def solve(problem, limit, watch):
    while True:
        watch.tell(Progress(0, len(problem.items), "nothing"))
        time.sleep(0.05)

serve(solve)
"""
OWNER = """
import asyncio, sys
from muster.drivers.solver.process import ProcessSolver
from muster.model.placing import Host, Item, Limit, Problem

async def main():
    solver = ProcessSolver((sys.executable, "-c", sys.argv[1]), lambda problem: None)
    await solver.warm()
    problem = Problem(hosts=(Host(id="h"),), items=(Item(id="i"),))
    asking = asyncio.ensure_future(solver.solve(problem, Limit(seconds=1000), said))
    await asking

def said(progress):
    print("under way", flush=True)

asyncio.run(main())
"""


def a_problem(items=12, hosts=4):
    names = tuple(f"i{n:02}" for n in range(items))
    return Problem(
        hosts=tuple(Host(id=f"h{n}", vcpus=8, ram_mib=8) for n in range(hosts)),
        items=tuple(Item(id=name, vcpus=1, ram_mib=1) for name in names),
        rules=(Rule(name="apart", relation=Relation.APART, members=names[:hosts]),),
    )


@asynccontextmanager
async def opened(solver):
    try:
        yield solver
    finally:
        await solver.close()


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(true):
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_an_easy_problem_needs_no_process():
    async with opened(ProcessSolver(("/nowhere/to/be/found",), quick)) as solver:
        assert isinstance(await solver.solve(a_problem(items=4)), Placed)


LIGHT = """
import sys
import muster.wiring.house, muster.wiring.solver
from muster.decide.placement.solve import solve
from muster.model.placing import Host, Item, Placed, Problem

hosts = tuple(Host(id=f"h{n}", vcpus=2) for n in range(5))
easy = Problem(hosts=hosts, items=tuple(Item(id=f"i{n}", vcpus=1) for n in range(6)))
assert isinstance(solve(easy), Placed)
print(sorted({"ortools", "numpy"} & sys.modules.keys()))
"""


@pytest.mark.slow
def test_neither_a_server_nor_an_easy_problem_loads_the_library_of_the_exact_search():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_a_process_that_cannot_be_started_is_said_to_be():
    async with opened(ProcessSolver(("/nowhere/to/be/found",), quick)) as solver:
        with pytest.raises(Transient):
            await solver.solve(a_problem())


@pytest.mark.slow
async def test_problems_are_solved_one_after_another_and_at_once():
    async with opened(open_solver()) as solver:
        await solver.warm()
        assert isinstance(await solver.solve(a_problem()), Placed)
        answers = await asyncio.gather(*(solver.solve(a_problem(items=n)) for n in (12, 20, 40)))
        assert [type(answer) for answer in answers] == [Placed, Placed, Impossible]


@pytest.mark.slow
async def test_a_search_out_of_time_has_a_part_that_keeps_every_rule_and_is_counted():
    problem, before = planted(1, 40, 120, 24, 1.0), counted("undecided")
    async with opened(open_solver()) as solver:
        answer = await solver.solve(problem, Limit(work=0.05, seconds=60))
    assert isinstance(answer, Undecided)
    assert 0 < len(answer.unplaced) < 60
    assert set(answer.places) | set(answer.unplaced) == {each.id for each in problem.items}
    seated = replace(problem, items=tuple(i for i in problem.items if i.id in answer.places))
    rules = (replace(r, members=tuple(filter(answer.places.get, r.members))) for r in problem.rules)
    assert faults(replace(seated, rules=tuple(rules)), answer.places) == ()
    assert counted("undecided") == before + 1


def counted(answer):
    return REGISTRY.get_sample_value("muster_placements_total", {"answer": answer}) or 0


@pytest.mark.slow
async def test_progress_is_told_and_a_cancelled_search_ends():
    solver = ProcessSolver((sys.executable, "-c", STUCK), quick)
    told: list[Progress] = []
    async with opened(solver):
        asking = asyncio.ensure_future(solver.solve(a_problem(), ENDLESS, told.append))
        await until(lambda: told)
        (child,) = solver.processes
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert gone(child)
        assert told[0].items == 12


@pytest.mark.slow
async def test_a_search_that_breaks_down_is_told_and_the_next_one_goes_well():
    async with opened(open_solver()) as solver:
        await solver.warm()
        (child,) = solver.processes
        os.kill(child, signal.SIGKILL)
        with pytest.raises(Transient):
            await solver.solve(a_problem())
        assert isinstance(await solver.solve(a_problem()), Placed)


@pytest.mark.slow
async def test_the_process_ends_with_the_one_that_asked_however_that_ended():
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, STUCK, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert await asyncio.wait_for(owner.stdout.readline(), DEADLINE_S) == b"under way\n"
    (child,) = children(owner.pid)
    owner.kill()
    await owner.wait()
    await until(lambda: gone(child))
