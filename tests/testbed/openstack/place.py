"""Where a cloud of OpenStack keeps what it has, its ports, and what the machine must have."""

import json
import os
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from testbed.environments import environment

HERE = Path(__file__).parent
PASSWORD = "secret"
COMPUTES = ("compute-1", "compute-2", "compute-3")
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump", "epmd", "openssl")

COMPUTE = ("keystone", "placement", "glance", "nova", "neutron", "cinder")
PROFILES = {
    "identity": ("keystone",),
    "compute": COMPUTE,
    "all": (*COMPUTE, "octavia", "heat", "designate"),
}
PORTS = (
    "held",  # listens for nobody: who has it has the whole block
    "mariadb",
    "rabbitmq",
    "rabbitmq_others",
    "epmd",
    *PROFILES["all"],
    "heat_signals",
    "octavia_health",
    "designate_mdns",
    "nameserver",
)
_FROM = 20000


@dataclass(frozen=True, slots=True)
class Place:
    """One cloud: all its files are below `base`, its ports follow `first`."""

    base: Path
    profile: str
    first: int
    program: Path

    @property
    def sign(self) -> str:
        """What the surroundings of all its processes show, and of no other's."""
        return f"{self.base}/"

    @property
    def clouds(self) -> Path:
        return self.base / "clouds.yaml"

    @property
    def services(self) -> tuple[str, ...]:
        return PROFILES[self.profile]

    def port(self, name: str) -> int:
        return self.first + PORTS.index(name)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    def settings(self, service: str) -> Path:
        names = {"glance": "glance-api"}
        return self.base / "etc" / service / f"{names.get(service, service)}.conf"

    def log(self, name: str) -> Path:
        return self.base / "logs" / f"{name}.out"

    def remember(self) -> None:
        """Write down what a later process needs to find this cloud again."""
        said = {"profile": self.profile, "first": self.first, "program": str(self.program)}
        (self.base / "place.json").write_text(json.dumps(said))


def remembered(base: Path) -> Place:
    said = json.loads((base / "place.json").read_text())
    return Place(base, said["profile"], said["first"], Path(said["program"]))


def lacking() -> str:
    """Return what this machine lacks for a cloud, "" if nothing."""
    if os.geteuid() != 0:
        return "a testbed of OpenStack needs root"
    missing = [each for each in PROGRAMS if not shutil.which(each, path=SYSTEM_PATH)]
    missing += [] if RABBITMQ.exists() else ["rabbitmq-server"]
    wanted = "install the packages `mariadb-server` and `rabbitmq-server`"
    return f"not on this machine: {', '.join(missing)}: {wanted}" if missing else ""


def program() -> Path:
    """Return the folder of the services' programs, or skip where they cannot be had."""
    return environment("openstack") / "bin"


# Note [Ports that are held]
# A service that is stopped has to find its port free when it is started again, and so it must not
# be one of those that the system gives to whoever connects somewhere. Of those below, a block is
# held by whoever listens on its first port; every process of a cloud inherits that socket, so it
# is held for as long as any of them lives.
def free_block() -> tuple[int, socket.socket]:
    """Return the first port of a block that nobody uses, and what holds it.

    See Note [Ports that are held].
    """
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    for first in range(_FROM, int(given[0]) - len(PORTS), len(PORTS)):
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", first))
            holder.listen()
            _try(range(first + 1, first + len(PORTS)))
        except OSError:
            holder.close()
            continue
        return first, holder
    raise RuntimeError("no block of free ports")


def _try(ports: range) -> None:
    with ExitStack() as stack:
        for port in ports:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                stack.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port))
