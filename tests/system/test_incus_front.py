"""The whole front on real Incus members: HAProxy, a name server, and a way in by SSH."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import dns.message
import dns.query
import pytest

import haproxies
import knots
from house import House, Refused, house, until
from testbed.debian.image import image
from testbed.incus import fabric, machine, rest
from testbed.incus.bed import settings
from testbed.incus.place import Place, lacking
from traffic import Load

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

NAME = "web.example.test"
WEB = {
    "name": "web",
    "cloud": "site",
    "image": "demo-web",
    "flavor": "tiny",
    "min_size": 3,
    "max_size": 6,
    "port": 8080,
    "health_path": "/health",
    "dns_name": NAME,
}
PROMISED_S = 10
_OPEN = build_opener(ProxyHandler({}))  # nobody stands between


@dataclass(frozen=True, slots=True)
class Front:
    """A house beside the members with HAProxy and a name server of its own."""

    it: House
    place: Place
    knot: knots.Knot
    home: Path

    def create(self, **more: object) -> None:
        with self.it.session() as session:
            session.call("POST", "/v1/clusters", {**WEB, **more})

    def delete(self, name: str) -> None:
        with self.it.session() as session:
            session.call("DELETE", f"/v1/clusters/{name}")

    def muster(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return _ran([*self.it.program, *words], env=self.it.environ)

    def resolved(self, name: str) -> list[str]:
        asked = dns.message.make_query(name, "A")
        answer = dns.query.udp(asked, "127.0.0.1", 30, self.knot.port)
        return [str(record) for each in answer.answer for record in each]

    def instances(self) -> dict[str, Any]:
        listed = rest.call(self.place.socket("m1"), "GET", "/1.0/instances?recursion=1")
        return {each["name"]: each for each in listed}

    def balanced(self) -> list[Path]:
        return list((self.it.home / "clouds" / "site" / "haproxy").glob("*/pools/*"))

    def served(self) -> bool:
        """Whether the name resolves at its server and an instance answers behind the address."""
        return any(answers(f"http://{each}:8080/") for each in self.resolved(NAME))


def answers(url: str, timeout_s: float = 5) -> bool:
    try:
        with _OPEN.open(Request(url, headers={"Connection": "close"}), timeout=timeout_s) as said:
            return bool(said.status == 200)
    except (OSError, HTTPException):
        return False


@pytest.fixture
def front(incus_testbeds, tmp_path) -> Iterator[Front]:
    haproxies.needed()
    place = incus_testbeds(3)
    with fabric.entered(place), knots.running() as knot:
        said = ", ".join(f'{name} = "{value}"' for name, value in settings(place).items())
        names = ", ".join(f"{k} = {v!r}" for k, v in knot.said.items())
        options = f'kind = "incus", look_every_s = 1.0, {said}, dns = {{{names}}}'
        clouds = f"{{site = {{{options}, bastion = {{flavor = 'tiny'}}}}}}"
        with house(tmp_path / "home", MUSTER_CLOUDS=clouds) as it:
            it.start()
            made = Front(it, place, knot, tmp_path)
            yield made
            with it.session() as session:
                for each in session.call("GET", "/v1/clusters")["clusters"]:
                    with suppress(Refused):  # a test that has asked for its end may see it first
                        session.call("DELETE", f"/v1/clusters/{each['name']}")
            until(lambda: not made.instances(), 180, "nothing is left on any member")


def test_one_request_makes_a_name_that_answers_and_a_way_in_by_ssh(front):
    keys = Keys(front.home)
    keys.make("hers")
    keys.make("his")
    with front.it.session() as session:
        said = {"name": "hers", "public_key": keys.public("hers")}
        session.call("POST", "/v1/keypairs", said)
        began = monotonic()
        session.call("POST", "/v1/clusters", {**WEB, "keypair": "hers", "create_bastion": True})
    until(front.served, 180, "the name leads to an answer")
    print(f"name, balancer and instance answer {monotonic() - began:.1f} s after the request")
    front.it.settled("web")
    ready = until(lambda: _bastion(front), 180, "the bastion is in order")
    print(f"the bastion is in order {monotonic() - began:.1f} s after the request")
    members = [e for e in front.instances().values() if "bastion" not in e["name"]]
    assert {each["location"] for each in members} == {"m1", "m2", "m3"}

    _tried_in(front, keys)
    _bastion_killed(front, ready, keys)

    with front.it.session() as session:
        seen = front.it.details(session, "web")
        where = f"/v1/clusters/web/{seen['id']}"
        foretold = session.call("DELETE", where, query={"plan": "true"})
        assert "the bastion web-bastion" in str(foretold)
        session.call("DELETE", where)
    until(lambda: not front.instances(), 180, "no instance is left")
    until(lambda: not front.resolved(NAME), 180, "the name is withdrawn")
    until(lambda: not front.balanced(), 180, "no pool is left")
    with front.it.session() as session:
        until(lambda: not session.call("GET", "/v1/nodes")["nodes"], 180, "no node is left")
        until(
            lambda: not session.call("GET", "/v1/clusters")["clusters"], 180, "no cluster is left"
        )


def _bastion(front: Front, cluster: str = "web") -> dict[str, Any] | None:
    with front.it.session() as session:
        seen = front.it.details(session, cluster)["bastion"]
    return seen if seen and seen["address"] and seen["status"] == "ACTIVE" else None


def _tried_in(front: Front, keys: "Keys") -> None:
    """With the key one is let in, to the bastion's own network; with another key, or none, not."""
    with front.it.session() as session:
        seen = front.it.details(session, "web")
    for number, instance in enumerate(seen["instances"], 1):
        done = keys.ssh(front, "web", "hers", str(number), "cat", "/etc/hostname")
        assert (done.returncode, done.stdout.strip()) == (0, instance["ref"]), done.stderr
    other = keys.ssh(front, "web", "his", "1", "true")
    assert other.returncode == 255
    assert "Permission denied" in other.stderr
    bastion = seen["bastion"]
    nobody = keys.plain(bastion, "-o", "PubkeyAuthentication=no", "true")
    assert nobody.returncode == 255
    assert "Permission denied" in nobody.stderr or "No supported auth" in nobody.stderr
    printed = front.muster("ssh", "web", "1", "--print", "-i", str(keys.home / "hers")).stdout
    assert f"-p {bastion['port']}" in printed
    assert bastion["address"] in printed


def _bastion_killed(front: Front, before: dict[str, Any], keys: "Keys") -> None:
    """A bastion that dies is made anew, and people find it where it was."""
    name = before["server"]
    first = front.instances()[name]
    state = rest.call(front.place.socket("m1"), "GET", f"/1.0/instances/{name}/state")
    kill(front.place, first["location"], state["pid"])
    killed = monotonic()

    def anew() -> bool:
        now = _bastion(front)
        return now is not None and now["server"] != name

    until(anew, 180, "another bastion is there")
    until(
        lambda: keys.ssh(front, "web", "hers", "1", "true").returncode == 0,
        180,
        "one gets in again",
    )
    print(f"a killed bastion let people in again after {monotonic() - killed:.1f} s")
    again = _bastion(front)
    assert again is not None
    assert (again["address"], again["port"]) == (before["address"], before["port"])


@dataclass(frozen=True, slots=True)
class Keys:
    """Pairs of keys, and the ssh that uses them, knowing no host and keeping none."""

    home: Path

    def make(self, name: str) -> None:
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.home / name)]
        subprocess.run(made, check=True, timeout=60)

    def public(self, name: str) -> str:
        return (self.home / f"{name}.pub").read_text().strip()

    def ssh(self, front: Front, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run what `muster ssh CLUSTER INSTANCE` would with a key, without a memory of hosts."""
        cluster, key, there, *command = words
        asked = ("ssh", cluster, there, "-i", str(self.home / key), "--json")
        answer = front.muster(*asked, *command)
        if answer.returncode:  # there is no way in just then
            return answer
        said = [self._forgetful(each) for each in json.loads(answer.stdout)["command"]]
        return _ran([said[0], *self._options, *said[1:]])

    def plain(self, bastion: dict[str, Any], *words: str) -> "subprocess.CompletedProcess[str]":
        *options, command = words
        where = ["-p", str(bastion["port"]), f"root@{bastion['address']}"]
        new = ["-o", "StrictHostKeyChecking=accept-new"]
        return _ran(["ssh", *self._options, *new, *options, *where, command])

    @property
    def _options(self) -> list[str]:
        memory = f"UserKnownHostsFile={self.home / 'known'}"
        return ["-F", "none", "-o", memory, "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]

    def _forgetful(self, word: str) -> str:
        start = "ProxyCommand=ssh "
        rest_of = word.removeprefix(start)
        return word if rest_of == word else f"{start}{' '.join(self._options)} {rest_of}"


def _ran(words: list[str], **more: Any) -> "subprocess.CompletedProcess[str]":
    plain: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 300}
    return subprocess.run(words, stdin=subprocess.DEVNULL, **plain, **more)


def kill(place: Place, member: str, pid: int) -> None:
    """Kill a process by the pid that it has on its member."""
    first = machine.first_process(place, member)
    inside = ["nsenter", "-t", str(first), "-p", "-m", "kill", f"-{int(signal.SIGKILL)}", str(pid)]
    subprocess.run(inside, check=True, timeout=120)


def test_a_name_that_others_hold_is_not_taken_and_the_cluster_serves_all_the_same(front):
    front.create(name="held", dns_name="held.example.test", min_size=1)

    def told() -> bool:
        with front.it.session() as session:
            return "held by" in str(front.it.details(session, "held")["status_reason"])

    until(told, 180, "it is said whose the name is not")
    with front.it.session() as session:
        url = front.it.details(session, "held")["load_balancer_url"]
    until(lambda: answers(url), 180, "it serves at its address")
    assert front.resolved("held.example.test") == ["192.0.2.7"]
    front.delete("held")
    until(lambda: not front.instances(), 180, "no instance is left")
    assert front.resolved("held.example.test") == ["192.0.2.7"]


def test_a_restart_of_muster_drops_no_request(front):
    front.create()
    until(front.served, 180, "the name leads to an answer")
    front.it.settled("web")
    (address,) = front.resolved(NAME)
    with Load(f"http://{address}:8080/health", clients=3, rest_s=0.01) as clients:
        until(lambda: clients.answered > 200, 180, "clients are served")
        front.it.stop()
        front.it.start()
        front.it.kill()
        front.it.start()
        least = clients.answered + 200
        until(lambda: clients.answered > least, 180, "clients are served after it")
        front.it.settled("web")
    assert clients.failed == []
    print(f"stopped, killed and started twice under {clients.answered} requests")


@pytest.fixture(scope="module")
def debian() -> Path:
    """An image, had before the members' network is entered, which leads nowhere."""
    if why := lacking():
        pytest.skip(why)
    return image()


def test_a_debian_with_cloud_init_lets_the_key_in_and_does_what_user_data_says(debian, front):
    keys = Keys(front.home)
    keys.make("hers")
    with front.it.session() as session:
        said = {"name": "hers", "public_key": keys.public("hers")}
        session.call("POST", "/v1/keypairs", said)
        with debian.open("rb") as content:
            query = {"cloud": "site", "name": "debian"}
            session.send("/v1/images", iter(lambda: content.read(1 << 18), b""), query)
        began = monotonic()
        session.call("POST", "/v1/clusters", {**DEBIAN, "keypair": "hers", "create_bastion": True})
    front.it.settled("deb", 400)
    print(f"a Debian with cloud-init is in order {monotonic() - began:.1f} s after the request")
    until(lambda: _bastion(front, "deb"), 180, "the bastion is in order")
    asked = ("deb", "hers", "1")
    done = keys.ssh(front, *asked, "cloud-init", "status", "--wait")
    assert "status: done" in done.stdout, (done.stdout, done.stderr)
    assert keys.ssh(front, *asked, "cat", "/root/said").stdout == "by user data\n"
    told = keys.ssh(front, *asked, "cat", "/home/debian/.ssh/authorized_keys").stdout
    assert keys.public("hers").split()[1] in told


DEBIAN = {
    "name": "deb",
    "cloud": "site",
    "image": "debian",
    "flavor": "medium",
    "min_size": 1,
    "max_size": 1,
    "port": 2022,
    "protocol": "tcp",
    "user_data": "#cloud-config\nruncmd:\n  - echo by user data >/root/said\n"
    "  - sed -i 's/^#Port.*/Port 2022\\nPort 22/' /etc/ssh/sshd_config\n"
    "  - systemctl restart ssh\n",
}
