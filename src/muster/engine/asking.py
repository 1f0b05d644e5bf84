"""The question that tells whether a node's application is well."""

from muster.model.cluster import Service
from muster.model.node import Node
from muster.model.observed import Server
from muster.model.pool import MonitorKind, Traffic
from muster.ports.prober import Question


# Note [Where TLS ends]
# Whoever serves by https has the balancer speak TLS with clients. Behind it members speak
# plain HTTP, and are asked so: by Muster as by the balancer itself.
def question(service: Service, node: Node, server: Server) -> Question:
    """Return what to ask a member, at its last known address if its host does not tell it.

    See Note [Where TLS ends].
    """
    monitor = service.monitor
    by_connecting = monitor.kind is MonitorKind.TCP or service.traffic is Traffic.TCP
    return Question(
        node_id=server.node_id,
        server_id=server.server_id,
        address=server.address or node.address,
        port=service.member_at(node.port),
        path=service.path_of(node.profile_id),
        traffic=Traffic.TCP if by_connecting else Traffic.HTTP,
        method=monitor.method,
        codes=monitor.codes,
    )
