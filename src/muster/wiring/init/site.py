"""A machine while it is set up: all that its steps have at hand, and how it is looked at."""

import os
import socket
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from muster.base.clock import Clock
from muster.base.errors import Invalid
from muster.client.door import Doorstep, Visit
from muster.client.http import Access, Session
from muster.decide.founding import DOOR_PORT
from muster.drivers import papers
from muster.drivers.incus.founding import Founding
from muster.drivers.machine import Machine, in_use
from muster.drivers.packages import Packages
from muster.drivers.units import AGENT_UNIT
from muster.model.founding import MachineSeen, Role, Wish
from muster.settings import Settings
from muster.wiring.init.journal import Journal

CLOUD = "site"
CONNECT_S = 1.0


@dataclass(slots=True, kw_only=True)
class Site:
    settings: Settings  # as they are before this
    machine: Machine
    packages: Packages
    incus: Founding
    journal: Journal
    clock: Clock
    tell: Callable[[str], None]  # for people
    secret: str = ""  # the password of the cluster
    step: Doorstep | None = None  # where a machine joins, and with what
    access: Access
    visit: Visit | None = None
    password_set: bool = False

    @property
    def home(self) -> Path:
        return self.settings.home

    @property
    def folder(self) -> Path:
        """Where that is which Incus knows Muster by, and Muster Incus."""
        return self.home / "incus"

    @property
    def certificate(self) -> Path:
        return self.folder / "client.crt"

    @property
    def key(self) -> Path:
        return self.folder / "client.key"

    @property
    def shown(self) -> Path:
        return self.folder / "servers.crt"

    @property
    def program(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "muster")

    def session(self) -> Session:
        return Session(self.access)

    async def look(self, wish: Wish) -> MachineSeen:
        known = papers.fingerprint(self.certificate) if self.certificate.exists() else ""
        server = await self.incus.seen(known)
        if server and server.trusts_us and await self.incus.certificate() != _text(self.shown):
            server = replace(server, trusts_us=False)
        serving = self.serves(wish)
        return MachineSeen(
            root=os.geteuid() == 0,
            addresses=self.machine.addresses(),
            installed=(bool(server) or self.packages.has_incus()) and self.packages.has_dnsmasq(),
            server=server,
            configured=self.lacks(wish) == {},
            serving=serving,
            password=self.password_set,
            agent=self._has_agent(wish),
            verified=self.journal.verified == wish.name,
            was=self.journal.role if self.journal.steps else None,
            taken="" if serving else self._taken(wish),
        )

    def _has_agent(self, wish: Wish) -> bool:
        """Return whether the agent runs; where nobody starts services it is nobody's wish."""
        nobodys = wish.role is not Role.COMPUTE or not self.machine.has_systemd()
        return nobodys or self.machine.starts(AGENT_UNIT)

    def wanted(self, wish: Wish) -> dict[str, Any]:
        """Return the settings by which Muster serves this machine."""
        door = {"door": door_of(wish)} if wish.role is Role.CONTROL else {}
        host = f"[{wish.address}]" if ":" in wish.address else wish.address
        cloud = {
            "kind": "incus",
            "url": f"https://{host}:8443",
            "certificate": str(self.certificate),
            "key": str(self.key),
            "server_certificate": str(self.shown),
        }
        return {**door, "default_cloud": CLOUD, "clouds": {CLOUD: cloud}}

    def lacks(self, wish: Wish) -> dict[str, Any]:
        """Return the wanted settings that the file does not say. Raises `Invalid` for others."""
        said = tomllib.loads(_text(self.settings_file))
        lacking: dict[str, Any] = {}
        for name, value in self.wanted(wish).items():
            if name == "clouds":
                known = said.get("clouds", {}).get(CLOUD)
                if known is None or known != {**known, **value[CLOUD]}:
                    lacking[name] = value
            elif said.get(name) != value:
                lacking[name] = value
        return lacking

    @property
    def settings_file(self) -> Path:
        return self.home / "muster.toml"

    def serves(self, wish: Wish) -> bool:
        """Return whether Muster answers, and its door where it is to have one."""
        door = wish.role is not Role.CONTROL or _answers(*_split(door_of(wish)))
        return door and _answers(self.settings.host, self.settings.port)

    def _taken(self, wish: Wish) -> str:
        ours = [(self.settings.listen, "MUSTER_LISTEN or listen in muster.toml")]
        if wish.role is Role.CONTROL:
            ours.append((door_of(wish), "the program that has it"))
        for address, how in ours:
            if in_use(*_split(address)):
                return (
                    f"{address} is in use already, and Muster wants it: end what listens there "
                    f"(ss -ltnp shows it), or change {how}, and run this again"
                )
        return ""


def door_of(wish: Wish) -> str:
    host = f"[{wish.address}]" if ":" in wish.address else wish.address
    return f"{host}:{DOOR_PORT}"


def refuse_other_settings(site: Site, wish: Wish) -> None:
    """Raise `Invalid` where the file of settings says something else of what is to be set."""
    said = tomllib.loads(_text(site.settings_file))
    lacking: Mapping[str, Any] = site.lacks(wish)
    for name in lacking:
        there = said.get(name, {}).get(CLOUD) if name == "clouds" else said.get(name)
        if there:
            what = f"clouds.{CLOUD}" if name == "clouds" else name
            text = f"{site.settings_file} has another {what}: take it out, and run this again"
            raise Invalid(text, field=what)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), CONNECT_S):
            return True
    except OSError:
        return False
