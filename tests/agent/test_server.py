"""Over TLS for those who are trusted, over a socket for root."""

import http.client
import json
import socket
import socketserver
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from errno import EAFNOSUPPORT
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agent.ground import Ground
from house import until
from muster.agent import certificate, incus
from muster.agent.agent import Agent
from muster.agent.machine import Machine
from muster.agent.reset import INSTANCES
from muster.agent.runner import RealRunner
from muster.agent.server import STRANGERS, Listening, TlsServer, UnixServer, by_tls, listen

KERNEL = "/1.0/system/kernel"


def made(folder: Path, name: str, *more: str) -> Path:
    """Make a certificate; return where it and its key are, without their endings."""
    words = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    at = folder / name
    given = [
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
        "-keyout",
        f"{at}.key",
        "-out",
        f"{at}.crt",
        *more,
    ]
    subprocess.run(["openssl", *words, *given], check=True, capture_output=True)
    return at


@dataclass
class Served:
    ground: Ground
    listening: Listening
    folder: Path

    @property
    def port(self) -> int:
        return self.listening.servers[0].server_address[1]  # type: ignore[return-value]

    def over_tls(self, who: str | None) -> http.client.HTTPSConnection:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.ground.machine.place(certificate.CERTIFICATE))
        if who:
            context.load_cert_chain(self.folder / f"{who}.crt", self.folder / f"{who}.key")
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)

    def ask(self, who: str | None, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return asked(self.over_tls(who), method, path, body)

    def by_socket(self, method: str, path: str, **headers: str) -> tuple[int, Any]:
        plain = http.client.HTTPConnection("socket", timeout=10)
        plain.sock = socket.socket(socket.AF_UNIX)
        plain.sock.connect(str(self.ground.machine.place("/s")))
        return asked(plain, method, path, headers=headers)


def asked(
    line: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    headers: Any = None,
) -> tuple[int, Any]:
    text = body if isinstance(body, str | None) else json.dumps(body)
    line.request(method, path, text, headers or {})
    answer = line.getresponse()
    said = json.loads(answer.read())
    line.close()
    return answer.status, said["error"] or said["metadata"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("agent")
    ground = Ground(folder / "root").begin()
    for name in ("office", "stranger"):
        made(folder, name)
    certificate.identity(Machine(RealRunner(), ground.root))
    certificate.trust(ground.machine, (folder / "office.crt").read_text())
    listening = listen(
        ground.agent,
        lambda: [TlsServer(ground.agent, "127.0.0.1", 0), UnixServer(ground.agent, "/s")],
    )
    yield Served(ground, listening, folder)
    listening.close()


def test_an_answer_leaves_whole(served: Served) -> None:
    """In two pieces, the second would wait until the first is acknowledged."""
    line = served.over_tls("office")
    line.connect()
    line.sock.sendall(b"GET /os/1.0 HTTP/1.1\r\nHost: agent\r\n\r\n")
    head, _, body = line.sock.recv(65536).partition(b"\r\n\r\n")
    line.close()
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["status_code"] == 200


def test_whoever_is_trusted_may_read_and_put(served: Served) -> None:
    assert served.ask("office", "GET", "/os/1.0")[0] == 200
    body = {"config": {"network": {"tcp_congestion_algorithm": "bbr"}}}
    assert served.ask("office", "PUT", f"/os{KERNEL}", body) == (200, {})
    assert served.ask("office", "GET", f"/os{KERNEL}")[1]["config"]["network"] == {
        "tcp_congestion_algorithm": "bbr"
    }
    served.ground.lines.clear()
    assert served.ask("office", "PUT", f"/os{KERNEL}", body) == (200, {})
    assert served.ground.lines == []


def test_whoever_shows_no_certificate_is_told_403_and_nothing_else(served: Served) -> None:
    assert served.ask(None, "GET", "/os/1.0") == (403, "not authorized")
    assert served.ask(None, "PUT", f"/os{KERNEL}", {"config": {}}) == (403, "not authorized")
    assert served.ask(None, "GET", "/os/nope") == (403, "not authorized")


def test_strangers_take_so_many_threads_and_no_more(served: Served) -> None:
    where = ("127.0.0.1", served.port)
    with ExitStack() as silent:
        for _ in range(STRANGERS):
            silent.enter_context(socket.create_connection(where, 10))
        with socket.create_connection(where, 10) as one_more:
            assert one_more.recv(1) == b""

    def answered() -> bool:
        try:
            return served.ask("office", "GET", "/os/1.0")[0] == 200
        except OSError:
            return False

    until(answered, 30, "who is trusted is answered once they are gone")


def test_whoever_is_unknown_is_turned_away(served: Served) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - how a client sees that differs
        served.ask("stranger", "GET", "/os/1.0")


def test_a_certificate_that_a_trusted_one_signed_is_not_trusted_for_that(served: Served) -> None:
    office = ("-CA", f"{served.folder}/office.crt", "-CAkey", f"{served.folder}/office.key")
    made(served.folder, "friend", *office)
    assert served.ask("friend", "GET", "/os/1.0") == (403, "not authorized")


def test_a_certificate_is_trusted_from_the_next_connection_on(served: Served) -> None:
    late = made(served.folder, "late").with_suffix(".crt").read_text()
    whose = certificate.trust(served.ground.machine, late)
    assert served.ask("late", "GET", "/os/1.0")[0] == 200
    served.ground.machine.put(f"{certificate.TRUSTED}/{whose}.pem", None)
    with pytest.raises(OSError):  # noqa: PT011
        served.ask("late", "GET", "/os/1.0")


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "said"),
    [
        ("PUT", KERNEL, {"config": {"network": {"buffer_size": -1}}}, 400, "buffer_size: must be"),
        ("PUT", KERNEL, "{no json", 400, "the body is no JSON"),
        ("PUT", KERNEL, {"config": {"network": {"queuing_discipline": "fq"}}}, 409, "has no net"),
        ("DELETE", KERNEL, None, 501, "DELETE is not done at"),
        ("GET", "/1.0/services/nope", None, 404, "there is no services/nope"),
    ],
)
def test_a_refusal_comes_with_its_status(
    served: Served, method: str, path: str, body: Any, code: int, said: str
) -> None:
    status, text = served.ask("office", method, f"/os{path}", body)
    assert (status, said in text) == (code, True), text


def test_several_may_be_trusted_at_a_time(served: Served) -> None:
    second = made(served.folder, "second").with_suffix(".crt").read_text()
    certificate.trust(served.ground.machine, second)
    assert [served.ask(who, "GET", "/os/1.0")[0] for who in ("office", "second")] == [200, 200]


def test_a_connection_serves_several_requests(served: Served) -> None:
    line = served.over_tls("office")
    for _ in range(3):
        line.request("GET", "/os/1.0")
        assert line.getresponse().read()
    line.close()


def test_a_body_without_end_is_refused(served: Served) -> None:
    line = served.over_tls("office")
    line.request("PUT", f"/os{KERNEL}", iter([b"{}"]), {"Transfer-Encoding": "chunked"})
    assert line.getresponse().status == 400
    line.close()


def test_the_socket_is_roots_alone_and_its_paths_begin_with_the_version(served: Served) -> None:
    place = served.ground.machine.place("/s")
    assert place.stat().st_mode & 0o777 == 0o600
    assert served.by_socket("GET", "/1.0")[0] == 200
    assert served.by_socket("GET", "/")[1] == ["/1.0"]
    assert served.by_socket("GET", "/os/1.0")[0] == 404


def test_behind_incus_the_addresses_are_those_of_incus(served: Served) -> None:
    listed = served.by_socket("GET", "/1.0/system", **{"X-IncusOS-Proxy": "/os"})[1]
    assert listed[0].startswith("/os/1.0/system/")


def test_incus_own_certificate_is_the_agents_where_it_was_there_first(tmp_path: Path) -> None:
    machine, late = Machine(RealRunner(), tmp_path / "a"), Machine(RealRunner(), tmp_path / "b")
    incus_own = (certificate.INCUS_CERTIFICATE, certificate.INCUS_KEY)
    for path in incus_own:
        machine.put(path, "Incus's")
    assert certificate.identity(machine) == incus_own
    own = certificate.identity(late)
    assert own == (certificate.CERTIFICATE, certificate.KEY)
    assert late.place(certificate.KEY).stat().st_mode & 0o777 == 0o600
    for path in incus_own:
        late.put(path, "Incus's")
    assert certificate.identity(late) == own


class FakeIncus(BaseHTTPRequestHandler):
    """As much of Incus as is asked of it: it says what it was asked."""

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        said: dict[str, Any] = {
            "asked": [self.command, self.path, body, self.headers.get("Authorization", "")]
        }
        said["environment"] = {"server_clustered": True}
        kinds = {path: "sync" for path in ("/1.0", "/1.0/resources", INSTANCES)}
        kinds["/1.0/nope"] = "error"
        answer = {"type": kinds.get(self.path, "async"), "metadata": said, "error": "no luck"}
        if self.headers.get("Upgrade"):
            self.send_response(101)
            self.end_headers()
            while piece := self.rfile.read1(100_000):
                self.wfile.write(piece.upper())
            return
        self.send_response(404 if self.path == "/1.0/nope" else 202)
        self.send_header("Location", "/1.0/operations/1")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_PUT = do_any

    def log_message(self, format: str, *args: object) -> None:
        """A test has no use for its log."""

    def address_string(self) -> str:
        return "socket"


@pytest.fixture
def with_incus(served: Served) -> Iterator[Served]:
    place = served.ground.machine.place(incus.SOCKET)
    place.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(place), FakeIncus) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()
    place.unlink()


def test_what_is_not_the_systems_goes_to_incus_as_it_came(with_incus: Served) -> None:
    line = with_incus.over_tls("office")
    line.request("PUT", "/1.0/cluster?a=1", '{"b": 2}', {"Authorization": "Bearer me"})
    answer = line.getresponse()
    said = json.loads(answer.read())
    assert (answer.status, answer.headers["Location"]) == (202, "/1.0/operations/1")
    assert said["metadata"]["asked"] == ["PUT", "/1.0/cluster?a=1", '{"b": 2}', ""]
    line.request("GET", "/1.0/nope")
    answer = line.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]) == (404, "no luck")
    line.close()


def test_nobody_but_the_trusted_gets_to_incus(with_incus: Served) -> None:
    assert with_incus.ask(None, "GET", "/1.0/cluster") == (403, "not authorized")


def test_a_member_of_a_cluster_is_not_reset(with_incus: Served) -> None:
    with_incus.ground.write("/etc/hostname", "m1")
    body = {"confirm": "m1"}
    code, said = with_incus.ask("office", "POST", "/os/1.0/system/:factory-reset", body)
    assert (code, "is a member of a cluster" in said) == (409, True)


def test_a_member_is_reset_by_who_looks_after_its_cluster(with_incus: Served) -> None:
    config = {"server_url": "https://office.example", "server_token": "mine"}
    seeds = {"provider": {"name": "operations-center", "config": config}}
    code, said = with_incus.ask("office", "POST", "/os/1.0/system/:factory-reset", {"seeds": seeds})
    assert code == 200, said
    # An Incus that answers is asked to end what runs on it; see Note [An Incus that cannot end].
    assert with_incus.ground.lines[0] == "incus admin shutdown --timeout=30"


def test_a_connection_becomes_incus_own_both_ways_until_it_ends(with_incus: Served) -> None:
    line = with_incus.over_tls("office")
    line.connect()
    head = "GET /1.0/events HTTP/1.1\r\nHost: m1\r\nConnection: Upgrade\r\nUpgrade: websocket"
    line.sock.sendall(f"{head}\r\n\r\n".encode())
    answer = line.sock.makefile("rb")
    assert b" 101 " in answer.readline()
    while answer.readline().strip():
        pass
    for said in (b"hello", b"x" * 300_000):
        line.sock.sendall(said)
        assert answer.read(len(said)) == said.upper()
    line.close()


def test_nobody_but_the_trusted_gets_a_connection_of_incus(with_incus: Served) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    line = with_incus.over_tls(None)
    assert asked(line, "GET", "/1.0/events", headers=headers) == (403, "not authorized")


def test_without_incus_there_is_nothing_beside_the_system(served: Served) -> None:
    code, said = served.ask("office", "GET", "/1.0/cluster")
    assert (code, "there is no Incus" in said) == (404, True)


def test_resources_are_what_incus_says_or_what_the_kernel_shows(with_incus: Served) -> None:
    shown = with_incus.ask("office", "GET", "/os/1.0/system/resources")[1]
    assert shown["asked"][:2] == ["GET", "/1.0/resources"]


def test_without_incus_resources_are_what_the_kernel_shows(ground: Ground) -> None:
    ground.write("/proc/cpuinfo", "processor\t: 0\nprocessor\t: 1\n")
    ground.write("/proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:    400 kB\n")
    for block in ("sda", "loop0"):
        ground.write(f"/sys/block/{block}/size", "8\n")
    ground.write("/sys/block/sda/device/model", "Disk\n")
    ground.write("/sys/class/net/eth0/device/there", "")
    ground.write("/sys/class/net/eth0/address", "02:00:00:00:00:01\n")
    ground.write("/sys/class/net/lo/address", "00:00:00:00:00:00\n")
    shown = ground.ask("GET", "/1.0/system/resources")
    assert (shown["cpu"]["total"], shown["memory"]) == (2, {"total": 1024000, "used": 614400})
    assert [(each["id"], each["size"]) for each in shown["storage"]["disks"]] == [("sda", 4096)]
    assert [each["ports"][0]["id"] for each in shown["network"]["cards"]] == ["eth0"]


def test_without_ipv6_it_listens_at_every_address_of_ipv4(ground: Ground) -> None:
    made: list[str] = []

    def making(agent: Agent, host: str, port: int) -> TlsServer:
        made.append(host)
        if ":" in host:
            raise OSError(EAFNOSUPPORT, "no such family")
        return TlsServer(agent, "127.0.0.1", port)

    by_tls(ground.agent, "::", 0, making).server_close()
    assert made == ["::", "0.0.0.0"]
    with pytest.raises(OSError, match="no such family"):
        by_tls(ground.agent, "::1", 0, making)
