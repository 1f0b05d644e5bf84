"""The question that tells whether a node's application is well."""

from muster.model.cluster import Service
from muster.model.node import Node
from muster.model.observed import Server
from muster.model.pool import MonitorKind, Traffic
from muster.ports.prober import Question


def question(service: Service, node: Node, server: Server) -> Question:
    monitor = service.monitor
    return Question(
        node_id=server.node_id,
        server_id=server.server_id,
        address=server.address,
        port=service.member_at(node.port),
        path=service.health_path,
        traffic=Traffic.TCP if monitor.kind is MonitorKind.TCP else service.traffic,
        method=monitor.method,
        codes=monitor.codes,
    )
