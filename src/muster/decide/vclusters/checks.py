"""What is wrong with a request whatever any cloud has, told before one is asked."""

from collections.abc import Iterator, Mapping, Sequence

from muster.decide.placement.contradictions import contradictions
from muster.model.placing import Relation, Rule, Scope
from muster.model.vcluster import Grouping, VClusterAsk, attachments

Fault = tuple[str, str]  # a field by our names, and what is wrong with it


def faults(ask: VClusterAsk) -> tuple[Fault, ...]:
    """Return everything that makes a request contradict itself, each with its field."""
    plain = (*_twins(ask), *_strangers(ask), *_astray(ask))
    return plain or tuple(_contradictory(ask))


def rules_of(groupings: Sequence[Grouping], attached: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return the rules of a vcluster: its groupings in their order, then what attaching asks.

    A volume is where its server is. Where a grouping says so already, it is not said again.
    """
    rules = tuple(each.rule for each in groupings)
    said = [frozenset(r.members) for r in rules if _joins(r)]
    ties = (pair for pair in sorted(attached.items()) if not any(g.issuperset(pair) for g in said))
    return rules + tuple(
        Rule(name=f"attachment of {volume}", relation=Relation.TOGETHER, members=(volume, server))
        for volume, server in ties
    )


def _joins(rule: Rule) -> bool:
    return rule.relation is Relation.TOGETHER and rule.scope is Scope.HOST and not rule.soft


def _twins(ask: VClusterAsk) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, each in enumerate(ask.instances):
        if (before := first.setdefault(each.name, number)) != number:
            text = f"'{each.name}' is the name of instance {before + 1} of the list, too"
            yield f"instances[{number}].name", text


def _strangers(ask: VClusterAsk) -> Iterator[Fault]:
    known = {each.name for each in ask.instances}
    for number, grouping in enumerate(ask.groupings):
        lost = [f"'{name}'" for name in grouping.members if name not in known]
        if lost:
            plural = "are no instances" if len(lost) > 1 else "is no instance"
            yield f"groupings[{number}].members_ref", f"{', '.join(lost)} {plural} of this request"


def _astray(ask: VClusterAsk) -> Iterator[Fault]:
    servers = {each.name for each in ask.instances if each.server}
    for number, each in enumerate(ask.instances):
        wanted = each.volume.attach_to if each.volume else ""
        if wanted and wanted not in servers:
            yield f"instances[{number}].spec.attach_to", f"'{wanted}' is no server of this request"


def _contradictory(ask: VClusterAsk) -> Iterator[Fault]:
    rules = rules_of(ask.groupings, attachments(ask.instances, ask.groupings))
    for found in contradictions(rules):
        yield f"groupings[{found.rules[0]}]", found.text
