"""What the solver counts, for Prometheus."""

from prometheus_client import Counter, Histogram

PLACEMENTS = Counter(
    "muster_placements", "Placement problems, by placed, impossible or undecided", ["answer"]
)
PLACEMENT_SECONDS = Histogram(
    "muster_placement_seconds",
    "How long a placement problem took to be answered",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
