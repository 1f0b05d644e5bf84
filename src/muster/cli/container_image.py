"""A container image made of Debian's packages alone: a web server, SSH, a few megabytes."""

import gzip
import json
import platform
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from muster.cli.tarball import Lacking, printed, put_entry, put_link, put_text

DYNAMIC = ("dropbear-bin", "libc6", "libcrypt1", "libgmp10", "libtomcrypt1", "libtommath1")
PACKAGES = ("busybox-static", "zlib1g", *DYNAMIC)
LIBRARIES = (
    "libc.so.6",
    "libcrypt.so.1",
    "libgmp.so.10",
    "libtomcrypt.so.1",
    "libtommath.so.1",
    "libz.so.1",
)
FOLDERS = (
    "bin sbin etc proc sys dev tmp run root root/.ssh www www/cgi-bin usr usr/bin usr/sbin var "
    "var/log var/run var/lib var/lib/seed lib lib64 etc/dropbear etc/haproxy"
)
TEXTS: Mapping[str, str] = {
    "etc/passwd": "root:*:0:0:root:/root:/bin/sh\nnobody:*:65534:65534::/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/shells": "/bin/sh\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\nhosts: files dns\n",
    "www/health": "well\n",
}
# What the cloud writes into an instance: its path there, and where the content comes from.
TEMPLATES: Mapping[str, tuple[str, str]] = {
    "hostname": ("/etc/hostname", "{{ instance.name }}\n"),
    "instance": ("/var/lib/seed/instance", '{{ config_get("user.muster.server", "") }}'),
    "address": ("/var/lib/seed/address", '{{ config_get("user.address", "") }}'),
    "gateway": ("/var/lib/seed/gateway", '{{ config_get("user.gateway", "") }}'),
    "ssh-keys": ("/var/lib/seed/ssh-keys", '{{ config_get("user.ssh-keys", "") }}\n'),
    "user-data": ("/var/lib/seed/user-data", '{{ config_get("cloud-init.user-data", "") }}'),
}
HAPROXY = "usr/sbin/haproxy"
ROUNDS_PER_MS = 300  # of the shell's loop, on a processor of today, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    name: str = "demo-web"
    version: str = "1"
    port: int = 8080
    ssh: bool = True
    haproxy: bool = False  # in the place of the web server, for the balancers of a network


def build(recipe: Recipe, target: Path) -> int:
    """Write the image to `target`, a .tar.gz, and return its size in bytes.

    The same recipe and packages give the same bytes. Packages that are not installed are
    downloaded; nothing is installed, and nobody needs to be root.
    """
    with (
        _programs(recipe) as found,
        target.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _write(archive, recipe, found)
    return target.stat().st_size


def _write(archive: tarfile.TarFile, recipe: Recipe, found: Mapping[str, Path]) -> None:
    put_text(archive, "muster-image.toml", _manifest(recipe))
    put_text(archive, "metadata.yaml", _metadata(recipe))
    for name, (_, content) in TEMPLATES.items():
        put_text(archive, f"templates/{name}.tpl", content)
    put_entry(archive, "rootfs", tarfile.DIRTYPE, 0o755)
    for folder in FOLDERS.split():
        mode = {"tmp": 0o1777, "root": 0o700, "root/.ssh": 0o700}.get(folder, 0o755)
        put_entry(archive, f"rootfs/{folder}", tarfile.DIRTYPE, mode)
    for path, text in TEXTS.items():
        put_text(archive, f"rootfs/{path}", text)
    put_text(archive, "rootfs/etc/muster-image", f"{recipe.name} {recipe.version}\n")
    _scripts(archive, recipe)
    for path, source in found.items():
        put_text(archive, f"rootfs/{path}", source.read_bytes(), 0o755)
    for applet in _applets(found["bin/busybox"]):
        put_link(archive, f"rootfs/bin/{applet}", "busybox")
    put_link(archive, "rootfs/sbin/init", "/bin/busybox")


def _scripts(archive: tarfile.TarFile, recipe: Recipe) -> None:
    blanks = {
        "@PORT@": str(recipe.port),
        "@SSH@": "" if recipe.ssh else "#",
        "@WEB@": "#" if recipe.haproxy else "",
        "@HAPROXY@": "" if recipe.haproxy else "#",
        "@ROUNDS@": str(ROUNDS_PER_MS),
    }
    scripts = {
        "rc": ("etc/rc", 0o755),
        "inittab": ("etc/inittab", 0o644),
        "udhcpc.sh": ("etc/udhcpc.sh", 0o755),
        "index.cgi": ("www/cgi-bin/index.cgi", 0o755),
    }
    if recipe.haproxy:
        scripts["front"] = ("usr/sbin/front", 0o755)
    for name, (path, mode) in scripts.items():
        text = files("muster.cli").joinpath("container", name).read_text()
        for blank, value in blanks.items():
            text = text.replace(blank, value)
        put_text(archive, f"rootfs/{path}", text, mode)


def _manifest(recipe: Recipe) -> str:
    fields: dict[str, str | int] = {"name": recipe.name, "version": recipe.version}
    if not recipe.haproxy:
        fields |= {"port": recipe.port, "health_path": "/health"}
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())


def _metadata(recipe: Recipe) -> str:
    """Return what Incus wants to know, as YAML, of which JSON is a part."""
    said = {
        "architecture": platform.machine(),
        "creation_date": 1,
        "properties": {
            "name": recipe.name,
            "os": "busybox",
            "release": recipe.version,
            "description": f"{recipe.name} {recipe.version}",
        },
        "templates": {
            path: {"when": ["create", "copy", "start"], "template": f"{name}.tpl"}
            for name, (path, _) in TEMPLATES.items()
        },
    }
    return json.dumps(said, indent=1) + "\n"


def _applets(busybox: Path) -> list[str]:
    names = printed(str(busybox), "--list").split()
    return [name for name in names if name != "busybox"]


@contextmanager
def _programs(recipe: Recipe) -> Iterator[Mapping[str, Path]]:
    """Yield where each program and library is that goes into the image, by its path there."""
    with tempfile.TemporaryDirectory() as aside:
        roots = [Path("/")]
        wanted = _wanted(recipe)
        if any(_found(roots, names) is None for names in wanted.values()):
            roots.insert(0, _unpacked(Path(aside), recipe))
        found = {path: _found(roots, names) for path, names in wanted.items()}
        if balancer := found.get(HAPROXY):
            found |= _libraries(balancer, roots)
        missing = sorted(path for path, source in found.items() if source is None)
        if missing:
            raise Lacking(f"not found in Debian's packages: {', '.join(missing)}")
        yield {path: source for path, source in found.items() if source}


def _wanted(recipe: Recipe) -> Mapping[str, tuple[str, ...]]:
    """Return the path in the image, and under which names it may be found elsewhere."""
    wanted: dict[str, tuple[str, ...]] = {"bin/busybox": ("bin/busybox", "usr/bin/busybox")}
    if recipe.haproxy:
        wanted[HAPROXY] = (HAPROXY,)
    if recipe.ssh:
        for name in ("usr/sbin/dropbear", "usr/bin/dbclient"):
            wanted[name] = (name,)
    if not (recipe.ssh or recipe.haproxy):
        return wanted
    triplet = f"{platform.machine()}-linux-gnu"
    for name in LIBRARIES if recipe.ssh else ():
        wanted[f"lib/{name}"] = (f"lib/{triplet}/{name}", f"usr/lib/{triplet}/{name}")
    loader = {"x86_64": "lib64/ld-linux-x86-64.so.2"}.get(
        platform.machine(), "lib/ld-linux-aarch64.so.1"
    )
    wanted[loader] = (loader, f"usr/{loader}", f"lib/{triplet}/{Path(loader).name}")
    return wanted


def _found(roots: list[Path], names: tuple[str, ...]) -> Path | None:
    paths = (root / name for root in roots for name in names)
    return next((path for path in paths if path.exists()), None)


def _unpacked(aside: Path, recipe: Recipe) -> Path:
    """Download the packages and unpack them, without installing anything."""
    root = aside / "root"
    root.mkdir()
    packages = {*PACKAGES} if recipe.ssh else {*PACKAGES[:1]}
    if recipe.haproxy:
        packages |= {"haproxy", *_needed_by("haproxy")}
    printed("apt-get", "download", "-qq", *sorted(packages), where=aside)
    for package in sorted(aside.glob("*.deb")):
        printed("dpkg-deb", "-x", str(package), str(root))
    return root


def _needed_by(package: str) -> list[str]:
    """Return the packages of libraries that a package needs, and those that they need."""
    less = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    told = printed("apt-cache", "depends", "--recurse", *(f"--no-{w}" for w in less), package)
    return [line for line in told.splitlines() if line.startswith("lib")]


def _libraries(program: Path, roots: list[Path]) -> Mapping[str, Path]:
    """Return where each library is that a program is linked with, by its path in the image."""
    triplet = f"{platform.machine()}-linux-gnu"
    folders = [str(root / lib / triplet) for root in roots[:-1] for lib in ("lib", "usr/lib")]
    where = [f"LD_LIBRARY_PATH={':'.join(folders)}"] if folders else []
    told = [line.split() for line in printed("env", *where, "ldd", str(program)).splitlines()]
    missing = [words[0] for words in told if "not" in words]
    if missing:
        raise Lacking(f"not found in Debian's packages: {', '.join(missing)}")
    return {f"lib/{w[0]}": Path(w[2]) for w in told if len(w) > 2 and w[1] == "=>"}
