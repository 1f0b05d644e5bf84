"""A testbed of Incus members: put up, made one cluster, and taken down without a trace."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from guard import MARK
from muster.cli.container_image import Recipe, build
from testbed.incus import fabric, machine, ovn, rest
from testbed.incus.place import PORT, Place, address, run, url
from testbed.stale import held, is_stale, sign_of_life

OFFLINE_AFTER_S = 12  # the least is 11
DEMOS = (Recipe(), Recipe(name="demo-web-v2", version="2"))
Furnish = Callable[[Place, str], None]  # what a member has before it is given power


def up(place: Place, count: int) -> None:
    """Put up members that do not know each other yet, each trusting the client certificate."""
    trusted = bare(place, count)

    def begin(member: str) -> None:
        listen = {"core.https_address": f"{address(member)}:{PORT}"}
        _call(place, member, "PUT", "/1.0", {"config": listen})
        trust = {"name": "control-plane", "type": "client", "certificate": trusted}
        _call(place, member, "POST", "/1.0/certificates", trust)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(begin, place.members()))


def bare(place: Place, count: int, furnish: Furnish | None = None) -> str:
    """Put up members whose Incus is as it comes, and return a certificate that none trusts."""
    down(place)
    members = [f"m{number}" for number in range(1, count + 1)]
    for member in members:
        (place.folder(member) / "incus").mkdir(parents=True)
        if furnish:
            furnish(place, member)
    trusted = _certificate(place)
    fabric.lay(place, members)
    fabric.lease_addresses(place)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda member: machine.boot(place, member), members))
    return trusted


def join(place: Place) -> None:
    """Make one cluster of all members (of one, a server on its own), ready for instances."""
    first, *others = place.members()
    pool = {"name": "default", "driver": "dir", "config": {}}
    _call(place, first, "POST", "/1.0/storage-pools", pool)
    if others:
        _call(place, first, "PUT", "/1.0/cluster", {"server_name": first, "enabled": True})
        for member in others:
            _join(place, first, member)
        _set_zones(place)
        _notice_sooner(place, first)
    _lay_network(place)


def _join(place: Place, first: str, member: str) -> None:
    asked = {"server_name": member}
    said = _call(place, first, "POST", "/1.0/cluster/members", asked, wait=False)["metadata"]
    token = {
        "server_name": member,
        "fingerprint": said["fingerprint"],
        "addresses": said["addresses"],
        "secret": said["secret"],
        "expires_at": said["expiresAt"],
    }
    source = {"entity": "storage-pool", "name": "default", "key": "source", "value": ""}
    wish = {
        "server_name": member,
        "enabled": True,
        "cluster_address": said["addresses"][0],
        "cluster_certificate": _call(place, first, "GET", "/1.0")["environment"]["certificate"],
        "server_address": f"{address(member)}:{PORT}",
        "cluster_token": base64.b64encode(json.dumps(token).encode()).decode(),
        "member_config": [source],
    }
    _call(place, member, "PUT", "/1.0/cluster", wish)


def _set_zones(place: Place) -> None:
    """Make each member a failure domain: z1, z2 ... By a PUT of the whole, a PATCH is refused."""
    first = place.members()[0]
    for number, member in enumerate(place.members(), 1):
        known = _call(place, first, "GET", f"/1.0/cluster/members/{member}")
        kept = {each: known[each] for each in ("config", "description", "groups", "roles")}
        wish = kept | {"failure_domain": f"z{number}"}
        _call(place, first, "PUT", f"/1.0/cluster/members/{member}", wish)


def _notice_sooner(place: Place, member: str) -> None:
    """By a PUT of the whole: a PATCH that Incus 6.0.4 refuses wipes the member's addresses."""
    known = _call(place, member, "GET", "/1.0")["config"]
    wish = known | {"cluster.offline_threshold": str(OFFLINE_AFTER_S)}
    _call(place, member, "PUT", "/1.0", {"config": wish})


def _lay_network(place: Place) -> None:
    """Make a managed bridge over all members; with an unmanaged one nothing can be evacuated."""
    first, *others = place.members()
    own = {"bridge.external_interfaces": "eth1"}
    everywhere = {"ipv4.address": "none", "ipv6.address": "none"}
    if others:
        for member in place.members():
            part = {"name": "fab", "type": "bridge", "config": own}
            _call(place, first, "POST", f"/1.0/networks?target={member}", part)
    config = everywhere if others else own | everywhere
    _call(
        place, first, "POST", "/1.0/networks", {"name": "fab", "type": "bridge", "config": config}
    )
    devices = {
        "root": {"type": "disk", "path": "/", "pool": "default"},
        "eth0": {"type": "nic", "network": "fab", "name": "eth0"},
    }
    _call(place, first, "PUT", "/1.0/profiles/default", {"config": {}, "devices": devices})


def _call(
    place: Place, member: str, method: str, where: str, body: Any = None, *, wait: bool = True
) -> Any:
    return rest.call(place.socket(member), method, where, body, wait=wait)


def _certificate(place: Place) -> str:
    """Make the client certificate and return it as Incus wants it: without its frame."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes")
    files = ("-keyout", place.key, "-out", place.certificate)
    run("openssl", "req", "-x509", *curve, "-days", "30", "-subj", "/CN=control-plane", *files)
    lines = place.certificate.read_text().splitlines()
    return "".join(line for line in lines if "-----" not in line)


def down(place: Place) -> None:
    """Remove everything, and what an earlier one of this name left."""
    for member in place.members():
        machine.crash(place, member)
    machine.clear_cgroups(place)
    fabric.take_up(place)
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in reversed(mounts):
        if mount.startswith(f"{place.base}/"):
            run("umount", "-l", mount)
    if place.base.exists():
        shutil.rmtree(place.base)


@contextmanager
def lent_bare(count: int, furnish: Furnish | None = None) -> Iterator[Place]:
    """Lend `count` machines with an Incus that nobody has touched; they do not outlive us."""
    sweep()
    base = Path(tempfile.gettempdir()) / f"muster-incus-{os.getpid()}-{count}bare"
    place = Place(base=base, name=f"mt{os.getpid()}x{count}bare")
    with held(base), guarded(place):
        bare(place, count, furnish)
        yield place


@contextmanager
def lent(count: int, *, with_ovn: bool = False) -> Iterator[Place]:
    """Lend a cluster of `count` members, which does not outlive us, however we end."""
    sweep()
    kind = f"{count}{'ovn' if with_ovn else ''}"
    base = Path(tempfile.gettempdir()) / f"muster-incus-{os.getpid()}-{kind}"
    place = Place(base=base, name=f"mt{os.getpid()}x{kind}")
    with held(base), guarded(place):
        up(place, count)
        join(place)
        if with_ovn:
            ovn.lay(place)
        with tempfile.TemporaryDirectory() as aside:
            for recipe in DEMOS:
                image = Path(aside) / "image.tar.gz"
                build(recipe, image)
                give_image(place, image)
        yield place


@contextmanager
def guarded(place: Place) -> Iterator[None]:
    """Have somebody beside us take the testbed down when our end of the line is cut."""
    guard = subprocess.Popen(
        [sys.executable, "-m", "testbed.incus", "guard", str(place.base), place.name],
        stdin=subprocess.PIPE,
        start_new_session=True,
        env={**_surroundings(), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield
    finally:
        down(place)
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(180)


def _surroundings() -> dict[str, str]:
    """Return ours without the sign that would have this guard ended by another one."""
    return {name: said for name, said in os.environ.items() if name != MARK}


def statuses(place: Place) -> dict[str, str]:
    """Return how the members are, as the first sees them: by heartbeats, seconds apart."""
    listed = _call(place, "m1", "GET", "/1.0/cluster/members?recursion=1")
    return {each["server_name"]: each["status"] for each in listed}


def await_whole(place: Place, patience_s: float = 180) -> None:
    """Wait until all members are well again: one whose daemon is back is missed for a while."""
    well = dict.fromkeys(place.members(), "Online")
    deadline = time.monotonic() + patience_s
    while (seen := statuses(place)) != well:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the members are not well after {patience_s:g} s: {seen}")
        time.sleep(0.1)


def give_image(place: Place, image: Path) -> None:
    """Have the members have the image as one of their own."""
    headers = {"Content-Type": "application/octet-stream", "X-Incus-filename": image.name}
    rest.send(place.socket("m1"), "/1.0/images", image.read_bytes(), headers)


def settings(place: Place) -> dict[str, Any]:
    """Return the options of a cloud that is reached by HTTPS."""
    return {
        "url": url("m1"),
        "certificate": str(place.certificate),
        "key": str(place.key),
        "server_certificate": str(server_certificate(place)),
    }


def sweep() -> None:
    """Take down the testbeds of test runs that were killed with their guards."""
    names = {path.name.rpartition("-")[0] for path in Path("/run/netns").glob("mt*x*-*")}
    for base in Path(tempfile.gettempdir()).glob("muster-incus-*-*"):
        pid, count = base.name.removesuffix(".held").split("-")[2:]
        names.add(f"mt{pid}x{count}")
    for name in names:
        pid, _, count = name.removeprefix("mt").partition("x")
        base = Path(tempfile.gettempdir()) / f"muster-incus-{pid}-{count}"
        if pid.isdigit() and is_stale(base, pid):
            down(Place(base=base, name=name))
            sign_of_life(base).unlink(missing_ok=True)


def execute(place: Place, member: str, command: list[str]) -> int:
    """Run a command in the member's namespaces and return how it ended."""
    pid = machine.first_process(place, member)
    environ = {**os.environ, "INCUS_DIR": str(place.folder(member) / "incus")}
    return subprocess.run(["nsenter", "-t", str(pid), "-a", *command], env=environ).returncode


def server_certificate(place: Place) -> Path:
    """Return a file with the certificate that the members show."""
    shown = _call(place, "m1", "GET", "/1.0")["environment"]["certificate"]
    path = place.base / "server.crt"
    path.write_text(shown)
    return path
