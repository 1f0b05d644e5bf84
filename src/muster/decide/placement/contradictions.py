"""Hard rules that no hosts whatever could keep together, told before any is looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from muster.decide.placement.board import joined
from muster.decide.placement.phrases import listed, rule_named
from muster.model.placing import Relation, Rule, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Members that some rules bring together and one keeps apart."""

    rules: tuple[int, ...]  # their numbers: first the one that parts, then those that join
    members: tuple[str, ...]
    text: str


def contradictions(rules: Sequence[Rule]) -> tuple[Contradiction, ...]:
    """Return the first contradiction of each hard rule that keeps apart, with no rule too many."""
    return tuple(_found(rules))


def _found(rules: Sequence[Rule]) -> Iterator[Contradiction]:
    for number, rule in enumerate(rules):
        if rule.soft or rule.relation is not Relation.APART:
            continue
        ties = [
            n
            for n, other in enumerate(rules)
            if not other.soft
            and other.relation is Relation.TOGETHER
            and (rule.scope is Scope.ZONE or other.scope is Scope.HOST)
        ]
        members = _crowd(rule, rules, ties)
        if members:
            needed = _needed(members, rules, ties)
            yield Contradiction(
                rules=(number, *needed),
                members=members,
                text=_text(members, rule, [rules[n] for n in needed]),
            )


def _crowd(rule: Rule, rules: Sequence[Rule], ties: Sequence[int]) -> tuple[str, ...]:
    """Return one more of the rule's members than may be together, all of whom have to be."""
    for group in _groups(rules, ties):
        together = sorted(group.intersection(rule.members))
        if len(together) > rule.most:
            return tuple(together[: rule.most + 1])
    alone = sorted(set(rule.members))
    return tuple(alone[:1]) if rule.most < 1 else ()


def _needed(members: Sequence[str], rules: Sequence[Rule], ties: Sequence[int]) -> list[int]:
    """Return the ties that bring these members together, none too many."""
    needed = list(ties)
    for tie in ties:
        fewer = [n for n in needed if n != tie]
        if len(members) < 2 or any(g.issuperset(members) for g in _groups(rules, fewer)):
            needed = fewer
    return needed


def _groups(rules: Sequence[Rule], ties: Sequence[int]) -> list[set[str]]:
    names = sorted({member for n in ties for member in rules[n].members})
    position = {name: number for number, name in enumerate(names)}
    groups = joined(len(names), ([position[m] for m in rules[n].members] for n in ties))
    return [{names[number] for number in group} for group in groups]


def _text(members: Sequence[str], rule: Rule, ties: Sequence[Rule]) -> str:
    place = "host" if rule.scope is Scope.HOST else "zone"
    if not ties:
        return f"{rule_named(rule)} lets nobody be on any {place}"
    apart = f"on different {place}s" if rule.most == 1 else f"at most {rule.most} on one {place}"
    tied = listed([rule_named(tie) for tie in ties])
    if rule.scope is Scope.ZONE or all(tie.scope is Scope.HOST for tie in ties):
        place = "zone" if any(tie.scope is Scope.ZONE for tie in ties) else "host"
    must = f"{listed(members)} must be on one {place} by {tied}"
    return f"{must}, and {apart} by {rule_named(rule)}".replace("on one zone", "in one zone")
