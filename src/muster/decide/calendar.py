"""When a schedule was last due, when it is next due, and what schedules ask for in between."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from muster.model.scaling import Schedule

MINUTE = timedelta(minutes=1)


def schedule_fault(cron: str, zone: str) -> str | None:
    """Return what is wrong with a cron line or a time zone, None if nothing is."""
    try:
        place = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return f"no time zone is called {zone!r}"
    if len(cron.split()) != 5:
        return f"{cron!r} needs five fields: minute hour day month weekday"
    try:
        next(CronSim(cron, datetime(2030, 1, 1, tzinfo=place)))
    except (CronSimError, StopIteration) as error:
        return f"{cron!r} names no time: {error or 'it never comes'}"
    return None


def next_after(cron: str, zone: str, moment: datetime) -> datetime | None:
    """Return the first time after `moment` (not at it), in UTC; None if there is none."""
    return _next_minute(cron, zone, _whole_minute(moment))


def last_until(cron: str, zone: str, moment: datetime) -> datetime | None:
    """Return the newest time up to `moment`, which may be it, in UTC; None if there is none."""
    return _last_minute(cron, zone, _whole_minute(moment))


# Note [Remembering the calendar]
# Walking a cron line costs more than all the rest of a decision, and its answer is the
# same for every moment of one minute, since five fields name no seconds. Remembering
# answers per minute keeps the functions pure and a decision a few microseconds long.
@lru_cache(maxsize=4096)
def _next_minute(cron: str, zone: str, minute: datetime) -> datetime | None:
    """See Note [Remembering the calendar]."""
    try:
        return next(CronSim(cron, minute.astimezone(ZoneInfo(zone)))).astimezone(UTC)
    except StopIteration:
        return None


@lru_cache(maxsize=4096)
def _last_minute(cron: str, zone: str, minute: datetime) -> datetime | None:
    """See Note [Remembering the calendar]."""
    local = (minute + MINUTE).astimezone(ZoneInfo(zone))
    try:
        return next(CronSim(cron, local, reverse=True)).astimezone(UTC)
    except StopIteration:
        return None


def _whole_minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What the schedules say at one moment; None where none says anything."""

    low: int | None = None
    high: int | None = None
    by: str = ""  # the names of those that say it
    next_at: datetime | None = None  # when any of them begins or ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A schedule that has just come due and names a size."""

    desired: int
    by: str
    at: datetime


NOTHING = InForce()


def in_force(schedules: tuple[Schedule, ...], now: datetime) -> InForce:
    """Return the bounds that hold now: for each of the two, of those in force the last begun."""
    if not schedules:
        return NOTHING
    minute = _whole_minute(now)
    lasts = ((_last_minute(each.cron, each.zone, minute), each) for each in schedules)
    begun = [(at, each) for at, each in lasts if at and _lasts(each, at, now)]
    begun.sort(key=lambda each: each[0])
    low = _last_said(begun, lambda schedule: schedule.low)
    high = _last_said(begun, lambda schedule: schedule.high)
    names = dict.fromkeys(named(said) for said in (low, high) if said)
    return InForce(
        low=low.low if low else None,
        high=high.high if high else None,
        by=" and ".join(names),
        next_at=_next_turn(schedules, begun, minute),
    )


def just_due(schedules: tuple[Schedule, ...], since: datetime, now: datetime) -> Due | None:
    """Return the newest size that a schedule set after `since` and up to `now`."""
    newest: Due | None = None
    for schedule in schedules:
        if schedule.desired is None:
            continue
        at = last_until(schedule.cron, schedule.zone, now)
        if at is None or at <= since:
            continue
        if newest is None or at > newest.at:
            newest = Due(desired=schedule.desired, by=named(schedule), at=at)
    return newest


def named(schedule: Schedule) -> str:
    return f"schedule {schedule.name or repr(schedule.cron)}"


def _lasts(schedule: Schedule, at: datetime, now: datetime) -> bool:
    return schedule.duration_s is None or now < at + timedelta(seconds=schedule.duration_s)


def _last_said(
    begun: list[tuple[datetime, Schedule]], what: Callable[[Schedule], int | None]
) -> Schedule | None:
    said = [schedule for _, schedule in begun if what(schedule) is not None]
    return said[-1] if said else None


def _next_turn(
    schedules: tuple[Schedule, ...], begun: list[tuple[datetime, Schedule]], minute: datetime
) -> datetime | None:
    turns = [_next_minute(schedule.cron, schedule.zone, minute) for schedule in schedules]
    for at, schedule in begun:
        if schedule.duration_s is not None:
            turns.append(at + timedelta(seconds=schedule.duration_s))
    return min((turn for turn in turns if turn), default=None)
