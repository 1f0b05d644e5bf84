"""A JSON body whose objects may say one key several times, with nothing of it lost."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from muster.api.reading import decoded
from muster.base.errors import Invalid
from muster.service.ask import Fault, refuse


class Repeated(list[Any]):
    """The values of a key that an object says more than once, in their order."""


# Note [Repeated keys]
# Bodies made from XML say a key once for each element: {"instance": {...}, "instance": {...}}.
# JSON parsers keep the last one, and an instance would be lost in silence. So every key is
# counted: those that stand for elements gather theirs, any other one that repeats is refused,
# for of two names or sizes nobody can know which is meant.
def gathered(body: bytes, elements: frozenset[str]) -> dict[str, Any]:
    """Return the object of a body, with lists for repeated `elements`. See Note [Repeated keys].

    Raises `Invalid` for what is no JSON object, and for every other key that is repeated.
    """
    decoded(body)
    try:
        said: dict[str, Any] = json.loads(body.decode(), object_pairs_hook=_object)
        twice = list(_repeated(said, "", elements))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the body is not JSON: {error}") from None
    if twice:
        refuse(Fault(path, f"is given {count} times") for path, count in twice)
    return said


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = dict(pairs)
    if len(made) < len(pairs):
        counted: dict[str, list[Any]] = {}
        for key, value in pairs:
            counted.setdefault(key, []).append(value)
        made |= {key: Repeated(values) for key, values in counted.items() if len(values) > 1}
    return made


def _repeated(value: Any, path: str, elements: frozenset[str]) -> Iterator[tuple[str, int]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            here = f"{path}.{key}" if path else key
            if isinstance(each, Repeated) and key not in elements:
                yield here, len(each)
            else:
                yield from _repeated(each, here, elements)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _repeated(each, f"{path}[{number}]", elements)
