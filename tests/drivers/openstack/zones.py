"""A Designate that is written down: it answers as the genuine one does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from muster.drivers.openstack.rest import Call

Said = dict[str, Any]
PAGE = 20  # as Designate's own


def _zones() -> dict[str, Said]:
    return {
        "zone-1": {"id": "zone-1", "name": "test.", "status": "ACTIVE"},
        "zone-2": {"id": "zone-2", "name": "example.test.", "status": "ACTIVE"},
    }


@dataclass
class Names:
    """Recordsets of two zones, of which one is in the other."""

    slow: bool = False  # its name servers answer nothing
    zones: dict[str, Said] = field(default_factory=_zones)
    sets: dict[str, Said] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))

    def answer(self, call: Call) -> tuple[int, Any]:
        where = urlsplit(call.path)
        query = {key: values[0] for key, values in parse_qs(where.query).items()}
        match where.path.strip("/").split("/"):
            case ["zones"]:
                return 200, _page(list(self.zones.values()), "zones", query)
            case ["recordsets"]:
                return 200, _page(list(self.sets.values()), "recordsets", query)
            case ["zones", zone, "recordsets"]:
                return self._made(self.zones[zone], call.body)
            case ["zones", _, "recordsets", which]:
                return self._one(call, which)
        return 404, {"message": "not found"}

    def add(self, name: str, kind: str, value: str) -> None:
        """Have somebody else publish something."""
        self._made(self.zones["zone-2"], {"name": name, "type": kind, "records": [value]})

    def _made(self, zone: Said, body: Mapping[str, Any]) -> tuple[int, Any]:
        key = (body["name"], body["type"])
        if key in {(each["name"], each["type"]) for each in self.sets.values()}:
            return 409, {"message": "Duplicate RecordSet"}
        made = {
            "description": None,
            **body,
            "id": f"set-{next(self.numbers)}",
            "zone_id": zone["id"],
            "zone_name": zone["name"],
            "status": "PENDING" if self.slow else "ACTIVE",
            "action": "CREATE" if self.slow else "NONE",
        }
        self.sets[made["id"]] = made
        return 202, dict(made)

    def _one(self, call: Call, which: str) -> tuple[int, Any]:
        found = self.sets.get(which)
        if found is None:
            return 404, {"message": "Could not find RecordSet"}
        if call.method == "PUT":
            found.update(call.body)
        if call.method == "DELETE":
            found.update(status="PENDING", action="DELETE")
            if not self.slow:
                del self.sets[which]
        return 202, dict(found)


def _page(every: list[Said], key: str, query: Mapping[str, str]) -> Said:
    wanted = {k: v for k, v in query.items() if k not in ("marker", "limit")}
    fit = [each for each in every if all(fnmatch(each[k] or "", wanted[k]) for k in wanted)]
    ids = [each["id"] for each in fit]
    first = ids.index(query["marker"]) + 1 if "marker" in query else 0
    page = fit[first : first + PAGE]
    links = {"self": f"http://dns.test/{key}"}
    if first + PAGE < len(fit):
        links["next"] = f"http://dns.test/{key}?{urlencode({**wanted, 'marker': page[-1]['id']})}"
    return {key: [dict(each) for each in page], "links": links}
