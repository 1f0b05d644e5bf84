"""OVN over a testbed's members: databases beside them, a switch on each, and an uplink."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from testbed.incus import machine, rest
from testbed.incus.place import FABRIC_ADDRESS, NET, Place, inside, run

UPLINK = "up"
RANGE = f"{NET}.40.1-{NET}.40.100"  # the addresses that are OVN's to give
PROGRAMS = ("ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovn-northd", "ovn-controller", "ethtool")
PACKAGES = "openvswitch-switch, ovn-central, ovn-host and ethtool"
SCRIPT = Path(__file__).with_name("member_ovn.sh")


def lacking() -> str:
    """Return what this machine lacks for OVN, "" if nothing."""
    where = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    missing = [each for each in PROGRAMS if not shutil.which(each, path=where)]
    if not missing:
        return ""
    return f"not installed: {', '.join(missing)}; they are in the packages {PACKAGES}"


# Note [Whole checksums]
# The kernel leaves checksums of what never leaves the machine to a network card that is not
# there. A switch in user space passes packets on as they are, and then nobody takes them for
# whole. So every end that sends through it computes them itself: the fabric, and each container,
# by a hook of its profile.
def lay(place: Place) -> None:
    """Give a testbed whose members are one cluster, or one server, OVN and an uplink for it.

    See Note [Whole checksums].
    """
    folder = place.base / "ovn"
    folder.mkdir()
    hook = folder / "whole-checksums"
    hook.write_text('#!/bin/sh\nexec nsenter -t "$LXC_PID" -n ethtool -K eth0 tx off\n')
    hook.chmod(0o755)
    _begin_databases(place, folder)
    for member in place.members():
        _wire(place, member)
        _begin_switch(place, member, folder)
    run(*inside(place.fabric, "ethtool", "-K", "fab0", "tx", "off"))
    _tell_incus(place, hook)


def _begin_databases(place: Place, folder: Path) -> None:
    for name, port in (("nb", 6641), ("sb", 6642)):
        database = folder / f"{name}.db"
        run("ovsdb-tool", "create", database, f"/usr/share/ovn/ovn-{name}.ovsschema")
        _detached(
            place,
            "ovsdb-server",
            database,
            f"--remote=ptcp:{port}:{FABRIC_ADDRESS}",
            f"--remote=punix:{folder}/{name}.sock",
            *_files(folder, name),
        )
    databases = [f"--ovn{name}-db=unix:{folder}/{name}.sock" for name in ("nb", "sb")]
    _detached(place, "ovn-northd", *databases, *_files(folder, "northd"))


def _files(folder: Path, name: str) -> list[str]:
    """Return the options by which a daemon keeps what it has in that folder, and detaches."""
    kinds = (("pidfile", "pid"), ("unixctl", "ctl"), ("log-file", "log"))
    return [*(f"--{option}={folder}/{name}.{kind}" for option, kind in kinds), "--detach"]


def _detached(place: Place, *command: object) -> None:
    """Start what goes on by itself. Nobody waits for the end of its output, which does not come."""
    with (place.base / "ovn" / "out").open("a") as out:
        words = [str(each) for each in inside(place.fabric, *command)]
        plain: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
        subprocess.run(words, check=True, timeout=60, **plain)


def _wire(place: Place, member: str) -> None:
    """Give the member eth2, for tunnels to the others, and eth3, which is the uplink."""
    lines = []
    for number in (2, 3):
        there = f"peer name eth{number} netns {place.namespace(member)}"
        lines += [
            f"link add {member}e{number} type veth {there}",
            f"link set {member}e{number} master fab0 up",
        ]
    run("ip", "-n", place.fabric, "-batch", "-", text="\n".join(lines) + "\n")
    for number in (2, 3):
        run("ip", "-n", place.namespace(member), "link", "set", f"eth{number}", "up")
        run(*inside(place.fabric, "ethtool", "-K", f"{member}e{number}", "tx", "off"))


def _begin_switch(place: Place, member: str, folder: Path) -> None:
    """Start the member's switch, now and whenever it gets power again."""
    settings = {
        "TB_NAME": member,
        "TB_OVN": folder,
        "TB_CENTRAL": FABRIC_ADDRESS,
        "TB_TUNNEL": f"10.78.0.{10 + int(member[1:])}",
    }
    lines = ["#!/bin/bash", *(f"export {k}='{v}'" for k, v in settings.items()), f"bash '{SCRIPT}'"]
    begin = place.folder(member) / "ovn.sh"
    begin.write_text("\n".join(lines) + "\n")
    pid = machine.first_process(place, member)
    run("nsenter", "-t", pid, "-a", "bash", begin)


def _tell_incus(place: Place, hook: Path) -> None:
    first, *others = place.members()
    known = _call(place, "GET", "/1.0")["config"]
    where = {"network.ovn.northbound_connection": f"tcp:{FABRIC_ADDRESS}:6641"}
    _call(place, "PUT", "/1.0", {"config": known | where})
    profile = _call(place, "GET", "/1.0/profiles/default")
    config = {**profile["config"], "raw.lxc": f"lxc.hook.start-host = {hook}"}
    _call(place, "PUT", "/1.0/profiles/default", {"config": config, "devices": profile["devices"]})
    out = {"parent": "eth3"}
    lead = {
        "ipv4.gateway": f"{FABRIC_ADDRESS}/16",
        "ipv4.ovn.ranges": RANGE,
        "dns.nameservers": FABRIC_ADDRESS,
    }
    plain = {"name": UPLINK, "type": "physical"}
    if others:
        for member in (first, *others):
            _call(place, "POST", f"/1.0/networks?target={member}", plain | {"config": out})
    _call(place, "POST", "/1.0/networks", plain | {"config": lead if others else lead | out})


def _call(place: Place, method: str, where: str, body: Any = None) -> Any:
    return rest.call(place.socket(place.members()[0]), method, where, body)
