"""A thin hand on CP-SAT: yes-or-no variables, sums within bounds, one deterministic worker."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from muster.decide.placement.budget import Budget

LEAST = 1e-3  # of work: less is not worth asking for


class Outcome(Enum):
    BEST = "best"
    FOUND = "found"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Solved:
    outcome: Outcome
    values: Sequence[int] = ()
    core: tuple[int, ...] = ()  # of assumptions: enough of them for there to be nothing

    @property
    def found(self) -> bool:
        return self.outcome in (Outcome.BEST, Outcome.FOUND)


def _library() -> Any:
    # Note [CP-SAT without its front]
    # The module that people use for CP-SAT imports pandas, which takes longer than most of our
    # problems. The one below it does not, and has all that is needed here. It is imported when the
    # first problem needs it, so whoever has only easy ones never loads it.
    from ortools.sat.python import cp_model_helper

    return cp_model_helper


@dataclass(slots=True)
class Model:
    """Variables are numbers from 0. See Note [CP-SAT without its front]."""

    library: Any = field(default_factory=_library)
    proto: Any = field(init=False)
    count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.proto = self.library.CpModelProto()

    def whole(self, low: int, high: int) -> int:
        """Return a new variable between these."""
        self.proto.variables.add().domain.extend([low, high])
        self.count += 1
        return self.count - 1

    def choice(self) -> int:
        return self.whole(0, 1)

    def one_of(self, variables: Sequence[int]) -> None:
        self.proto.constraints.add().exactly_one.literals.extend(variables)

    def one_at_most(self, variables: Sequence[int]) -> None:
        self.proto.constraints.add().at_most_one.literals.extend(variables)

    def bound(
        self,
        terms: Sequence[tuple[int, int]],
        low: int | None,
        high: int | None,
        unless: int | None = None,
    ) -> None:
        """Hold a sum of (variable, factor) between bounds; only if a choice is made, for `unless`.

        `unless` names the choice without which the bounds do not hold.
        """
        constraint = self.proto.constraints.add()
        if unless is not None:
            constraint.enforcement_literal.append(unless)
        far = 1 << 62
        constraint.linear.vars.extend([variable for variable, _ in terms])
        constraint.linear.coeffs.extend([factor for _, factor in terms])
        constraint.linear.domain.extend(
            [-far if low is None else low, far if high is None else high]
        )

    def least(self, terms: Sequence[tuple[int, int]]) -> None:
        """Ask for the least of a sum."""
        if terms:
            self.proto.objective.vars.extend([variable for variable, _ in terms])
            self.proto.objective.coeffs.extend([factor for _, factor in terms])
            self.proto.objective.scaling_factor = 1.0

    def hint(self, variables: Sequence[int], values: Sequence[int]) -> None:
        self.proto.solution_hint.vars.extend(list(variables))
        self.proto.solution_hint.values.extend(list(values))

    def assume(self, choices: Sequence[int]) -> None:
        self.proto.assumptions.extend(list(choices))

    def solved(self, budget: Budget, most: float, *, brief: bool = False) -> Solved:
        """Return the outcome within so much work, which is spent.

        A `brief` search spends nothing on symmetries and cuts, which pay later than it ends.
        """
        work = min(most, budget.left)
        if work < LEAST:
            return Solved(Outcome.UNKNOWN)
        parameters = self.library.SatParameters()
        parameters.num_workers = 1
        parameters.random_seed = 1
        parameters.max_deterministic_time = work
        parameters.max_time_in_seconds = budget.seconds
        if brief:
            parameters.symmetry_level = 0
            parameters.cp_model_probing_level = 0
            parameters.linearization_level = 2
            parameters.cut_level = 0
        wrapper = self.library.SolveWrapper()
        wrapper.set_parameters(parameters)
        answer = wrapper.solve(self.proto)
        budget.spend(max(answer.deterministic_time, LEAST))
        return self._told(answer)

    def _told(self, answer: Any) -> Solved:
        statuses = self.library.CpSolverStatus
        if answer.status == statuses.OPTIMAL:
            return Solved(Outcome.BEST, list(answer.solution))
        if answer.status == statuses.FEASIBLE:
            return Solved(Outcome.FOUND, list(answer.solution))
        if answer.status == statuses.INFEASIBLE:
            core = tuple(answer.sufficient_assumptions_for_infeasibility)
            return Solved(Outcome.NONE, (), core)
        return Solved(Outcome.UNKNOWN)
