"""A profile: what one node is made of, pinned. Every revision of a cluster is one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from muster.model.catalog import Flavor
from muster.model.volume import Disk


# Note [Pinned]
# A profile never changes after it was written, and everything it names was looked
# up when it was written: the image by id, the flavor and the public key by value.
# So "the previous revision" means the same next week, and a rollback can be
# promised, whatever was renamed or deleted meanwhile.
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """What a cloud needs to know to make one server. See Note [Pinned]."""

    image: str  # the cloud's id of it
    image_name: str
    flavor: Flavor
    network: str = ""
    network_name: str = ""
    key_name: str = ""
    public_key: str = ""
    user_data: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    zones: tuple[str, ...] = ()
    host: str = ""  # the only one that will do; "": any
    port: int | None = None
    health_path: str = ""
    disks: tuple[Disk, ...] = ()  # volumes of its own, that come and go with it
    taken: bool = False  # its names were not looked up, for its cloud takes any


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    id: UUID
    project: str
    user: str
    name: str
    type: str = "os.nova.server-1.0"
    spec: Mapping[str, Any] = field(default_factory=dict)  # as submitted
    server: ServerSpec
    kept: bool = False  # somebody made it by itself, so it stays when its last cluster goes
    cloud: str = ""  # where it can be used; "": it was made with a cluster, which says
    metadata: Mapping[str, Any] = field(default_factory=dict)
    domain: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
