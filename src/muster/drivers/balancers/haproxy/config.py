"""What HAProxy is told in its file: one front, its members, and where it is asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from muster.drivers.balancers.child import LISTENER
from muster.drivers.balancers.haproxy.folder import Run
from muster.drivers.balancers.haproxy.kept import Kept, dial, name_of
from muster.model.pool import Front, Monitor, MonitorKind, Persistence, Traffic

CERTIFICATE = "front.pem"
STATE = "state"  # who was well, for the next HAProxy. See Note [Known to be well]
FRONT = "front"
MEMBERS = "members"
COOKIE = "muster"  # which member a client is kept with
METHODS = {"least_conn": "leastconn", "round_robin": "roundrobin", "source_ip": "source"}
LONGEST = "1h"  # an HAProxy that is on its way out has open sessions for so long at most
_WELL = "200-399"
_CHECK_EVERY_S = 1.0
_CHECK_FAILS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Where an HAProxy listens: for who asks it, for the next one, and for clients."""

    stats: str
    peers: str
    front: str


def of_run(run: Run) -> Sockets:
    """Return the sockets of one on this machine, whose front's socket is handed to it."""
    return Sockets(
        stats=f"unix@{run.stats} mode 600",
        peers=f"unix@{run.peers} mode 600",
        front=f'fd@"${{{LISTENER}}}"',
    )


def haproxy_config(kept: Kept, sockets: Sockets) -> str:
    """Return the whole file, paths relative to the pool's folder."""
    front = kept.front
    return "\n".join(
        [
            f"# Cluster {front.name!r}, project {front.project!r}. Muster writes this file.",
            *_global(sockets, shape(front, sockets)),
            *_defaults(front),
            *_peers(front, sockets),
            *_front(front, sockets),
            *_members(front),
            *(f"    server {name_of(m)} {dial(m)} {options(front)}" for m in kept.members),
            "",
        ]
    )


# Note [Shape]
# Members, their states and the certificate are changed in a running HAProxy; what else
# stands in the file takes a reload. A digest of that part is written into it as its
# description, and HAProxy tells it back: so it is known of a running one whether it has to
# be reloaded, whoever was killed in the middle of what. The limit of clients could be changed
# in a running one, but HAProxy 2.6 hangs for good when it is raised while it is reached.
_ANY = of_run(Run(0, 0))


def shape(front: Front, sockets: Sockets = _ANY) -> str:
    """Return a digest of all that takes a reload to change. See Note [Shape].

    Where it meets its next worker is told anew to each, so that is no part of it.
    """
    clients = [*_peers(front, replace(sockets, peers="")), *_front(front, sockets)]
    told = [*_defaults(front), *clients, *_members(front)]
    return blake2b("\n".join([*told, options(front)]).encode(), digest_size=12).hexdigest()


def _global(sockets: Sockets, digest: str) -> Iterator[str]:
    yield "global"
    yield f"    description {digest}"
    yield f"    stats socket {sockets.stats} level admin"
    yield "    fd-hard-limit 50000"
    yield f"    hard-stop-after {LONGEST}"
    yield "    nbthread 2"
    yield "    localpeer here"


# Note [Reloads lose nothing]
# The socket that clients connect to is inherited, so the worker before and the worker
# after a reload take connections from one queue. Connections that clients keep are closed
# with the answer to their next request, not before: a request that is on its way is served.
def _defaults(front: Front) -> Iterator[str]:
    """See Note [Reloads lose nothing]."""
    monitor = front.monitor
    yield "defaults"
    yield f"    mode {'tcp' if front.traffic is Traffic.TCP else 'http'}"
    yield "    timeout connect 2s"
    yield "    timeout client 1h"
    yield "    timeout server 1h"
    yield "    timeout tunnel 24h"
    yield f"    timeout check {monitor.timeout_s or 2:g}s"
    yield "    retries 3"
    yield "    option redispatch 1"
    yield "    load-server-state-from-file local"
    if front.traffic is Traffic.TCP:
        yield "    option clitcpka"
        yield "    option srvtcpka"
    else:
        yield "    timeout http-request 30s"
        yield "    timeout http-keep-alive 60s"
        yield "    option idle-close-on-response"
        yield "    retry-on conn-failure empty-response"


# Note [Clients kept with a member]
# Servers that are added while HAProxy runs cannot have cookies of their own, so clients
# are kept by a table. It is taught to the next worker at a reload, over a socket in the
# pool's folder; it does not outlive an HAProxy that is killed.
def _peers(front: Front, sockets: Sockets) -> Iterator[str]:
    """See Note [Clients kept with a member]."""
    if front.persistence is not Persistence.NONE:
        yield "peers others"
        yield f"    bind {sockets.peers}"
        yield "    server here"


def _front(front: Front, sockets: Sockets) -> Iterator[str]:
    secure = f" ssl crt {CERTIFICATE} alpn h2,http/1.1" if front.traffic is Traffic.HTTPS else ""
    yield f"frontend {FRONT}"
    yield f"    bind {sockets.front}{secure}"
    yield f"    default_backend {MEMBERS}"
    if front.connections:
        yield f"    maxconn {front.connections}"
    if front.persistence is Persistence.HTTP_COOKIE:
        name = front.cookie or COOKIE
        manners = "Path=/; HttpOnly" + ("; Secure" if secure else "")
        yield f"    http-request set-var(txn.client) req.cook({name})"
        yield "    http-request set-var(txn.fresh) uuid unless { var(txn.client) -m found }"
        yield "    http-request set-var(txn.client) var(txn.fresh) if { var(txn.fresh) -m found }"
        yield (
            f'    http-after-response add-header Set-Cookie "{name}=%[var(txn.fresh)]; {manners}"'
            " if { var(txn.fresh) -m found }"
        )


# Note [Tried again]
# Only what cannot have reached a member is sent again: a connection that was not made,
# and requests that only read. Connections to members rest one second at most, because a
# member closes idle ones after its own time, and what is sent at that moment is lost.
def _members(front: Front) -> Iterator[str]:
    """See Note [Tried again]."""
    yield f"backend {MEMBERS}"
    yield f"    balance {METHODS[front.method]}"
    yield "    hash-type consistent"
    yield f"    server-state-file-name {STATE}"
    if front.traffic is not Traffic.TCP:
        yield "    http-request disable-l7-retry unless { method GET HEAD OPTIONS }"
    yield from _checks(front)
    yield from _sticks(front)


def _checks(front: Front) -> Iterator[str]:
    monitor = front.monitor
    if not asks(front):
        return
    yield "    option httpchk"
    yield (
        f"    http-check send meth {monitor.method} uri {_quoted(front.health_path)} ver HTTP/1.1"
        ' hdr Host "%[srv_name,field(2,_)]" hdr User-Agent muster'
    )
    yield f"    http-check expect status {monitor.codes or _WELL}"


def _sticks(front: Front) -> Iterator[str]:
    """See Note [Clients kept with a member]."""
    match front.persistence:
        case Persistence.SOURCE_IP:
            yield "    stick-table type ipv6 size 100k expire 1h peers others"
            yield "    stick on src"
        case Persistence.HTTP_COOKIE:
            yield "    stick-table type string len 36 size 100k expire 1h peers others"
            yield "    stick on var(txn.client)"
        case Persistence.APP_COOKIE:
            yield "    stick-table type string len 64 size 100k expire 1h peers others"
            yield f"    stick on req.cook({front.cookie})"
            yield f"    stick store-response res.cook({front.cookie})"


def asks(front: Front) -> bool:
    """Return whether members are asked by HTTP, and not only connected to."""
    return front.traffic is not Traffic.TCP and front.monitor.kind is MonitorKind.HTTP


def checked(monitor: Monitor) -> bool:
    return monitor.kind is not MonitorKind.NONE


def options(front: Front) -> str:
    """Return how every server of this front is checked, in the file and in `add server` alike."""
    monitor = front.monitor
    if not checked(monitor):
        return "pool-purge-delay 1s"
    every = monitor.every_s or _CHECK_EVERY_S
    often = min(every, 0.2)
    return (
        f"check inter {_ms(every)} fastinter {_ms(every / 2)} downinter {_ms(often)} "
        f"fall {monitor.failures or _CHECK_FAILS} rise 1 pool-purge-delay 1s"
    )


def _ms(seconds: float) -> str:
    return f"{max(round(seconds * 1000), 1)}ms"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def pem(front: Front) -> str:
    """Return certificate and key as one text without an empty line, which would end it."""
    lines = f"{front.certificate}\n{front.key}".splitlines()
    return "".join(f"{line.strip()}\n" for line in lines if line.strip())


_STATE_HEAD = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl \
srv_check_port srv_check_addr srv_agent_addr srv_agent_port
"""
_NAME, _LEAST = 3, 20  # where a line has the server's name, and how many fields it has at least


# Note [Known to be well]
# HAProxy takes a server for well until it has asked it. So that no request goes to one
# that is sick, or has never been asked, what the last HAProxy knew is handed on in a
# file, and of whom it did not know it says that he is not well: asked at once, he is in
# service a fifth of a second later.
def state_file(known: str, kept: Kept) -> str:
    """Return who is well, by the last words of an HAProxy. See Note [Known to be well]."""
    if not checked(kept.front.monitor):
        return ""
    said = (line.split() for line in known.splitlines() if not re.match(r"#|\d+$", line))
    lines = {words[_NAME]: " ".join(words) for words in said if len(words) >= _LEAST}
    told = (
        lines.get(name_of(member)) or _unknown(name_of(member), member.address, member.port)
        for member in kept.members
    )
    return _STATE_HEAD + "".join(f"{line}\n" for line in told)


def _unknown(name: str, address: str, port: int) -> str:
    return f"3 {MEMBERS} 1 {name} {address} 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0"
