"""A container image with Debian and cloud-init, made by debootstrap."""

import gzip
import json
import os
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from muster.cli.tarball import Lacking, printed, put_text

# In two steps: debootstrap cannot sort out what cloud-init needs.
FIRST = "systemd-sysv,udev,openssh-server,iproute2,netbase,ca-certificates"
SECOND = ("cloud-init", "python3-minimal")
PARENTS = ("dev", "proc", "run", "sys", "tmp")  # what is in them belongs to the machine that runs
LEFT_OUT = (
    "etc/machine-id",
    "etc/resolv.conf",
    "usr/sbin/policy-rc.d",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/lib/dbus/machine-id",
    "var/log/apt",
    "var/log/bootstrap.log",
    "var/log/dpkg.log",
)
FILES: Mapping[str, str] = {
    "etc/cloud/cloud.cfg.d/90_muster.cfg": """# The cloud writes what it knows into files (NoCloud).
datasource_list: [NoCloud, None]
network: {config: disabled}
disable_root: false
locale: false
apt_preserve_sources_list: true
""",
    "etc/systemd/network/10-eth0.network": "[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n",
    "etc/machine-id": "",
}
SEED = "/var/lib/cloud/seed/nocloud-net"
_NONE = "#cloud-config\n{}\n"
# What the cloud writes into an instance: its path there, and the content. Other instances made of
# a snapshot are other instances to cloud-init, too: their keys and names are their own.
TEMPLATES: Mapping[str, tuple[str, str]] = {
    "hostname": ("/etc/hostname", "{{ instance.name }}\n"),
    "meta-data": (
        f"{SEED}/meta-data",
        'instance-id: {{ config_get("user.muster.server", instance.name) }}\n'
        "local-hostname: {{ instance.name }}\n",
    ),
    "user-data": (f"{SEED}/user-data", '{{ config_get("cloud-init.user-data", properties.none) }}'),
    "vendor-data": (
        f"{SEED}/vendor-data",
        '{{ config_get("cloud-init.vendor-data", properties.none) }}',
    ),
    "ssh-keys": ("/root/.ssh/authorized_keys", '{{ config_get("user.ssh-keys", "") }}\n'),
}
_AT_FIRST = ("create", "copy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    name: str = "debian"
    version: str = "1"
    port: int = 22  # what answers in a fresh instance: SSH


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where Debian comes from: as this machine's own packages do."""

    suite: str
    mirror: str


def build(recipe: Recipe, target: Path) -> int:
    """Write the image to `target`, a .tar.gz, and return its size in bytes.

    Needs root, debootstrap and a Debian mirror; takes a minute or more. Raises `Lacking` saying
    what is not there. Nothing is installed on this machine.
    """
    source = _source()
    with tempfile.TemporaryDirectory(prefix="muster-image-") as aside:
        root = Path(aside) / "root"
        _install(source, root)
        _finish(root)
        _pack(recipe, source, root, target)
    return target.stat().st_size


def _source() -> Source:
    """Return where to take Debian from. Raises `Lacking` where an image cannot be made here."""
    if os.geteuid() != 0:
        raise Lacking("an image with cloud-init is made by debootstrap, which only root may run")
    if not shutil.which("debootstrap"):
        raise Lacking("no debootstrap on this machine: apt-get install debootstrap")
    said = platform.freedesktop_os_release()
    suite = said.get("VERSION_CODENAME", "")
    if said.get("ID") != "debian" or not suite:
        raise Lacking("an image with cloud-init is made on Debian, of its own release")
    shape = "$(REPO_URI) $(CODENAME) $(CREATED_BY)"
    for line in printed("apt-get", "indextargets", "--format", shape).splitlines():
        mirror, codename, kind = line.split(" ")
        if (codename, kind) == (suite, "Packages"):
            return Source(suite=suite, mirror=mirror)
    raise Lacking(f"apt's sources name no mirror of {suite}")


def _install(source: Source, root: Path) -> None:
    step = ("debootstrap", "--variant=minbase", f"--include={FIRST}")
    printed(*step, source.suite, str(root), source.mirror)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    _write(root, "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")  # start nothing
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    with _mounted(root):
        apt = ("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
        printed(*apt, "update")
        printed(*apt, "install", "--no-install-recommends", *SECOND)
        printed("chroot", str(root), "systemctl", "enable", "systemd-networkd")


@contextmanager
def _mounted(root: Path) -> Iterator[None]:
    """Have /proc in the tree for as long as packages are installed in it."""
    printed("mount", "-t", "proc", "proc", str(root / "proc"))
    try:
        yield
    finally:
        printed("umount", "-l", str(root / "proc"))


def _finish(root: Path) -> None:
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # every instance makes its own
    for path in LEFT_OUT:
        if (root / path).is_dir():
            shutil.rmtree(root / path)
        else:
            (root / path).unlink(missing_ok=True)
    for path, content in FILES.items():
        _write(root, path, content)
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    (root / SEED.lstrip("/")).mkdir(parents=True, exist_ok=True)


def _write(root: Path, path: str, content: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)


def _pack(recipe: Recipe, source: Source, root: Path, target: Path) -> None:
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        put_text(archive, "muster-image.toml", _manifest(recipe))
        put_text(archive, "metadata.yaml", json.dumps(_metadata(recipe, source), indent=1) + "\n")
        for name, (_, content) in TEMPLATES.items():
            put_text(archive, f"templates/{name}.tpl", content)
        archive.add(root, "rootfs", filter=_kept)


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return what goes into the image: all but what a running machine puts there itself."""
    _, _, inside = entry.name.partition("/")
    parent, _, below = inside.partition("/")
    return None if below and parent in PARENTS else entry


def _manifest(recipe: Recipe) -> str:
    fields = {"name": recipe.name, "version": recipe.version, "port": recipe.port}
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())


def _metadata(recipe: Recipe, source: Source) -> Mapping[str, object]:
    return {
        "architecture": platform.machine(),
        "creation_date": 1,
        "properties": {
            "name": recipe.name,
            "os": "debian",
            "release": recipe.version,
            "description": f"{recipe.name} {recipe.version}: Debian {source.suite}, cloud-init",
            "none": _NONE,
        },
        "templates": {
            path: {
                "when": [*_AT_FIRST] if name == "ssh-keys" else [*_AT_FIRST, "start"],
                "template": f"{name}.tpl",
            }
            for name, (path, _) in TEMPLATES.items()
        },
    }
