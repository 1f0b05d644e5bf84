"""A revision of a cluster: a profile that was made along with it."""

from datetime import datetime
from typing import Any

from muster.base.ids import new_id
from muster.model.profile import Profile, ServerSpec
from muster.model.who import Who


def revision(who: Who, name: str, server: ServerSpec, now: datetime) -> Profile:
    """Return a new profile of this server, with its spec in the clustering API's words."""
    properties: dict[str, Any] = {"flavor": server.flavor.name, "image": server.image_name}
    if server.network:
        properties["networks"] = [{"network": server.network_name}]
    if server.key_name:
        properties["key_name"] = server.key_name
    if server.user_data:
        properties["user_data"] = server.user_data
    if server.metadata:
        properties["metadata"] = dict(server.metadata)
    return Profile(
        id=new_id(),
        project=who.project,
        user=who.user,
        name=name,
        spec={"type": "os.nova.server", "version": "1.0", "properties": properties},
        server=server,
        created_at=now,
    )
