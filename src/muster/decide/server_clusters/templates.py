"""Templates: what is wrong with one, and its documents with values in them."""

import re
from collections.abc import Iterator, Mapping

from muster.decide.server_clusters import variables
from muster.decide.server_clusters.hidden import SECRET, stand_in
from muster.decide.server_clusters.variables import misfit
from muster.model.machine_template import MachineTemplate

Fault = tuple[str, str]  # a field, and what is wrong with it

# Note [One pass]
# Values are put in where the template has a name, from its beginning to its end, once. A value that
# looks like a name of another variable stays as it is, so the order of variables does not
# matter. Who wants an @ beside a name writes it twice.
_PLACE = re.compile(r"@@|@([A-Za-z0-9_]+)@")
_NAME = re.compile(r"[A-Za-z0-9_]+")


def faults(template: MachineTemplate) -> tuple[Fault, ...]:
    """Return everything that is wrong with a template, each with its field."""
    return (*_names(template), *_strangers(template), *_idle(template), *_words(template))


def missing(template: MachineTemplate, values: Mapping[str, str]) -> tuple[Fault, ...]:
    """Return what is wrong with values for a template: lacking, unfit, or of no variable of it."""
    lacking = (
        (name, "is required: it has no default")
        for name, each in template.variables.items()
        if name not in values and not each.default
    )
    known = ", ".join(template.variables) or "none"
    strange = ((name, f"is no variable; there is {known}") for name in values)
    known_ones = {name: each for name, each in template.variables.items() if name in values}
    tried = ((name, misfit(each, values[name])) for name, each in known_ones.items())
    unfit = (each for each in tried if each[1])
    return (*lacking, *unfit, *(each for each in strange if each[0] not in template.variables))


def rendered(text: str, values: Mapping[str, str]) -> str:
    """Return a document with the values in their places. See Note [One pass]."""
    return _PLACE.sub(lambda place: values[place[1]] if place[1] else "@", text)


def values_of(template: MachineTemplate, said: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every variable: what was said, its default, or what stands for it.

    See Note [Put in last] in hidden.py.
    """
    return {
        name: stand_in(name) if each.type == SECRET else said.get(name, each.default)
        for name, each in template.variables.items()
    }


def _documents(template: MachineTemplate) -> Iterator[tuple[str, str]]:
    yield "service_config_template", template.service_config_template
    yield "application_config_template", template.application_config_template


def _names(template: MachineTemplate) -> Iterator[Fault]:
    for name in template.variables:
        if not _NAME.fullmatch(name):
            yield f"variables.{name}", "must be letters, digits and '_'"


def _strangers(template: MachineTemplate) -> Iterator[Fault]:
    for field, text in _documents(template):
        said = dict.fromkeys(place[1] for place in _PLACE.finditer(text) if place[1])
        for name in said:
            if name not in template.variables:
                yield field, f"has @{name}@, which is no variable of it; a plain @ is written @@"


def _words(template: MachineTemplate) -> Iterator[Fault]:
    for name, each in template.variables.items():
        for why in variables.faults(each):
            yield f"variables.{name}", why


def _idle(template: MachineTemplate) -> Iterator[Fault]:
    said = {place[1] for _, text in _documents(template) for place in _PLACE.finditer(text)}
    for name in template.variables:
        if name not in said and _NAME.fullmatch(name):
            yield f"variables.{name}", "is in neither of the two templates"
