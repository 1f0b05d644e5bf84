"""Which calls fail on request, and when."""

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.simulated.entries import FaultSet

ERRORS: dict[str, type[DriverError]] = {
    "transient": Transient,
    "permanent": Permanent,
    "lost": Transient,  # the world has obeyed, but the answer does not arrive
}


class Rule:
    """A fault, how many calls it was meant for, and how many it has spoiled."""

    __slots__ = ("fault", "fired", "met")

    def __init__(self, fault: FaultSet) -> None:
        self.fault = fault
        self.met = 0
        self.fired = 0


class Faults:
    """The faults asked for, by call."""

    def __init__(self) -> None:
        self._rules: dict[str, list[Rule]] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def put(self, fault: FaultSet) -> None:
        self._rules.setdefault(fault.call, []).append(Rule(fault))

    def lift(self, call: str) -> None:
        """Forget the faults of one call, or of all if it is empty."""
        if call:
            self._rules.pop(call, None)
        else:
            self._rules.clear()

    def all(self) -> list[tuple[FaultSet, int]]:
        """Return every fault with how often it has struck."""
        return [(rule.fault, rule.fired) for rules in self._rules.values() for rule in rules]

    def meet(self, call: str, about: str) -> FaultSet | None:
        """Count one call, and return the fault that it meets."""
        for rule in self._rules.get(call, ()):
            if rule.fault.match not in about:
                continue
            rule.met += 1
            if rule.met % rule.fault.every == 0:
                return rule.fault
        return None

    def fire(self, call: str, match: str) -> None:
        """Count a strike; after as many as were asked for the fault is over."""
        rules = self._rules.get(call, [])
        for rule in rules:
            if rule.fault.match == match:
                rule.fired += 1
                break
        self._rules[call] = [r for r in rules if not r.fault.times or r.fired < r.fault.times]
        if not self._rules[call]:
            del self._rules[call]


def error(fault: FaultSet) -> DriverError:
    return ERRORS[fault.error](f"simulated fault: {fault.call}", call=fault.call)
