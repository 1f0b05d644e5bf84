"""Placement with a planted solution: how often it is found, in what time and memory.

    python benchmarks/placement.py [--seeds 5] [--seconds 10] [--only PART]

Each figure is of a process of its own: wall clock / processor time, and its largest memory.
The limit is of processor time, so that what else the machine is at does not matter.
`plain` is the greedy alone, `naive` one exact model with a choice for each item and host.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

from benchmarks.placement_problems import alike, jigsaw, planted  # noqa: E402
from muster.decide.placement import exact  # noqa: E402
from muster.decide.placement.board import Board, compiled  # noqa: E402
from muster.decide.placement.budget import Budget  # noqa: E402
from muster.decide.placement.greedy import seated  # noqa: E402
from muster.decide.placement.hall import Hall  # noqa: E402
from muster.decide.placement.solve import solve  # noqa: E402
from muster.model.placing import Limit, Placed, Problem, Progress, Undecided  # noqa: E402

LARGE, SMALL = (1000, 1500, 300), (40, 120, 24)
PARTS: dict[str, tuple[str, Callable[[int, float], Problem], Sequence[float]]] = {
    "large": (
        "1,500 items in 300 groups on 1,000 hosts of a data centre so full in the end",
        lambda seed, full: planted(seed, *LARGE, full),
        (0.8, 0.9, 0.94, 0.97),
    ),
    "jigsaw": (
        "the same, asking for so much of all that is free",
        lambda seed, full: jigsaw(seed, *LARGE, full),
        (0.8, 0.9, 0.94, 0.97),
    ),
    "small": (
        "120 items in 24 groups on 40 hosts of a data centre so full in the end",
        lambda seed, full: planted(seed, *SMALL, full),
        (0.97, 1.0),
    ),
    "hundred": (
        "100 items in 20 groups on 1,000 hosts",
        lambda seed, full: planted(seed, 1000, 100, 20, full),
        (0.9,),
    ),
    "alike": (
        "10,000 hosts that are alike, so much of their vCPUs asked for",
        lambda seed, full: alike(seed, 10_000, full),
        (0.5, 0.8),
    ),
}


@dataclass
class Stopwatch:
    began: float

    def seconds(self) -> float:
        return time.process_time() - self.began

    def tell(self, progress: Progress) -> None:
        del progress


def ours(problem: Problem, seconds: float) -> str:
    answer = solve(problem, Limit(work=seconds, seconds=seconds), Stopwatch(time.process_time()))
    if isinstance(answer, Undecided):
        return f"undecided, {len(answer.unplaced)} items left"
    return "solved" if isinstance(answer, Placed) else "WRONG: impossible"


def plain(problem: Problem, seconds: float) -> str:
    hall = Hall(compiled(problem))
    budget = Budget(Limit(seconds=seconds), Stopwatch(time.process_time()))
    seated(hall, budget, spread=False)
    return f"{len(hall.standing())} blocks left" if hall.standing() else "solved"


def naive(problem: Problem, seconds: float) -> str:
    board = compiled(problem)
    watch = Stopwatch(time.process_time())
    budget = Budget(Limit(work=1e9, seconds=seconds), watch)
    found = exact.all_seated(_unlike(board), budget, 1e9, best=False)
    return "solved" if found.seats else f"{found.outcome.value} of {exact.pairs(board):,} choices"


def _unlike(board: Board) -> Board:
    """Have no two hosts count as alike, as the naive model would."""
    board.__dict__["shape"] = tuple(range(len(board.hosts)))
    return board


WAYS = {"ours": ours, "plain": plain, "naive": naive}


def one(part: str, full: float, seed: int, way: str, seconds: float) -> None:
    problem = PARTS[part][1](seed, full)
    wall, cpu = time.perf_counter(), time.process_time()
    said = WAYS[way](problem, seconds)
    figures = {
        "said": said,
        "items": len(problem.items),
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


def measured(part: str, full: float, seed: int, way: str, seconds: float) -> dict[str, float | str]:
    case = (part, str(full), str(seed), way, str(seconds))
    command = [sys.executable, __file__, "--case", *case]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float | str] = json.loads(done.stdout)
    return found


def line(part: str, full: float, seeds: int, way: str, seconds: float) -> None:
    every = [measured(part, full, seed, way, seconds) for seed in range(1, seeds + 1)]
    solved = sum(each["said"] == "solved" for each in every)
    walls = sorted(float(each["wall"]) for each in every)
    cpus = sorted(float(each["cpu"]) for each in every)
    others = sorted({str(each["said"]) for each in every} - {"solved"})
    print(
        f"  {full:4.0%} {way:<6} {solved} of {seeds} solved   {walls[len(walls) // 2]:6.2f} s,"
        f" at most {walls[-1]:6.2f} / {cpus[-1]:6.2f} CPU"
        f"   {max(float(each['mib']) for each in every):4.0f} MiB   {'; '.join(others)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--case", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        part, full, seed, way, seconds = given.case
        one(part, float(full), int(seed), way, float(seconds))
        return
    for part in given.only or PARTS:
        title, _, fulls = PARTS[part]
        print(f" {title}")
        for full in fulls:
            for way in ("ours", "plain"):
                line(part, full, given.seeds, way, given.seconds)
        if part in ("large", "small"):
            line(part, fulls[-1], 1, "naive", max(given.seconds, 30))


if __name__ == "__main__":
    main()
