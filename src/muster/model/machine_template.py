"""A template of clusters of machines: two documents with places for values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A value that is put into a template. Without a default it has to be given."""

    description: str = ""
    default: str = ""
    type: str = ""  # one of TYPES in decide/server_clusters/variables.py
    pattern: str = ""
    choices: tuple[str, ...] = ()  # of type enum
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineTemplate:
    id: UUID
    name: str
    description: str = ""
    service_config_template: str = ""  # YAML with @NAME@
    application_config_template: str = ""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime | None = None
