"""Runs in the clients' environment: does what it is told on standard input, one JSON line each.

    {"sdk": "create_profile", "args": [], "named": {"name": "it"}}   a method of openstacksdk
    {"cli": ["cluster", "list", "-f", "json"]}                       a command of `openstack`

Each is answered by one JSON line: {"answer": ...}, or {"error": class, "said": text}. The cloud is
the one that OS_CLOUD names in the clouds.yaml of OS_CLIENT_CONFIG_FILE.
"""

import contextlib
import inspect
import io
import json
import sys
import warnings
from importlib.metadata import entry_points

import openstack
from openstack.clustering.v1._proxy import Proxy
from openstack.proxy import Proxy as Plain
from openstack.resource import Resource

CUT = ("location",)  # made up by the SDK, not said by the service


def plain(value):
    """Return what the SDK gave, as JSON can carry it."""
    if isinstance(value, Resource):
        return {k: v for k, v in value.to_dict().items() if k not in CUT}
    if inspect.isgenerator(value):
        return [plain(each) for each in value]
    return value


def methods():
    own = set(dir(Proxy)) - set(dir(Plain))
    return sorted(n for n in own if n[0] != "_" and callable(getattr(Proxy, n)))


class Teller:
    def __init__(self):
        self.connection = None

    def answer(self, told):
        if "cli" in told:
            return self.cli(told["cli"])
        if told["sdk"] == "methods":
            return methods()
        if told["sdk"] == "commands":
            found = entry_points(group="openstack.clustering.v1")
            return sorted(each.name.replace("_", " ") for each in found)
        if self.connection is None:
            self.connection = openstack.connect()
        proxy = self.connection.clustering
        if told["sdk"].startswith("wait_for"):
            of, id, *rest = told["args"]
            what = getattr(proxy, f"get_{of}")(id)
            return plain(getattr(proxy, told["sdk"])(what, *rest, **told["named"]))
        return plain(getattr(proxy, told["sdk"])(*told["args"], **told["named"]))

    def cli(self, command):
        from openstackclient.shell import OpenStackShell

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = OpenStackShell().run(command)
            except SystemExit as end:
                code = end.code
        return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def main():
    warnings.simplefilter("ignore")
    mouth, sys.stdout = sys.stdout, sys.stderr
    teller = Teller()
    for line in sys.stdin:
        try:
            said = {"answer": teller.answer(json.loads(line))}
        except Exception as error:
            said = {"error": type(error).__name__, "said": str(error)}
        mouth.write(json.dumps(said, default=str) + "\n")
        mouth.flush()


if __name__ == "__main__":
    main()
