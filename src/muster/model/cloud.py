"""What a cloud can do, why it cannot do the rest, and how often it likes to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from muster.model.catalog import Flavor
from muster.model.step import Operation


class Ability(StrEnum):
    BASTION = "bastion"
    NETWORKS = "networks"  # more than one
    ZONES = "zones"
    DNS = "dns"
    TCP = "tcp"  # balancing plain TCP
    HTTPS = "https"
    SNAPSHOT = "snapshot"
    USER_DATA = "user_data"
    KEYPAIR = "keypair"
    CPU_USAGE = "cpu_usage"
    BALANCER = "balancer"
    QUERIES = "queries"  # readings by a query to a Prometheus server
    CONSOLE_LOG = "console_log"
    PAUSE = "pause"
    SUSPEND = "suspend"
    REBUILD = "rebuild"
    RESIZE = "resize"
    LOCK = "lock"
    RESCUE = "rescue"
    CHANGE_PASSWORD = "change_password"
    EVACUATE = "evacuate"
    MEMBER_TLS = "member_tls"  # balancers that speak TLS with members, too
    PING = "ping"  # balancers that find out by a ping
    APP_COOKIE = "app_cookie"  # balancers that keep to a cookie of the application's
    CONNECTION_LIMIT = "connection_limit"  # balancers that serve so many at once and not more
    STATUS_CODES = "status_codes"  # balancers that take any list of status codes for well
    FENCING = "fencing"  # making sure that a server is gone before the next one takes its place
    ANTI_AFFINITY = "anti_affinity"  # keeping servers on hosts apart
    VOLUMES = "volumes"  # disks that outlive servers
    VOLUME_SIZE = "volume_size"  # and are held to their size
    EXEC = "exec"  # running a command in an instance
    VIRTUAL_MACHINES = "virtual_machines"  # beside containers


# What an operation needs that not every cloud can; the others every cloud can.
NEEDS: Mapping[Operation, Ability] = {
    Operation.REBUILD: Ability.REBUILD,
    Operation.PAUSE: Ability.PAUSE,
    Operation.UNPAUSE: Ability.PAUSE,
    Operation.SUSPEND: Ability.SUSPEND,
    Operation.RESUME: Ability.SUSPEND,
    Operation.LOCK: Ability.LOCK,
    Operation.UNLOCK: Ability.LOCK,
    Operation.RESCUE: Ability.RESCUE,
    Operation.UNRESCUE: Ability.RESCUE,
    Operation.CHANGE_PASSWORD: Ability.CHANGE_PASSWORD,
    Operation.EVACUATE: Ability.EVACUATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often each kind of look is taken, and how patient Muster is here."""

    look_every: timedelta = timedelta(seconds=5)  # every server of the cloud, in one listing
    probe_every: timedelta = timedelta(seconds=5)  # every application
    sample_every: timedelta = timedelta(seconds=15)  # metrics, and a scaling decision on them
    stray_grace: timedelta = timedelta(hours=1)
    calls_at_once: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a bastion of this cloud is made of, and where people find it."""

    image: str = ""  # name or id; "": the cluster's own
    flavor: str = ""  # likewise
    port: int = 2222  # of its front; inside it is SSH's own


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A cloud as users see it in a list."""

    name: str
    kind: str
    cannot: Mapping[Ability, str] = field(default_factory=dict)  # ability -> the reason, for people
    pace: Pace = Pace()
    default_health_path: str = "/health"
    gate: Gate = Gate()
    own_flavors: tuple[Flavor, ...] = ()  # clouds that keep flavors themselves
    zones: tuple[str, ...] = ()  # none: it has none, or does not tell
    open_catalog: bool = False  # any image, flavor, keypair, network and zone will do, by any name

    def refusal(self, ability: Ability) -> str | None:
        """Return why this cloud cannot do `ability`, or None if it can."""
        return self.cannot.get(ability)
