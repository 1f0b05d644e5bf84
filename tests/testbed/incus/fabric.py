"""The network between the members: a bridge in a namespace that leads nowhere else."""

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.incus.place import FABRIC_ADDRESS, NET, Place, address, inside, run

_NO_IPV6 = "for each in default all; do echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6; done"
_OWN_ADDRESSES = "cd /proc/sys/net/ipv4/conf/all; echo 1 >arp_ignore; echo 2 >arp_announce"
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


# Note [One answer each]
# All interfaces of a member lead to one bridge, and Linux answers on every one of them for every
# address that the machine has. So others would send what is meant for eth0 to the interface that
# answered first, such as OVN's uplink; and when Incus takes that down with the last network on
# it, the member is cut off, from OVN's database too, until they ask anew.
def lay(place: Place, members: Sequence[str]) -> None:
    """Make the namespaces: eth0 of each member is for the API, eth1 for its instances.

    See Note [One answer each].
    """
    for name in (place.fabric, *map(place.namespace, members)):
        run("ip", "netns", "add", name)
        run(*inside(name, "sh", "-c", f"{_NO_IPV6}; {_OWN_ADDRESSES}"))
    lines = [
        "link set lo up",
        "link add fab0 type bridge stp_state 0 forward_delay 0",
        f"addr add {FABRIC_ADDRESS}/16 dev fab0",
        "link set fab0 up",
    ]
    for member in members:
        for number in (0, 1):
            there = f"peer name eth{number} netns {place.namespace(member)}"
            lines += [
                f"link add {member}e{number} type veth {there}",
                f"link set {member}e{number} master fab0 up",
            ]
    run("ip", "-n", place.fabric, "-batch", "-", text="\n".join(lines) + "\n")
    for member in members:
        own = (
            "link set lo up",
            f"addr add {address(member)}/16 dev eth0",
            "link set eth0 up",
            f"route add default via {FABRIC_ADDRESS}",
            "link set eth1 up",
        )
        run("ip", "-n", place.namespace(member), "-batch", "-", text="\n".join(own) + "\n")


def lease_addresses(place: Place) -> None:
    """Have instances get their addresses by DHCP."""
    folder = place.base / "dhcp"
    folder.mkdir()
    options = (
        "--conf-file=/dev/null",
        "--port=0",
        "--interface=fab0",
        "--bind-interfaces",
        f"--dhcp-range={NET}.1.1,{NET}.9.254,255.255.0.0,12h",
        f"--dhcp-option=3,{FABRIC_ADDRESS}",
        f"--dhcp-leasefile={folder}/leases",
        f"--pid-file={folder}/pid",
        f"--log-facility={folder}/log",
        "--dhcp-authoritative",
        "--no-ping",
        "--user=root",
        "--no-hosts",
        "--no-resolv",
    )
    run(*inside(place.fabric, "dnsmasq", *options))


def cut(place: Place, member: str) -> None:
    """Take the member's API away; its instances are still reached."""
    run("ip", "-n", place.fabric, "link", "set", f"{member}e0", "down")


def mend(place: Place, member: str) -> None:
    run("ip", "-n", place.fabric, "link", "set", f"{member}e0", "up")


def isolate(place: Place, member: str) -> None:
    """Take all of the member's network away: nothing on it is reached, and everything runs on."""
    for number in (0, 1):
        run("ip", "-n", place.fabric, "link", "set", f"{member}e{number}", "down")


def rejoin(place: Place, member: str) -> None:
    for number in (0, 1):
        run("ip", "-n", place.fabric, "link", "set", f"{member}e{number}", "up")


@contextmanager
def entered(place: Place) -> Iterator[None]:
    """Have this thread, and what it starts, be in the fabric until the block ends."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{place.fabric}", os.O_RDONLY)
    try:
        _enter(there)
        yield
    finally:
        _enter(back)
        os.close(there)
        os.close(back)


def _enter(handle: int) -> None:
    if _LIBC.setns(handle, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def namespaces(place: Place) -> list[str]:
    """Return the network namespaces of this testbed that are there."""
    names = (each.name for each in Path("/run/netns").glob(f"{place.name}-*"))
    return sorted(name for name in names if name.removeprefix(f"{place.name}-")[:1] in "fm")


def take_up(place: Place) -> None:
    """Remove the namespaces, and kill what is left in them."""
    for name in namespaces(place):
        for pid in run("ip", "netns", "pids", name).split():
            try:
                os.kill(int(pid), 9)
            except ProcessLookupError:
                continue
        run("ip", "netns", "del", name)
