"""Stacks: nodes that are made from templates."""

from collections.abc import Mapping

from muster.base.errors import Invalid
from muster.model.profile_type import OperationType, ProfileType, Properties
from muster.model.schema import Schema, Support, boolean, integer, mapping, string

SCHEMA: Schema = {
    "context": mapping(
        description=("A dictionary for specifying the customized context for stack operations"),
        default={},
    ),
    "disable_rollback": boolean(
        description="A boolean specifying whether a stack operation can be rolled back.",
        updatable=True,
        default=True,
    ),
    "environment": mapping(
        description="A map that specifies the environment used for stack operations.",
        updatable=True,
        default={},
    ),
    "files": mapping(
        description="Contents of files referenced by the template, if any.",
        updatable=True,
        default={},
    ),
    "parameters": mapping(
        description="Parameters to be passed to Heat for stack operations.",
        updatable=True,
        default={},
    ),
    "template": mapping(description="Heat stack template.", updatable=True, default={}),
    "template_url": string(description="Heat stack template url.", updatable=True, default=""),
    "timeout": integer(
        description=(
            "A integer that specifies the number of minutes that a stack operation times out."
        ),
        updatable=True,
    ),
}
OPERATIONS: Mapping[str, OperationType] = {
    "abandon": OperationType(
        description="Abandon a heat stack node.",
        shown=mapping(description="Abandon a heat stack node."),
    ),
}


def _check(properties: Properties) -> None:
    if not (properties["template"] or properties["template_url"]):
        text = "Both template and template_url are not specified for profile."
        raise Invalid(text, field="template")


TYPE = ProfileType(
    name="os.heat.stack",
    support={"1.0": (Support(status="SUPPORTED", since="2016.04"),)},
    schema=SCHEMA,
    operations=OPERATIONS,
    check=_check,
)
