"""Containers on the nodes of another cluster."""

from collections.abc import Mapping

from muster.base.errors import Invalid
from muster.model.profile_type import OperationType, ProfileType, Properties
from muster.model.schema import Schema, Support, integer, mapping, string

SCHEMA: Schema = {
    "command": string(description="The command to run when container is started."),
    "context": mapping(description="Customized security context for operating containers."),
    "host_cluster": string(description="The cluster on which container will be launched."),
    "host_node": string(description="The node on which container will be launched."),
    "image": string(description="The image used to create a container", required=True),
    "name": string(description="The name of the container.", updatable=True),
    "port": integer(description="The port number used to connect to docker daemon.", default=2375),
}
OPERATIONS: Mapping[str, OperationType] = {
    "pause": OperationType(description="Pause a container."),
    "restart": OperationType(
        description="Restart a container.",
        parameters={
            "wait_time": integer(
                description="Number of seconds to wait before killing the container."
            )
        },
    ),
    "unpause": OperationType(description="Unpause a container."),
}


def _check(properties: Properties) -> None:
    hosts = [name for name in ("host_node", "host_cluster") if properties.get(name)]
    if not hosts:
        text = "Either 'host_node' or 'host_cluster' must be specified."
        raise Invalid(text, field="host_node")
    if len(hosts) == 2:
        text = "Only one of 'host_node' and 'host_cluster' can be specified."
        raise Invalid(text, field="host_cluster")


TYPE = ProfileType(
    name="container.dockerinc.docker",
    support={"1.0": (Support(status="EXPERIMENTAL", since="2017.02"),)},
    schema=SCHEMA,
    operations=OPERATIONS,
    check=_check,
)
