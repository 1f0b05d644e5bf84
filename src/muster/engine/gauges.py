"""What the engine counts, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

PASSES = Counter("muster_engine_passes", "Looks at one cluster, by how they ended", ["end"])
PASS_SECONDS = Histogram(
    "muster_engine_pass_seconds",
    "How long one look at one cluster took",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
STEPS = Counter("muster_engine_steps", "Steps run, by kind and outcome", ["step", "outcome"])
STEP_SECONDS = Histogram(
    "muster_engine_step_seconds",
    "How long a step was with the cloud",
    ["step"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60),
)
TICKS = Counter("muster_engine_ticks", "Regular looks, by kind, cloud and end", ["tick", "end"])
TICK_SECONDS = Histogram("muster_engine_tick_seconds", "How long a regular look took", ["tick"])
OVERDUE = Gauge("muster_engine_overdue_clusters", "Clusters that wait for a look")
LAG = Gauge("muster_engine_lag_seconds", "How long the first of them has waited")
STRAYS = Gauge("muster_engine_strays", "Servers with our tag and no place", ["cloud"])
VCLUSTERS = Counter(
    "muster_vcluster_turns", "Virtual clusters, by the status that they came to", ["status"]
)
DECISIONS = Counter("muster_scaling_decisions", "Evaluations of scaling rules", ["verdict"])
