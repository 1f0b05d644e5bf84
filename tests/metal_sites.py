"""A whole Muster beside machines of metal, whose agents register with it and do as it says."""

import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from guard import guarded
from house import House, Refused, until
from muster.client.http import Access, Session
from muster.drivers.identity.users import add_user
from testbed.incus import fabric, rest
from testbed.incus.bed import execute
from testbed.incus.machine import first_process
from testbed.incus.metal import lent_metal, obey, socket_of, wanted
from testbed.incus.place import FABRIC_ADDRESS, Place

HERE = "/1.0/provisioning"
USER, PASSWORD = "root", "correct horse"
READY_S, JOB_S = 240.0, 400.0


class Office(House):
    """A house that machines reach, by TLS."""

    def furnish(self) -> None:
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
        names = ("-subj", "/CN=office", "-addext", f"subjectAltName=IP:{FABRIC_ADDRESS}")
        files = ("-keyout", f"{self.home}/tls.key", "-out", str(self.papers))
        subprocess.run(["openssl", *words.split(), *names, *files], check=True, capture_output=True)
        self.url = f"https://{FABRIC_ADDRESS}:{self.port}"
        self.environ |= {
            "MUSTER_LISTEN": f"{FABRIC_ADDRESS}:{self.port}",
            "MUSTER_TLS_CERTIFICATE": str(self.papers),
            "MUSTER_TLS_KEY": f"{self.home}/tls.key",
            "MUSTER_IDENTITY": "basic",
        }
        add_user(self.home / "users.toml", USER, PASSWORD, {"default": ("admin",)})

    @property
    def papers(self) -> Path:
        return self.home / "tls.pem"

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the server ended: {self.told()}"
        context = ssl.create_default_context(cafile=self.papers)
        asking = http.client.HTTPSConnection(FABRIC_ADDRESS, self.port, timeout=5, context=context)
        try:
            asking.request("GET", "/healthz")
            return asking.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asking.close()

    def muster(self, *words: str) -> str:
        """Return what the command line printed that was asked of this house; it must succeed."""
        access = {
            "MUSTER_URL": self.url,
            "MUSTER_USER": USER,
            "MUSTER_PASSWORD": PASSWORD,
            "MUSTER_CA": str(self.papers),
        }
        done = subprocess.run(
            [*self.program, *words],
            env={**self.environ, **access},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=JOB_S,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    @contextmanager
    def session(self, **access: Any) -> Iterator[Session]:
        with self.opened() as opened:
            yield opened

    def opened(self) -> Session:
        who = Access(url=self.url, user=USER, password=PASSWORD, verify=str(self.papers))
        return Session(who)


@dataclass(frozen=True, slots=True)
class Site:
    """Machines m1, m2 ... and the Muster that they belong to, once they have registered."""

    place: Place
    office: Office
    session: Session

    def ask(self, method: str, path: str, body: object = None) -> Any:
        return self.session.call(method, f"{HERE}{path}", body)["metadata"]

    def register(self, *members: str) -> None:
        """Tell machines by a token of their own whom they belong to; return once all are ready."""
        terms = {"uses_remaining": len(members), "expire_at": "2099-01-01T00:00:00Z"}
        token = self.ask("POST", "/tokens", terms)["uuid"]
        told = self.ask("GET", f"/tokens/{token}/provider-config")
        for member in members:
            until(lambda member=member: self.has_agent(member), READY_S, f"{member} has an agent")
            said = {"config": {"name": told["name"], "config": told["config"]}}
            status, answer = self.agent(member, "PUT", "/1.0/system/provider", said)
            assert status == 200, answer
        self.ready(*members)

    def has_agent(self, member: str) -> bool:
        try:
            return self.agent(member, "GET", "/1.0")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def agent(self, member: str, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Ask the agent of a machine as its own root does."""
        line = http.client.HTTPConnection("agent", timeout=120)
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.settimeout(120)
        try:
            line.sock.connect(str(socket_of(self.place, member)))
            line.request(method, path, json.dumps(body) if body is not None else None)
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()

    def servers(self) -> dict[str, Any]:
        return {each["name"]: each for each in self.ask("GET", "/servers?recursion=1")}

    def stands(self, *members: str) -> dict[str, tuple[str, str]]:
        """Return status and detail of machines, as far as they are known."""
        known = self.servers()
        return {
            each: (known[each]["server_status"], known[each]["server_status_detail"])
            for each in members
            if each in known
        }

    def ready(self, *members: str, within_s: float = READY_S) -> None:
        """Wait until machines are ready, and at nothing. Who owes a reset is not before that."""
        wanted = dict.fromkeys(members, ("ready", ""))
        until(
            lambda: self.stands(*members) == wanted,
            within_s,
            lambda: f"all are ready: {self.stands(*members)}",
            every_s=0.1,
        )

    def incus(self, member: str, path: str) -> Any:
        """Ask the Incus of a machine over its own socket."""
        return rest.call(self.place.socket(member), "GET", path)

    def members(self, of: str) -> dict[str, str]:
        """Return how the members of a machine's Incus are, as that sees them."""
        listed = self.incus(of, "/1.0/cluster/members?recursion=1")
        return {each["server_name"]: each["status"] for each in listed}

    def create(self, name: str, *members: str, **but: Any) -> Any:
        said = {"name": name, "server_names": list(members), "server_type": "incus", **but}
        return self.ask("POST", "/clusters", said)

    def tell(self, member: str, verb: str) -> None:
        self.ask("POST", f"/servers/{member}/system/:{verb}")

    def tell_lost(self, member: str) -> None:
        """Have Muster notice now that a machine does not answer."""
        self.ask("POST", f"/servers/{member}/:resync")
        missed = {member: ("offline", "unresponsive")}
        until(lambda: self.stands(member) == missed, READY_S, lambda: self.stands(member))

    def file(self, member: str, path: str) -> str:
        """Return what a file of a machine says, "" where there is none."""
        place = Path(f"/proc/{first_process(self.place, member)}/root{path}")
        return place.read_text() if place.exists() else ""

    def clouds(self) -> set[str]:
        return {each["name"] for each in self.session.call("GET", "/v1/clouds")["clouds"]}

    def cluster(self, name: str) -> Any:
        return self.ask("GET", f"/clusters/{name}")

    def dissolve(self, name: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Have a cluster go and all its servers be reset; return once they are ready again."""
        names = self.cluster(name)["server_names"]
        self.session.call("DELETE", f"{HERE}/clusters/{name}?mode=factory-reset")
        meanwhile()

        def jobs() -> list[Any]:
            known = self.ask("GET", "/clusters?recursion=1")
            return [each["job"] for each in known if each["name"] == name]

        until(lambda: not jobs(), JOB_S, lambda: f"{name} is gone: {jobs()}", every_s=0.1)
        self.ready(*names, within_s=JOB_S)

    def during(self, name: str, step: str, of: str) -> None:
        """Wait until a step of a cluster's job has begun."""

        def has_begun() -> bool:
            steps = self.cluster(name)["job"]["steps"]
            mine = [e for e in steps if (e["step"], e["server"]) == (step, of)]
            return any(each["status"] != "planned" for each in mine)

        until(has_begun, JOB_S, lambda: f"{step} begins on {of}: {self.cluster(name)['job']}")

    def roll_back(self, name: str) -> None:
        """Have a cluster's job be undone, unless that has begun by itself."""
        try:
            self.ask("POST", f"/clusters/{name}/:rollback")
        except Refused:
            assert self.cluster(name)["job"]["status"] in ("turning back", "turned back")

    def restart(self) -> None:
        """Have Muster die, and be there again."""
        self.office.kill()
        self.office.start()

    def restart_during(self, name: str, step: str, of: str) -> None:
        self.during(name, step, of)
        self.restart()

    def kill_agent(self, member: str) -> None:
        """Have a machine's agent die, which its service manager starts again."""
        execute(self.place, member, ["sh", "-c", "kill -9 $(cat /run/agent.pid)"])

    def job(self, name: str, within_s: float = JOB_S) -> Mapping[str, Any]:
        """Return the job of a cluster once it is at work no more."""

        def ended() -> Any:
            job = self.cluster(name)["job"]
            return job if job["status"] not in ("running", "turning back") else None

        def told() -> str:
            return f"the job of {name} ends: {self.cluster(name)['job']}"

        return dict(until(ended, within_s, told, every_s=0.1))


@contextmanager
def obeying(place: Place) -> Iterator[None]:
    """Have machines that reboot be there again, as long as the block goes on."""
    over = Event()

    def look() -> None:
        while not over.wait(0.1):
            for member in place.members():
                if wanted(place, member) == "reboot":
                    obey(place, member)

    watch = Thread(target=look, daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join(60)


@contextmanager
def metal_site(count: int, home: Path, **settings: str) -> Iterator[Site]:
    """Lend machines with agents that know nobody yet, and a Muster that runs beside them."""
    home.mkdir(parents=True)
    with lent_metal(count) as place, fabric.entered(place), guarded(str(home), removing=home):
        office = Office(
            home, {"MUSTER_DEFAULT_CLOUD": "simulated", "MUSTER_LEASE_S": "1", **settings}
        )
        office.furnish()
        try:
            office.start()
            with office.opened() as session:
                yield Site(place, office, session)
        finally:
            office.kill()
