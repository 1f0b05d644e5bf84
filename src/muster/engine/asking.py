"""The question that tells whether a node's application is well."""

from muster.model.cluster import Service
from muster.model.node import Node
from muster.model.observed import Server
from muster.ports.prober import Question


def question(service: Service, node: Node, server: Server) -> Question:
    return Question(
        node_id=server.node_id,
        server_id=server.server_id,
        address=server.address,
        port=node.port or service.port,
        path=service.health_path,
        traffic=service.traffic,
    )
