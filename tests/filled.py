"""A house that has something of every kind that the console shows, on servers that answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from house import House, house, until
from metal_doors import HERE, Row, register, standing
from muster.client.http import Session
from vclusters import REDUNDANT

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCBub2JvZHkgaGFzIHRoZSBvdGhlciBoYWxm ann@desk"
_SERVER = {"image": "demo-web", "flavor": "tiny"}
_PROFILE = {"type": "os.nova.server", "version": "1.0", "properties": _SERVER}
_POLICY = {
    "type": "senlin.policy.scaling",
    "version": "1.0",
    "properties": {"event": "CLUSTER_SCALE_OUT", "adjustment": {"number": 1}},
}
_TEMPLATE = {
    "name": "rack",
    "description": "three servers with a pool of disks each",
    "service_config_template": "lvm:\n  enabled: @LVM@\n",
    "application_config_template": "config: {}\n",
    "variables": {"LVM": {"description": "whether there are disks", "default": True}},
}
_CLUSTERS: dict[str, dict[str, Any]] = {
    "api": {"min_size": 2, "max_size": 8, "desired_size": 4, "port": 8080},
    "search": {"min_size": 1, "max_size": 6, "desired_size": 3, "port": 9200},
    "queue": {"min_size": 1, "max_size": 3, "desired_size": 2, "port": 5672},
}
_RULES = {"scale_out_threshold": 0.7, "scale_in_threshold": 0.2}


@contextmanager
def filled(home: Path, row: Row | None = None) -> Iterator[House]:
    """Yield a house that serves, with clusters of every kind, settled; `row` has four servers."""
    row = row or Row(4, home)
    clouds = "{simulated = {world = 'memory'}}"
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated", "MUSTER_CLOUDS": clouds}
    with house(home / "home", **settings) as made, standing(row, row.home) as contexts:
        made.start()
        register(made, row, contexts)
        with made.session() as session:
            _compute(session)
            _clustering(session)
            _servers(session)
            for name in (*_CLUSTERS, "batch"):
                made.settled(name)
            project = session.call("GET", "/v1/session")["project"]
            until(lambda: _whole(session, project), 300, "the virtual cluster is there", 0.2)
            until(
                lambda: made.details(session, "api")["scaling"]["last_decision"], 300, "a decision"
            )
        yield made


def _compute(session: Session) -> None:
    session.call("POST", "/v1/keypairs", body={"name": "ann", "public_key": _KEY})
    session.call("POST", "/v1/tokens", body={"note": "nightly backup"})
    session.call("POST", "/v1/volumes", body={"name": "shop-data", "size_gib": 20})
    for name, sizes in _CLUSTERS.items():
        body = {"name": name, **_SERVER, **sizes, **(_RULES if name == "api" else {})}
        session.call("POST", "/v1/clusters", body=body)
    project = session.call("GET", "/v1/session")["project"]
    session.call("POST", f"/v2/{project}/vclusters", body=REDUNDANT)


def _whole(session: Session, project: str) -> bool:
    """Whether the virtual cluster is at nothing any more, so that it can be changed."""
    there = session.call("GET", f"/v2/{project}/vclusters")["vclusters"]
    return [each["status"] for each in there] == ["ACTIVE"]


def _clustering(session: Session) -> None:
    session.call("POST", "/v1/profiles", body={"profile": {"name": "small", "spec": _PROFILE}})
    session.call("POST", "/v1/policies", body={"policy": {"name": "out-by-one", "spec": _POLICY}})
    batch = {"name": "batch", "profile_id": "small", "min_size": 0, "desired_capacity": 2}
    session.call("POST", "/v1/clusters", body={"cluster": batch})
    hook = {"name": "more", "type": "webhook", "action": "CLUSTER_SCALE_OUT", "cluster_id": "batch"}
    session.call("POST", "/v1/receivers", body={"receiver": hook})


def _servers(session: Session) -> None:
    token = {"description": "rack 7", "uses_remaining": 3, "expire_at": "2099-01-01T00:00:00Z"}
    session.call("POST", f"{HERE}/tokens", body=token)
    channel = {"name": "stable", "description": "after a week of tests"}
    session.call("POST", f"{HERE}/channels", body=channel)
    session.call("POST", f"{HERE}/cluster-templates", body=_TEMPLATE)
    made = {"name": "cellar", "server_names": ["m1", "m2", "m3"], "server_type": "incus"}
    made["config"] = {"cloud": False}  # nobody answers for an Incus
    session.call("POST", f"{HERE}/clusters", body=made)

    def ready() -> bool:
        there = session.call("GET", f"{HERE}/clusters/cellar")["metadata"]
        return bool(there["job"] is None or there["job"]["status"] == "done")

    until(ready, 300, lambda: session.call("GET", f"{HERE}/clusters/cellar")["metadata"], 0.2)
