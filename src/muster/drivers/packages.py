"""Incus as this system's packages have it: looked for, and installed however far that has got."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from muster.base.errors import Permanent
from muster.drivers.machine import Programs, Runner

INCUSD = ("/usr/libexec/incus/incusd", "/usr/lib/incus/incusd", "/opt/incus/bin/incusd")
BACKPORTS = "etc/apt/sources.list.d/muster-backports.sources"
DNSMASQ = ("/usr/sbin/dnsmasq", "/usr/bin/dnsmasq")
# Beside Incus what it but recommends: without the one there is no network with addresses, without
# the other no confinement of instances where the kernel has it.
WANTED = ("incus", "dnsmasq-base", "apparmor")
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
QUIET: Mapping[str, str] = {"DEBIAN_FRONTEND": "noninteractive"}
WHOLE = ("installed", "config-files", "not-installed")
# Whoever else installs at that moment, say unattended-upgrades just after a start, is waited for.
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")
INSTALL = ("install", "-y", "--fix-broken", "--no-install-recommends")
IDS = 1_000_000_000  # as many as Debian gives, enough for instances with ranges of their own
HOW = "install Incus and dnsmasq as it is done here, and run this again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """`root` is where the machine's files are: another folder in tests."""

    runner: Runner = field(default_factory=Programs)
    root: Path = Path("/")
    tell: Callable[[str], None] = lambda _: None  # whoever waits

    # Note [Cut off while packages were installed]
    # A package's files are there before it is set up, which makes its users, folders and units.
    # So a machine that lost its power in between has an incusd that cannot run; and dpkg refuses
    # everything until it was told to set up what it had unpacked.
    def has_incus(self) -> bool:
        """Return whether Incus is here. See Note [Cut off while packages were installed]."""
        return self._there(INCUSD) and not self._is_half_done()

    def has_dnsmasq(self) -> bool:
        """Return whether Incus can give addresses; its package does without."""
        return self._there(DNSMASQ)

    def _there(self, paths: tuple[str, ...]) -> bool:
        return any((self.root / each.lstrip("/")).exists() for each in paths)

    def _is_half_done(self) -> bool:
        if not shutil.which("dpkg-query"):
            return False
        listed = self.runner.run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n")
        known = (line.partition(" ") for line in listed.splitlines())
        return any(name.startswith("incus") and how not in WHOLE for name, _, how in known)

    def install_incus(self) -> None:
        """Install it, from the release's backports where only they have it.

        Raises `Permanent` where this system's packages have none.
        """
        if shutil.which("apt-get") is None:
            raise Permanent(f"this system has no apt-get: {HOW}")
        self._give_root_ids()
        self._finish_earlier()
        self._apt("update")
        suites = self._suites()
        if not suites:
            suites = (self._add_backports(),)
            self._apt("update")
        # What Incus needs is newer there as well: all is taken from there, or nothing fits.
        only = suites if all(each.endswith("-backports") for each in suites) else ()
        self._apt(*INSTALL, *(word for each in only[:1] for word in ("-t", each)), *WANTED)

    # Note [Whose ids instances have]
    # Debian's package gives root a range of ids for instances unless its group is there already;
    # and on a machine that lost its power before that, systemd has made the group at the next
    # start. Then Incus would run, and no instance ever.
    def _give_root_ids(self) -> None:
        """Have instances have users of their own. See Note [Whose ids instances have]."""
        for kind in ("subuid", "subgid"):
            file = self.root / "etc" / kind
            text = file.read_text() if file.exists() else "root:"
            if not any(line.startswith("root:") for line in text.splitlines()):
                first = _free_from(text)
                ids = f"{first}-{first + IDS - 1}"
                self.runner.run("usermod", f"--add-{kind}s", ids, "root")

    def _finish_earlier(self) -> None:
        """Set up what is unpacked. See Note [Cut off while packages were installed]."""
        try:
            self.runner.run("dpkg", "--configure", "-a", surroundings=QUIET)
        except Permanent:
            # What something needs was not unpacked yet: that comes with the installation.
            self._apt(*INSTALL)

    def _apt(self, *words: str) -> None:
        self.runner.run(*APT, *words, surroundings=QUIET)

    def _suites(self) -> tuple[str, ...]:
        """Return which suites of the known sources have Incus."""
        listed = self.runner.run("apt-cache", "madison", "incus")
        places = (line.rpartition("|")[2].split() for line in listed.splitlines())
        return tuple(words[1].partition("/")[0] for words in places if len(words) > 1)

    def _add_backports(self) -> str:
        """Have apt know the backports of this release of Debian, and return their name."""
        codename, mirror = self._release()
        if not mirror:
            raise Permanent(f"this system's packages have no Incus: {HOW}")
        name = f"{codename}-backports"
        keys = f"Signed-By: {KEYS}\n" if (self.root / KEYS.lstrip("/")).exists() else ""
        self.tell(f"Only {name} has Incus: it is a source of packages from now on (/{BACKPORTS})")
        (self.root / BACKPORTS).write_text(
            f"Types: deb\nURIs: {mirror}\nSuites: {name}\nComponents: main\n{keys}"
        )
        return name

    def _release(self) -> tuple[str, str]:
        """Return the release's name and the mirror it comes from, ("", "") if it is no Debian."""
        shape = "$(LABEL) $(CODENAME) $(CREATED_BY) $(REPO_URI)"
        told = self.runner.run("apt-get", "indextargets", "--format", shape)
        for line in told.splitlines():
            label, codename, kind, mirror = line.split(" ", 3)
            if (label, kind) == ("Debian", "Packages") and "-" not in codename:
                return codename, mirror
        return "", ""


def _free_from(ranges: str) -> int:
    """Return the first id after all ranges of a file such as /etc/subuid."""
    words = (line.split(":") for line in ranges.splitlines())
    ends = [int(w[1]) + int(w[2]) for w in words if len(w) == 3 and (w[1] + w[2]).isdigit()]
    return max([1_000_000, *ends])
