"""Which members make virtual machines, and why the others do not, in their own words."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.members import OFFLINE, Roster
from muster.drivers.incus.rest import Rest
from muster.model.catalog import VIRTUAL
from muster.model.step import ServerOrder

DRIVER = "qemu"  # among what a server's `driver` lists, "lxc | qemu", where it makes them
INOPERATIVE = "Instance type not operational"  # what Incus calls a warning that says why
RESOLVED = "resolved"
KNOWN_S = 60.0  # a member learns it when its daemon starts, after its qemu was installed say


class Machines:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: dict[str, tuple[float, str]] = {}  # by member: until when, and why not

    async def refusal(self, roster: Roster) -> str | None:
        """Return why no member makes virtual machines, None where one does or nobody can say."""
        said = await self._said(roster)
        if not said or "" in said.values():
            return None
        one, *others = sorted(set(said.values()))
        if not others:
            return f"the server makes containers only: {one}"
        return f"its members make containers only: {_listed(said)}"

    async def able(self, order: ServerOrder, roster: Roster) -> Roster:
        """Return the members that can make what is ordered; raises where none can."""
        if order.spec.flavor.machine != VIRTUAL:
            return roster
        why = {name: words for name, words in (await self._said(roster)).items() if words}
        if order.host in why:
            text = f"{order.host} makes no {VIRTUAL} for {order.name}: {why[order.host]}"
            raise Transient(text, host=order.host)
        able = {name: each for name, each in roster.members.items() if name not in why}
        if not able:
            raise Permanent(f"nobody makes a {VIRTUAL} for {order.name}: {_listed(why)}")
        return replace(roster, members=able)

    async def _said(self, roster: Roster) -> Mapping[str, str]:
        """Return for each member that can be asked why it makes none, "" if it does."""
        names = [each.name for each in roster.members.values() if each.status != OFFLINE]
        said = await asyncio.gather(*(self._why(each, roster) for each in names))
        return {name: why for name, why in zip(names, said, strict=True) if why is not None}

    async def _why(self, name: str, roster: Roster) -> str | None:
        now = asyncio.get_running_loop().time()
        until, why = self._known.get(name, (0.0, ""))
        if now < until:
            return why
        try:
            why = await self._asked(name, clustered=roster.clustered)
        except DriverError:
            return None
        self._known[name] = (now + KNOWN_S, why)
        return why

    async def _asked(self, name: str, *, clustered: bool) -> str:
        at = {"target": name} if clustered else {}
        environment = (await self._rest.get("/1.0", **at))["environment"]
        drivers = str(environment.get("driver", "")).split(" | ")
        if DRIVER in drivers:
            return ""
        warnings = await self._rest.find("/1.0/warnings", recursion="1", project="") or []
        told = (
            str(each["last_message"])
            for each in warnings
            if each["type"] == INOPERATIVE
            if each.get("status") != RESOLVED and each.get("location") in (None, "", name)
        )
        return next(told, f"it runs {' and '.join(filter(None, drivers)) or 'nothing'} only")


def _listed(why: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {words}" for name, words in sorted(why.items()))
