"""Have the retired service write a database: its own API, engine and tables, over its fake cloud.

    <its python> retired.py sqlite:////tmp/it.db        (or mysql+pymysql://...)

Runs in an environment of its own (requirements/senlin.lock), never in Muster's. Says on its
standard output, as JSON, what it was told by its API at the end.
"""

# ruff: noqa: E402
import eventlet

eventlet.monkey_patch()

import json
import sys
import tempfile
from pathlib import Path

import senlin.conf
from senlin import objects
from senlin.api.common import util, wsgi
from senlin.api.middleware import fault_filter
from senlin.api.middleware.context import ContextMiddleware
from senlin.api.middleware.version_negotiation import VersionNegotiationFilter
from senlin.api.openstack.v1.router import API
from senlin.common import config, consts, messaging
from senlin.conductor.service import ConductorService
from senlin.db import api as database
from senlin.engine.service import EngineService
from senlin.health_manager.service import HealthManagerService
from senlin.rpc import client as rpc
from webob import Request

CONF = senlin.conf.CONF
SERVER = {"type": "os.nova.server", "version": "1.0"}
SMALL = {"flavor": "1", "image": "cirros", "networks": [{"network": "private"}], "name": "n"}
STACK = {"type": "os.heat.stack", "version": "1.0"}
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


def settings(url, folder):
    path = Path(folder) / "senlin.conf"
    path.write_text(
        "[DEFAULT]\ncloud_backend = openstack_test\ntransport_url = fake://\nhost = testbed\n"
        "health_check_interval_min = 10\nperiodic_interval = 3600\n"
        "[receiver]\nhost = 127.0.0.1\nport = 8777\n"
        f"[database]\nconnection = {url}\n"
    )
    return str(path)


class Trusted(wsgi.Middleware):
    """Stands where the original asks its identity service for a trust of the caller."""

    def process_request(self, req):
        given = {"cred": {"openstack": {"trust": f"trust-of-{req.context.user_id}"}}}
        asked = util.parse_request("CredentialCreateRequest", req, given)
        rpc.get_engine_client().call(req.context, "credential_create", asked)
        req.context.trusts = f"trust-of-{req.context.user_id}"


class Service:
    """The whole service in one process; requests are those of its HTTP API."""

    def __init__(self, url, folder):
        config.parse_args(["testbed", "--config-file", settings(url, folder)], "senlin-engine")
        objects.register_all()
        messaging.setup()
        database.db_sync(url)
        self.parts = [
            ConductorService("testbed", consts.CONDUCTOR_TOPIC),
            EngineService("testbed", consts.ENGINE_TOPIC),
            HealthManagerService("testbed", consts.HEALTH_MANAGER_TOPIC),
        ]
        for part in self.parts:
            part.start()
            eventlet.sleep(0.5)  # both report at once, and SQLite takes one at a time
        negotiated = VersionNegotiationFilter(ContextMiddleware(Trusted(API({}))), CONF)
        self.door = fault_filter(negotiated, CONF)

    def call(self, method, path, body=None, project="alpha", fails=False):
        asked = Request.blank(f"/v1{path}", method=method)
        asked.headers.update(
            {
                "X-User-Id": f"user-of-{project}",
                "X-Project-Id": project,
                "X-Roles": "member",
                "X-Auth-Token": "token",
                "OpenStack-API-Version": "clustering 1.14",
            }
        )
        if body is not None:
            asked.content_type, asked.body = "application/json", json.dumps(body).encode()
        answer = asked.get_response(self.door)
        if not fails and answer.status_int >= 400:
            sys.exit(f"{method} {path}: {answer.status_int} {answer.text}")
        if answer.status_int == 202:
            self.wait(answer.headers["Location"].rpartition("/")[2], project)
        return json.loads(answer.text) if answer.text else None

    def wait(self, action, project):
        for _ in range(600):
            seen = self.call("GET", f"/actions/{action}", project=project)["action"]
            if seen["status"] in ENDED:
                return
            eventlet.sleep(0.1)
        sys.exit(f"{seen['action']} is still {seen['status']}: {seen['status_reason']}")

    def profile(self, name, spec, project="alpha"):
        made = self.call("POST", "/profiles", {"profile": {"name": name, "spec": spec}}, project)
        return made["profile"]["id"]

    def policy(self, name, kind, version="1.0", **properties):
        spec = {"type": f"senlin.policy.{kind}", "version": version, "properties": properties}
        made = self.call("POST", "/policies", {"policy": {"name": name, "spec": spec}})
        return made["policy"]["id"]

    def cluster(self, name, profile, project="alpha", **more):
        body = {"cluster": {"name": name, "profile_id": profile, **more}}
        return self.call("POST", "/clusters", body, project)["cluster"]["id"]


def populate(it):
    web = it.profile("web", {**SERVER, "properties": SMALL})
    big = it.profile("big", {**SERVER, "properties": {**SMALL, "flavor": "2"}})
    stack = it.profile("stack", {**STACK, "properties": {"template": {"resources": {}}}})
    policies = {
        "out": it.policy("out", "scaling", event="CLUSTER_SCALE_OUT", adjustment={"number": 2}),
        "old-first": it.policy("old-first", "deletion", "1.1", criteria="OLDEST_FIRST"),
        "doctor": it.policy(
            "doctor",
            "health",
            "1.1",
            detection={"interval": 60, "detection_modes": [{"type": "NODE_STATUS_POLLING"}]},
            recovery={"actions": [{"name": "RECREATE"}]},
        ),
        "unused": it.policy("unused", "batch", min_in_service=2, pause_time=3),
    }
    front = it.cluster(
        "front",
        web,
        desired_capacity=3,
        min_size=1,
        max_size=6,
        timeout=1800,
        metadata={"tier": "web"},
        config={"node.name.format": "web-$3I"},
    )
    it.cluster("empty", web)
    it.cluster("stacks", stack, desired_capacity=1)
    for name in ("out", "old-first", "doctor"):
        body = {"policy_attach": {"policy_id": policies[name], "enabled": name != "doctor"}}
        it.call("POST", f"/clusters/{front}/actions", body)
    it.call("POST", f"/clusters/{front}/actions", {"scale_out": {}})
    receiver = {"name": "door", "type": "webhook", "cluster_id": front}
    receiver |= {"action": "CLUSTER_SCALE_OUT", "params": {"count": 1}}
    it.call("POST", "/receivers", {"receiver": receiver})
    alone = {"name": "alone", "profile_id": big, "role": "spare", "metadata": {"k": "v"}}
    alone = it.call("POST", "/nodes", {"node": alone})["node"]["id"]
    it.call("PATCH", f"/nodes/{alone}", {"node": {"tainted": True}})
    other = it.profile("theirs", {**SERVER, "properties": SMALL}, "beta")
    it.cluster("front", other, "beta", desired_capacity=1)


def told(it, project):
    said = {}
    for noun in ("profiles", "policies", "clusters", "nodes", "receivers", "actions"):
        said[noun] = it.call("GET", f"/{noun}", project=project)[noun]
    said["cluster_policies"] = [
        each
        for cluster in said["clusters"]
        for each in it.call("GET", f"/clusters/{cluster['id']}/policies", project=project)[
            "cluster_policies"
        ]
    ]
    return said


def main():
    with tempfile.TemporaryDirectory() as folder:
        it = Service(sys.argv[1], folder)
        populate(it)
        print(json.dumps({project: told(it, project) for project in ("alpha", "beta")}))
        sys.stdout.flush()
        for part in it.parts:
            part.stop()


if __name__ == "__main__":
    main()
