"""Samples: how busy a cluster's members are, from differences of what is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from muster.engine.census import Known
from muster.model.node import Node
from muster.model.observed import Usage
from muster.model.pool import PoolSeen
from muster.model.scaling import Crew, Metric, Pushed, Sample

KEPT = 8  # a decision reads the newest; the others show that there were any


@dataclass(slots=True)
class Meter:
    """What was read of one cluster the last time, and what came of it."""

    usages: dict[UUID, Usage] = field(default_factory=dict)  # by server id
    pool: tuple[datetime, int] | None = None  # when, and how many requests ever
    samples: list[Sample] = field(default_factory=list)  # oldest first

    def note(self, sample: Sample) -> None:
        """Keep the newest few of each metric."""
        same = [each for each in self.samples if each.metric is sample.metric]
        others = [each for each in self.samples if each.metric is not sample.metric]
        self.samples = [*others, *same[1 - KEPT :], sample]


def heard(meter: Meter, reading: Pushed, members: int) -> None:
    """Keep a reading from outside as a sample of the moment it was taken, once."""
    sample = Sample(metric=Metric.CUSTOM, at=reading.at, mean=reading.mean, members=members)
    if all((each.metric, each.at) != (sample.metric, sample.at) for each in meter.samples):
        meter.note(sample)


def answered(meter: Meter, mean: float | None, members: int, now: datetime) -> None:
    """Keep what a query has given, also that it gave nothing."""
    meter.note(Sample(metric=Metric.PROMETHEUS, at=now, mean=mean, members=members))


def warm(known: Known, now: datetime) -> list[Node]:
    """Return the members that count in a mean: ready, staying, and no longer warming up."""
    scaling = known.cluster.scaling
    said = scaling.warm_up_s if scaling else None
    warm_up = timedelta(seconds=said if said is not None else 0.0)
    return [
        node
        for node in known.nodes
        if node.ready_at
        and not (node.leaving or node.standby or node.sick_since)
        and now - node.ready_at >= warm_up
    ]


def crew(known: Known, highest: int, now: datetime) -> Crew:
    """Return who is there, as far as scaling cares; `highest` bounds what has no maximum."""
    cluster = known.cluster
    ready = len(warm(known, now))
    staying = sum(not (node.leaving or node.standby) for node in known.nodes)
    return Crew(
        desired=cluster.desired,
        ready=ready,
        warming=max(staying - ready, 0),
        draining=sum(node.leaving is not None for node in known.nodes),
        low=cluster.min_size,
        high=highest if cluster.ceiling is None else cluster.ceiling,
        boot_s=cluster.boot_s,
    )


def cpu(
    meter: Meter, members: Sequence[Node], usages: Mapping[UUID, Usage], now: datetime
) -> Sample:
    """Return the mean share of their processors that `members` used since the last reading."""
    shares = []
    read: dict[UUID, Usage] = {}
    for node in members:
        usage = usages.get(node.server_id)
        if usage is None:
            continue
        read[usage.server_id] = usage
        before = meter.usages.get(usage.server_id)
        if before and (share := _share(before, usage)) is not None:
            shares.append(share)
    meter.usages = read
    mean = sum(shares) / len(shares) if shares else None
    return Sample(metric=Metric.CPU, at=now, mean=mean, members=len(shares))


def _share(before: Usage, after: Usage) -> float | None:
    """Return None where the two readings do not follow each other: same moment, or restarted."""
    took = (after.at - before.at).total_seconds()
    used = after.cpu_s - before.cpu_s
    if took <= 0 or used < 0 or after.vcpus <= 0:
        return None
    return used / (took * after.vcpus)


def requests(meter: Meter, members: Sequence[Node], pool: PoolSeen | None, now: datetime) -> Sample:
    """Return requests per second and member since the last reading; the whole if there is none.

    Counted where clients come in, so that what members cannot cope with is seen too.
    """
    before, meter.pool = meter.pool, (now, pool.requests) if pool else None
    rate = None
    if before and pool and now > before[0] and pool.requests >= before[1]:
        rate = (pool.requests - before[1]) / (now - before[0]).total_seconds()
    mean = None if rate is None else rate / max(len(members), 1)
    return Sample(metric=Metric.REQUESTS, at=now, mean=mean, members=len(members))
