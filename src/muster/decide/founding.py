"""What to do next so that a machine becomes what it is to be, or why it cannot."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from muster.model.enrolment import NAME, NAME_MUST
from muster.model.founding import MachineSeen, Role, ServerSeen, Step, Wish

POOL = "local"
NETWORK = "incusbr0"
IMAGE = "muster-small"
PORT = 8443  # Incus
DOOR_PORT = 8779

_BEGIN = (Step.INSTALL, Step.START)
_OWN = (Step.LISTEN, Step.POOL, Step.NETWORK, Step.PROFILE)
_MUSTER = (Step.TRUST, Step.IMAGE, Step.SETTINGS, Step.SERVICE)
# Pool, network and profile come before the cluster: in one they have to be made by each member.
STEPS: Mapping[Role, tuple[Step, ...]] = {
    Role.ALONE: (*_BEGIN, *_OWN, *_MUSTER),
    Role.CONTROL: (*_BEGIN, *_OWN, Step.CLUSTER, *_MUSTER, Step.PASSWORD),
    Role.COMPUTE: (*_BEGIN, Step.EMPTY, Step.JOIN, Step.VERIFY, Step.AGENT),
}
TOLD: Mapping[Step, str] = {
    Step.INSTALL: "install Incus",
    Step.START: "start Incus",
    Step.EMPTY: "take out the unused pools and networks that this machine has for itself",
    Step.LISTEN: "have Incus listen for the other members",
    Step.POOL: f"make storage pool {POOL}",
    Step.NETWORK: f"make network {NETWORK}",
    Step.PROFILE: "give every instance a disk and a network",
    Step.CLUSTER: "begin the cluster",
    Step.TRUST: "have Incus know Muster",
    Step.IMAGE: f"make image {IMAGE}",
    Step.SETTINGS: "write Muster's settings",
    Step.SERVICE: "start Muster",
    Step.PASSWORD: "set the password of the cluster",
    Step.JOIN: "join the cluster",
    Step.VERIFY: "run an instance, and remove it",
    Step.AGENT: "start the agent",
}


def next_step(wish: Wish, seen: MachineSeen) -> Step | None:
    """Return the first step that is still to do, None when the machine is as wished.

    It follows from what is there, not from what was done: begun again, a job goes on.
    """
    return next((step for step in STEPS[wish.role] if not _HOLDS[step](wish, seen)), None)


def listens_at(wish: Wish) -> str:
    host = f"[{wish.address}]" if ":" in wish.address else wish.address
    return f"{host}:{PORT}"


def _server(seen: MachineSeen) -> ServerSeen:
    return seen.server or ServerSeen()


def _is_empty(wish: Wish, seen: MachineSeen) -> bool:
    """A server that joins has nothing of its own; what a member has is the cluster's."""
    server = _server(seen)
    return bool(server.member) or not (server.pools or server.networks or server.devices)


# Whether a step need not be done, by what is seen.
_HOLDS: Mapping[Step, Callable[[Wish, MachineSeen], bool]] = {
    Step.INSTALL: lambda _, seen: seen.installed,
    Step.START: lambda _, seen: seen.server is not None,
    Step.EMPTY: _is_empty,
    # A member's address is the cluster's affair and stays what it is.
    Step.LISTEN: lambda wish, seen: (
        _server(seen).listens in (listens_at(wish), f":{PORT}") or bool(_server(seen).member)
    ),
    Step.POOL: lambda _, seen: bool(_server(seen).pools),
    Step.NETWORK: lambda _, seen: bool(_server(seen).networks),
    Step.PROFILE: lambda _, seen: {"root", "eth0"} <= {*_server(seen).devices},
    Step.CLUSTER: lambda _, seen: bool(_server(seen).member),
    Step.TRUST: lambda _, seen: _server(seen).trusts_us,
    Step.IMAGE: lambda _, seen: IMAGE in _server(seen).images,
    Step.SETTINGS: lambda _, seen: seen.configured,
    Step.SERVICE: lambda _, seen: seen.serving,
    Step.PASSWORD: lambda wish, seen: seen.password or not wish.password,
    Step.JOIN: lambda _, seen: bool(_server(seen).member),
    Step.VERIFY: lambda _, seen: seen.verified,
    Step.AGENT: lambda _, seen: seen.agent,
}


def refusal(wish: Wish, seen: MachineSeen) -> str:
    """Return why the machine cannot become that, and what to do; "" if it can."""
    return next((why for check in _CHECKS if (why := check(wish, seen))), "")


def _no_root(_: Wish, seen: MachineSeen) -> str:
    return "" if seen.root else "this changes the machine: run it as root (sudo muster init)"


def _bad_name(wish: Wish, _: MachineSeen) -> str:
    if NAME.fullmatch(wish.name):
        return ""
    return f"'{wish.name}' cannot be the name of a member, which is {NAME_MUST}: give --name"


def _bad_address(wish: Wish, seen: MachineSeen) -> str:
    if wish.address in seen.addresses:
        return ""
    has = ", ".join(seen.addresses) or "none that others could reach"
    return f"{wish.address} is no address of this machine; it has {has}"


def _another_role(wish: Wish, seen: MachineSeen) -> str:
    member = _server(seen).member
    if seen.was is Role.COMPUTE and member and wish.role is not Role.COMPUTE:
        return (
            f"this machine is member '{member}' of a cluster that another machine controls; there "
            "is one control machine"
        )
    if seen.was in (Role.ALONE, Role.CONTROL) and wish.role is Role.COMPUTE and seen.serving:
        return "this machine is a control machine itself, and runs Muster: it joins no other"
    return ""


def _other_cluster(wish: Wish, seen: MachineSeen) -> str:
    member = _server(seen).member
    if member and wish.name != member:
        return f"this machine is a member of a cluster already, as '{member}'"
    if wish.role is not Role.COMPUTE or not member or seen.was is Role.COMPUTE:
        return ""
    return f"this machine is a member of another cluster already, as '{member}'"


def _struck_out(_: Wish, seen: MachineSeen) -> str:
    server = _server(seen)
    if not server.struck_out:
        return ""
    return (
        f"Incus here believes to be member '{server.member}' of a cluster that has let go of it: "
        "stop Incus, move the folder database out of its own folder (/var/lib/incus), start it, "
        "and run this again; instances on this machine are lost with that"
    )


def _not_empty(wish: Wish, seen: MachineSeen) -> str:
    server = _server(seen)
    if wish.role is not Role.COMPUTE or server.member or not server.instances:
        return ""
    return (
        f"there are {server.instances} instances on this machine, which a server loses when it "
        "joins: move or delete them first"
    )


def _taken(wish: Wish, seen: MachineSeen) -> str:
    return "" if wish.role is Role.COMPUTE or seen.serving else seen.taken


_CHECKS = (
    _no_root,
    _bad_name,
    _bad_address,
    _struck_out,
    _another_role,
    _other_cluster,
    _not_empty,
    _taken,
)


def wrong_address(said: str) -> str:
    """Return what is wrong with an address that somebody typed, "" if nothing is."""
    try:
        found = ip_address(said)
    except ValueError:
        return f"'{said}' is no address: four numbers such as 10.0.0.1, or an IPv6 address"
    if found.is_unspecified or found.is_loopback or found.is_multicast:
        return f"other machines do not reach {said}"
    return ""
