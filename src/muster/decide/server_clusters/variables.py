"""What a variable of a template takes: whether a value fits, and what is wrong with its words."""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address, ip_interface
from math import isfinite
from urllib.parse import urlsplit

from muster.base import patterns
from muster.decide.server_clusters.hidden import SECRET, SHORTEST
from muster.model.machine_template import Variable

_INT = re.compile(r"-?[0-9]{1,18}")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _reads(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return holds


def _is_url(text: str) -> bool:
    try:
        said = urlsplit(text)
    except ValueError:
        return False
    return bool(said.scheme and said.hostname) and not any(each.isspace() for each in text)


def _is_pem(text: str) -> bool:
    return text.startswith("-----BEGIN ") and "\n-----END " in text and text.endswith("-----")


# By type: whether a value is one, and what it must be. "" takes whatever is plain.
TYPES: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "": (lambda text: True, ""),
    "string": (lambda text: True, ""),
    "int": (lambda text: bool(_INT.fullmatch(text)), "a whole number"),
    "number": (lambda text: _number(text) is not None, "a number"),
    "bool": (lambda text: text in ("true", "false"), "true or false"),
    "ip": (_reads(ip_address), "an address such as 10.0.0.1"),
    "cidr": (lambda text: "/" in text and _reads(ip_interface)(text), "such as 10.0.0.0/24"),
    "url": (_is_url, "a URL such as https://host/path"),
    "pem": (lambda text: _is_pem(text.strip()), "PEM"),
    "enum": (lambda text: True, ""),
    SECRET: (lambda text: len(text) >= SHORTEST, f"a text of {SHORTEST} signs at least"),
}
NUMERIC = frozenset({"int", "number"})


def misfit(variable: Variable, value: str) -> str:
    """Return what a value would have to be, "" where it fits."""
    holds, must = TYPES[variable.type]
    if not holds(value):
        return f"must be {must}"
    if variable.type == "enum" and value not in variable.choices:
        return f"must be one of {', '.join(variable.choices)}"
    if variable.pattern and not patterns.found(f"^(?:{variable.pattern})$", value):
        return f"must be like {variable.pattern}"
    return _beyond(variable, value) if variable.type in NUMERIC else ""


def _beyond(variable: Variable, value: str) -> str:
    number = _number(value) or 0.0
    if variable.min is not None and number < variable.min:
        return f"must be at least {variable.min:g}"
    if variable.max is not None and number > variable.max:
        return f"must be at most {variable.max:g}"
    return ""


def faults(variable: Variable) -> Iterator[str]:
    """Yield everything that is wrong with what a variable says of itself."""
    if variable.type not in TYPES:
        yield f"has type '{variable.type}'; there is {', '.join(each for each in TYPES if each)}"
        return
    if variable.type == SECRET and variable.default:
        yield "has a default, which everybody would be shown: a secret is given when it is used"
        return
    if (variable.type == "enum") != bool(variable.choices):
        yield "has choices, which belong to type enum and to no other"
    if variable.pattern and (why := patterns.fault(variable.pattern)):
        yield f"has a pattern that cannot be used: {why}"
        return
    limits = variable.min is not None or variable.max is not None
    if limits and variable.type not in NUMERIC:
        yield "has min or max, which belong to types int and number"
    elif variable.default and (why := misfit(variable, variable.default)):
        yield f"has a default that does not fit: {why}"
