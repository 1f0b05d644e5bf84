"""From what was asked to the parts of a cluster: service, scaling, strategy, healing. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from muster.decide.calendar import schedule_fault
from muster.decide.forecast import subject
from muster.decide.policies import infeasible
from muster.model.cloud import Ability
from muster.model.cluster import Cluster, Healing, Service
from muster.model.pool import Traffic
from muster.model.rollout import Strategy
from muster.model.scaling import Floor, Metric, Scaling, Steps, Target, Thresholds
from muster.service.ask import Ask, Fault

# ask's field -> Service's, for those that are carried over as they are
_SERVICE: Mapping[str, str] = {
    "port": "port",
    "health_path": "health_path",
    "dns_name": "dns_name",
    "drain_seconds": "drain_s",
}
# ask's field -> Scaling's
_SCALING: Mapping[str, str] = {
    "cooldown": "cooldown_s",
    "warm_up": "warm_up_s",
    "scale_out_window": "out_window_s",
    "scale_in_window": "in_window_s",
}
RULES = frozenset(
    {
        *_SCALING,
        "scale_out_threshold",
        "scale_in_threshold",
        "metric",
        "query",
        "target",
        "steps",
        "schedules",
        "scaling_mode",
        "predictive",
    }
)


def service(ask: Ask, old: Service) -> Service:
    """Return the service with what was asked for changed; what was taken back is the default."""
    plain = Service(port=old.port)
    changed: dict[str, Any] = {}
    for said, ours in _SERVICE.items():
        if ask.says(said):
            value = getattr(ask, said)
            changed[ours] = getattr(plain, ours) if value is None else value
    if ask.says("protocol"):
        changed["traffic"] = Traffic(ask.protocol)
    if ask.says("tls"):
        tls = ask.tls or {}
        changed |= {"certificate": tls.get("certificate", ""), "key": tls.get("private_key", "")}
    return replace(old, **changed)


def strategy(ask: Ask, old: Strategy) -> Strategy:
    return replace(old, **(ask.update_strategy or {})) if ask.says("update_strategy") else old


def healing(ask: Ask, old: Healing) -> Healing:
    return replace(old, **(ask.health or {})) if ask.says("health") else old


@dataclass(frozen=True, slots=True)
class RuleWords:
    """The rules in the words of the form, so that a change of one keeps the others."""

    high: float | None = None
    low: float | None = None
    metric: Metric = Metric.CPU
    target: float | None = None
    steps: Steps | None = None


def words(old: Scaling | None) -> RuleWords:
    """Return what a form shows for these rules; the first of each kind, as the form has one."""
    if old is None:
        return RuleWords()
    pair = old.thresholds[0] if old.thresholds else None
    target = old.targets[0] if old.targets else None
    steps = old.steps[0] if old.steps else None
    metric = target.metric if target else steps.metric if steps else Metric.CPU
    return RuleWords(
        high=pair.high if pair else None,
        low=pair.low if pair else None,
        metric=metric,
        target=target.value if target else None,
        steps=steps,
    )


def scaling(ask: Ask, old: Scaling | None) -> tuple[Scaling | None, tuple[Fault, ...]]:
    """Return the rules asked for, None where no rule is left, and what contradicts itself."""
    if not ask.given & RULES:
        return old, ()
    had = words(old)
    high = ask.scale_out_threshold if ask.says("scale_out_threshold") else had.high
    low = ask.scale_in_threshold if ask.says("scale_in_threshold") else had.low
    metric = (ask.metric or Metric.CPU) if ask.says("metric") else had.metric
    target = ask.target if ask.says("target") else had.target
    bands = ask.steps if ask.says("steps") else (had.steps.bands if had.steps else None)
    faults = tuple(_pair_faults(ask, high, low)) + tuple(_metric_faults(ask, metric, target, bands))
    query = (ask.query or "") if ask.says("query") else (old.query if old else "")
    faults += tuple(_schedule_faults(ask)) + tuple(_query_faults(ask, metric, query))
    if faults:
        return old, faults
    made = replace(
        old or Scaling(),
        thresholds=(Thresholds(high=high, low=low),)
        if high is not None and low is not None
        else (),
        targets=(Target(metric=metric, value=target),) if target is not None else (),
        steps=(Steps(metric=metric, bands=bands),) if bands else (),
        query=query,
        **_plain_rules(ask),
    )
    if made.floor and subject(made) is None:
        return old, (Fault("predictive", "needs a target, thresholds or steps to size by"),)
    ruled = made.thresholds or made.targets or made.steps or made.schedules
    return (made if ruled or ask.says("scaling_mode") else None), ()


def _plain_rules(ask: Ask) -> dict[str, Any]:
    changed = {ours: getattr(ask, said) for said, ours in _SCALING.items() if ask.says(said)}
    if ask.says("schedules"):
        changed["schedules"] = ask.schedules or ()
    if ask.says("scaling_mode"):
        changed["mode"] = ask.scaling_mode or Scaling().mode
    if ask.says("predictive"):
        changed["floor"] = None if ask.predictive is None else Floor(enabled=ask.predictive)
    return changed


def _pair_faults(ask: Ask, high: float | None, low: float | None) -> Iterator[Fault]:
    if ask.faulty("scale_out_threshold") or ask.faulty("scale_in_threshold"):
        return
    if high is not None and low is None:
        yield Fault("scale_in_threshold", "is needed with scale_out_threshold: give both or none")
    elif low is not None and high is None:
        yield Fault("scale_out_threshold", "is needed with scale_in_threshold: give both or none")
    elif high is not None and low is not None and low >= high:
        message = f"must be less than scale_out_threshold ({high:g}), not {low:g}"
        yield Fault("scale_in_threshold", message)


def _metric_faults(
    ask: Ask, metric: Metric, target: float | None, bands: object
) -> Iterator[Fault]:
    if metric is Metric.CPU and target is not None and target > 1:
        yield Fault("target", "must be at most 1 for metric cpu: 0.6 is 60 % of the processor")
    ruled = target is not None or bands or ask.faulty("target") or ask.faulty("steps")
    if ask.says("metric") and metric is not Metric.CPU and not ruled:
        yield Fault("target", f"is needed with metric {metric.value}: how much of it per instance")


def _query_faults(ask: Ask, metric: Metric, query: str) -> Iterator[Fault]:
    if metric is Metric.PROMETHEUS and not query and not ask.faulty("query"):
        yield Fault("query", "is needed with metric prometheus: what to ask the server")
    if ask.says("query") and query and metric is not Metric.PROMETHEUS:
        yield Fault("query", f"is only for metric prometheus, and the metric is {metric.value}")


def _schedule_faults(ask: Ask) -> Iterator[Fault]:
    for place, each in enumerate(ask.schedules or ()):
        why = schedule_fault(each.cron, each.zone)
        if why is not None:
            yield Fault(f"schedules[{place}]", why)


def size_faults(ask: Ask, now: tuple[int, int, int], limit: int) -> Iterator[Fault]:
    """Yield what is wrong with the three sizes; `now` is min, desired, max with the ask applied."""
    low, desired, high = now
    if ask.says("max_size") and high > limit:
        yield Fault("max_size", f"must be at most {limit}, the limit per cluster, not {high}")
    if low > high and not (ask.faulty("min_size") or ask.faulty("max_size")):
        field = "min_size" if ask.says("min_size") else "max_size"
        yield Fault(field, f"min_size ({low}) must be at most max_size ({high})")
    elif ask.says("desired_size") and not low <= desired <= high:
        yield Fault("desired_size", f"must be between {low} and {high}, not {desired}")


def cap_faults(cluster: Cluster, desired: int) -> Iterator[Fault]:
    """Yield a fault for more nodes than the region of the cluster takes."""
    if why := infeasible(cluster, desired):
        yield Fault("desired_size", f"{why} Its region takes {cluster.placement.cap}.")


# field of the form -> what a cloud must be able to do for it, and when it is asked for at all
_NEEDS: Mapping[str, Ability] = {
    "create_bastion": Ability.BASTION,
    "keypair": Ability.KEYPAIR,
    "zones": Ability.ZONES,
    "user_data": Ability.USER_DATA,
    "dns_name": Ability.DNS,
    "scale_out_threshold": Ability.CPU_USAGE,
    "port": Ability.BALANCER,
    "query": Ability.QUERIES,
}
_PROTOCOLS: Mapping[str, Ability] = {"tcp": Ability.TCP, "https": Ability.HTTPS}


def needs(ask: Ask) -> Iterator[tuple[str, Ability]]:
    """Yield which abilities of a cloud this asks for, each with the field that does."""
    for name, ability in _NEEDS.items():
        if ask.says(name) and getattr(ask, name):
            yield name, ability
    if ask.says("protocol") and ask.protocol in _PROTOCOLS:
        yield "protocol", _PROTOCOLS[ask.protocol]


def tls_faults(ask: Ask, made: Service) -> Iterator[Fault]:
    if made.certificate and made.traffic is not Traffic.HTTPS:
        yield Fault("tls", "is only for protocol https")
    if made.traffic is Traffic.TCP and ask.says("health_path") and ask.health_path:
        yield Fault("health_path", "is only for protocols http and https")
