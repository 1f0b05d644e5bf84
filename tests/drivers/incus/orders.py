"""An order that any cloud could fill, with only what matters spelled out."""

from typing import Any
from uuid import UUID, uuid4

import builders
from muster.model.profile import ServerSpec
from muster.model.step import ServerOrder


def an_order(**but: Any) -> ServerOrder:
    plain = {
        "server_id": uuid4(),
        "node_id": uuid4(),
        "cluster_id": UUID(int=1),
        "project": "demo",
        "name": "web-001",
        "index": 1,
        "spec": ServerSpec(image="a" * 64, image_name="demo", flavor=builders.TINY),
    }
    return ServerOrder(**plain | but)
