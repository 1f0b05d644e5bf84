"""Clusters of an office as the engine would leave them."""

from typing import Any
from uuid import UUID

import builders
from office import Office, path


async def patched(office: Office, made: dict[str, Any], body: Any, query: str = "") -> Any:
    return await office.call("PATCH", f"{path(made)}{query}", body)


def nodes_of(made: dict[str, Any], count: int) -> list[Any]:
    cluster = UUID(made["stack_id"])
    return [
        builders.a_node(i + 1, cluster_id=cluster, profile_id=UUID(made["revision"]))
        for i in range(count)
    ]
