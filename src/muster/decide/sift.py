"""Filters of lists: a boolean expression over one record, as expr-lang writes them.

`status == "ready" && "lab" in properties.tags`, `not (name startsWith "m")`.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from muster.base.errors import Invalid
from muster.base.patterns import fault, found

Record = Mapping[str, Any]
Term = Callable[[Record], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|&&|\|\||\?\.|[<>!().,\[\]-]))"""
)
_LONGEST = 4000
_DEEPEST = 60
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "nil": None, "null": None}


def _in(each: Any, many: Any) -> bool:
    try:
        return each in many if many is not None else False
    except TypeError:
        return False


def _of_texts(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: (
        isinstance(left, str) and isinstance(right, str) and holds(left, right)
    )


def _of_alike(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        try:
            return holds(left, right)
        except TypeError:
            return False

    return compared


_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": _of_alike(operator.lt),
    "<=": _of_alike(operator.le),
    ">": _of_alike(operator.gt),
    ">=": _of_alike(operator.ge),
    "in": _in,
    "contains": lambda many, each: _in(each, many),
    "startsWith": _of_texts(str.startswith),
    "endsWith": _of_texts(str.endswith),
    "matches": _of_texts(lambda text, pattern: found(pattern, text)),
}


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _len(value: Any) -> int:
    return len(value) if isinstance(value, str | Sequence | Mapping) else 0


_CALLED: Mapping[str, Callable[[Any], Any]] = {
    "toFloat64": _float,
    "float": _float,
    "len": _len,
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
}


def sifted(text: str) -> Callable[[Record], bool]:
    """Return what tells whether a record is wanted. Raises `Invalid` for what is no expression.

    What a record does not have is null, which equals nothing but null.
    """
    if not text.strip():
        return lambda record: True
    if len(text) > _LONGEST:
        raise Invalid(f"must have at most {_LONGEST} characters", field="filter")
    reader = _Reader(_tokens(text))
    term = reader.either(0)
    reader.end()
    return lambda record: term(record) is True


def _tokens(text: str) -> list[tuple[str, str]]:
    at, tokens = 0, []
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(f"cannot be read from '{text[at : at + 20].strip()}' on")
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return tokens


def _wrong(why: str) -> Invalid:
    return Invalid(why, field="filter")


class _Reader:
    """Reads tokens in the order of precedence: or, and, not, comparison, value."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise _wrong(f"was not expected to go on with '{self._tokens[self._at][1]}'")

    def either(self, depth: int) -> Term:
        if depth > _DEEPEST:
            raise _wrong("goes too deep")
        left = self._both(depth)
        while self._takes("||", "or"):
            left = partial(_or, left, self._both(depth))
        return left

    def _both(self, depth: int) -> Term:
        left = self._not(depth)
        while self._takes("&&", "and"):
            left = partial(_and, left, self._not(depth))
        return left

    def _not(self, depth: int) -> Term:
        if self._takes("!", "not"):
            if depth > _DEEPEST:
                raise _wrong("goes too deep")
            return partial(_negated, self._not(depth + 1))
        return self._compared(depth)

    def _compared(self, depth: int) -> Term:
        left = self._value(depth)
        negated = self._peek() == "not" and self._peek(1) in _COMPARED
        if negated:
            self._at += 1
        word = self._takes(*_COMPARED)
        if not word:
            return left
        right = self._value(depth)
        if word == "matches":
            _refuse_patterns(right)
        term = partial(_holds, _COMPARED[word], left, right)
        return partial(_negated, term) if negated else term

    def _value(self, depth: int) -> Term:
        kind, said = self._next()
        if said == "(" and kind == "sign":
            term = self.either(depth + 1)
            self._expect(")")
        elif said == "[" and kind == "sign":
            term = self._list(depth)
        elif said == "-" and kind == "sign":
            return _constant(-_number(self._next()))
        elif kind == "number":
            return _constant(_number((kind, said)))
        elif kind == "text":
            return _constant(re.sub(r"\\(.)", r"\1", said[1:-1]))
        elif kind == "word" and said in _CONSTANTS:
            return _constant(_CONSTANTS[said])
        elif kind == "word" and self._peek() == "(":
            term = self._call(said, depth)
        elif kind == "word":
            term = partial(_item, lambda record: record, _constant(said))
        else:
            raise _wrong(f"has '{said}' where a value is expected")
        return self._inside(term, depth)

    def _inside(self, term: Term, depth: int) -> Term:
        while sign := self._takes(".", "?.", "["):
            if sign == "[":
                term = partial(_item, term, self.either(depth + 1))
                self._expect("]")
            else:
                term = partial(_item, term, _constant(self._next()[1]))
        return term

    def _list(self, depth: int) -> Term:
        terms: list[Term] = []
        while not self._takes("]"):
            terms.append(self.either(depth + 1))
            if self._peek() != "]":
                self._expect(",")
        return lambda record: [each(record) for each in terms]

    def _call(self, name: str, depth: int) -> Term:
        if name not in _CALLED:
            raise _wrong(f"knows no function '{name}'; there is {', '.join(_CALLED)}")
        self._expect("(")
        inner = self.either(depth + 1)
        self._expect(")")
        return lambda record: _CALLED[name](inner(record))

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        if at >= len(self._tokens) or self._tokens[at][0] == "text":
            return ""
        return self._tokens[at][1]

    def _takes(self, *words: str) -> str:
        said = self._peek()
        if said not in words or not said:
            return ""
        self._at += 1
        return said

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise _wrong("ends where a value is expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise _wrong(f"lacks a '{sign}'")


def _number(token: tuple[str, str]) -> float:
    if token[0] != "number":
        raise _wrong(f"has '{token[1]}' where a number is expected")
    return float(token[1])


def _refuse_patterns(term: Term) -> None:
    said = term({})
    if isinstance(said, str) and (why := fault(said)):
        raise _wrong(f"has a pattern that cannot be used: {why}")


def _constant(value: Any) -> Term:
    return lambda record: value


def _or(left: Term, right: Term, record: Record) -> bool:
    return left(record) is True or right(record) is True


def _and(left: Term, right: Term, record: Record) -> bool:
    return left(record) is True and right(record) is True


def _negated(term: Term, record: Record) -> bool:
    return term(record) is not True


def _holds(relation: Callable[[Any, Any], bool], left: Term, right: Term, record: Record) -> bool:
    return relation(left(record), right(record))


def _item(whole: Term, key: Term, record: Record) -> Any:
    there, name = whole(record), key(record)
    if isinstance(there, Mapping):
        return there.get(name)
    if isinstance(there, Sequence) and not isinstance(there, str) and isinstance(name, float):
        return there[int(name)] if -len(there) <= name < len(there) else None
    return None
