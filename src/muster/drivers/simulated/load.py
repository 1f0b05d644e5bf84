"""What load does to the machines that share it: a pure account of requests and of work."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from muster.drivers.simulated.entries import Tally


@dataclass(frozen=True, slots=True)
class Worker:
    """One machine that takes load from a moment on."""

    ref: str
    start: float
    vcpus: float


@dataclass(frozen=True, slots=True)
class Stint:
    """Between two moments, so many requests a second come in."""

    rate: float
    since: float
    until: float
    per_vcpu: float  # what one processor serves in a second


@dataclass(frozen=True, slots=True)
class Account:
    requests: float
    errors: float
    tallies: dict[str, Tally]


# Note [Equal shares]
# Requests are spread evenly over whoever answers well at that moment. Each machine that
# starts to answer lowers the share of the others, so one running sum over the starts
# gives everybody's part: what a machine got is the sum at the end less the sum at its
# start. What exceeds a machine's processors is lost, and processors never exceed 100 %.
def account(stint: Stint, workers: Sequence[Worker]) -> Account:
    """Return what the stint adds to each worker's tally. See Note [Equal shares]."""
    starts = sorted(min(max(worker.start, stint.since), stint.until) for worker in workers)
    offered = _sums(stint, starts, stint.rate)
    served = {
        vcpus: _sums(stint, starts, vcpus * stint.per_vcpu)
        for vcpus in {worker.vcpus for worker in workers}
    }
    tallies: dict[str, Tally] = {}
    for worker in workers:
        if worker.start >= stint.until:
            continue
        at = bisect_right(starts, max(worker.start, stint.since)) - 1
        requests = offered[-1] - offered[at]
        done = served[worker.vcpus][-1] - served[worker.vcpus][at]
        tallies[worker.ref] = Tally(requests, max(requests - done, 0.0), done / stint.per_vcpu)
    nobody = (starts[0] if starts else stint.until) - stint.since
    lost = stint.rate * nobody
    requests = sum(tally.requests for tally in tallies.values()) + lost
    errors = sum(tally.errors for tally in tallies.values()) + lost
    return Account(requests, errors, tallies)


def _sums(stint: Stint, starts: Sequence[float], most: float) -> list[float]:
    """Return, at each start and at the end, how much one worker there from the first got."""
    sums = [0.0]
    for number, start in enumerate(starts, 1):
        end = starts[number] if number < len(starts) else stint.until
        sums.append(sums[-1] + min(stint.rate / number, most) * (end - start))
    return sums


def share(rate: float, workers: Sequence[Worker], now: float, per_vcpu: float) -> float:
    """Return how busy a worker is at this moment, 0 to 1 and beyond if it cannot keep up."""
    there = [worker for worker in workers if worker.start <= now]
    room = sum(worker.vcpus for worker in there) * per_vcpu
    return rate / room if room else 0.0


def latency(request_s: float, busy: float) -> float:
    """Return how long a request takes at that share: short queues, then long ones."""
    return request_s / max(1.0 - busy, 0.05)


def whole(count: float) -> int:
    """Return how many have come to their end, forgiving what sums of floats lose."""
    return int(count + 1e-6)
