"""The placement solver: how to open it, and the process that it runs."""

import sys

from muster.decide.placement.solve import quick, solve
from muster.drivers.solver.child import serve
from muster.drivers.solver.process import ProcessSolver


def open_solver() -> ProcessSolver:
    """Return a solver that starts its process with the first problem that needs one."""
    return ProcessSolver((sys.executable, "-m", "muster.wiring.solver"), quick)


if __name__ == "__main__":
    serve(solve)
