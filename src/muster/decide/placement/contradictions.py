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
    hard = [n for n, rule in enumerate(rules) if not rule.soft]
    ties = [n for n in hard if rules[n].relation is Relation.TOGETHER]
    close = [n for n in ties if rules[n].scope is Scope.HOST]
    tied = {Scope.ZONE: _Tied(rules, ties), Scope.HOST: _Tied(rules, close)}
    for number in hard:
        rule = rules[number]
        if rule.relation is not Relation.APART:
            continue
        members = tied[rule.scope].crowd(rule)
        if members:
            needed = _needed(members, rules, tied[rule.scope].ties_of(members[0]))
            yield Contradiction(
                rules=(number, *needed),
                members=members,
                text=_text(members, rule, [rules[n] for n in needed]),
            )


class _Tied:
    """Who has to be with whom by some rules."""

    def __init__(self, rules: Sequence[Rule], ties: Sequence[int]) -> None:
        self._rules = rules
        self._ties = ties
        groups = enumerate(_groups(rules, ties))
        self._group = {member: number for number, group in groups for member in group}

    def crowd(self, rule: Rule) -> tuple[str, ...]:
        """Return one more of the rule's members than may be together, all of whom have to be."""
        together: dict[object, list[str]] = {}
        for member in sorted(set(rule.members)):
            group = together.setdefault(self._group.get(member, member), [])
            group.append(member)
            if len(group) > rule.most:
                return tuple(group)
        return ()

    def ties_of(self, member: str) -> list[int]:
        """Return the ties of the group that somebody is in."""
        group = self._group.get(member)
        of = ((n, self._rules[n].members) for n in self._ties)
        return [n for n, members in of if members and self._group.get(members[0]) == group]


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
