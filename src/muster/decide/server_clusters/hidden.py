"""Values of templates that nobody is shown: where they stand, and what stands there instead.

See Note [Put in last].
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from muster.model.machine_template import MachineTemplate

SECRET = "secret"  # the type of such variables
SHORTEST = 4  # what is shorter is found by chance in texts that have nothing to do with it

# Note [Put in last]
# A secret is no part of a document. While that is read, checked, shown and kept, and in every step
# of a job, its name stands there in words; the value is kept beside, once. It is put in when a
# server is told, after all reading: so it is always the text that was given, whatever signs are in
# it, and there is nothing to hide in what is shown. What others say of it, such as an error that
# quotes it, has the name put back.
_STANDS = re.compile(r"\(secret ([A-Za-z0-9_]+)\)")


def stand_in(name: str) -> str:
    return f"(secret {name})"


def secrets_of(template: MachineTemplate, values: Mapping[str, str]) -> dict[str, str]:
    """Return those of the values that are secret."""
    names = [name for name, each in template.variables.items() if each.type == SECRET]
    return {name: values[name] for name in names if name in values}


def revealed(said: Any, hidden: Mapping[str, str]) -> Any:
    """Return a document of JSON with the secrets in it. See Note [Put in last]."""
    if isinstance(said, Mapping):
        return {name: revealed(each, hidden) for name, each in said.items()}
    if isinstance(said, list | tuple):
        return [revealed(each, hidden) for each in said]
    if not isinstance(said, str):
        return said
    return _STANDS.sub(lambda place: hidden.get(place[1], place[0]), said)


def concealed(text: str, hidden: Mapping[str, str]) -> str:
    """Return a text with the name of a secret wherever the secret itself stood."""
    for name, value in sorted(hidden.items(), key=lambda each: -len(each[1])):
        for written in (value, json.dumps(value)[1:-1]):  # also as it is in quotes
            text = text.replace(written, stand_in(name))
    return text


def in_names(said: Any) -> Iterator[str]:
    """Yield the secrets that stand in names of a document, where none can be put in."""
    if isinstance(said, Mapping):
        for name, each in said.items():
            yield from (place[1] for place in _STANDS.finditer(str(name)))
            yield from in_names(each)
    elif isinstance(said, list | tuple):
        for each in said:
            yield from in_names(each)
