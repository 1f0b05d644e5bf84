"""A profile type: what the specification of a node may say, and what can be done to the node."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from muster.model.schema import Item, Schema, Support, encoded

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationType:
    """Something that can be asked of one node of a type."""

    description: str
    parameters: Schema = field(default_factory=dict)
    shown: Item | None = None  # clients are shown this instead, for they always were

    def encoded(self) -> dict[str, Any]:
        """Return the operation as clients are shown it."""
        if self.shown:
            return encoded(self.shown)
        parameters = {name: encoded(each, bare=True) for name, each in self.parameters.items()}
        return {"description": self.description, "parameters": parameters}


def _anything_goes(properties: Properties) -> None:
    """Find nothing wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileType:
    """One version of a profile type."""

    name: str  # os.nova.server
    version: str = "1.0"
    support: Mapping[str, tuple[Support, ...]]  # of every version there is
    schema: Schema
    operations: Mapping[str, OperationType] = field(default_factory=dict)
    check: Callable[[Properties], None] = _anything_goes
    """Raises `Invalid` for what the schema allows and makes no sense. Gets defaults filled in."""

    @property
    def key(self) -> str:
        return f"{self.name}-{self.version}"
