"""Joining over a real connection: what a capture shows, and who is turned away."""

import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from httpx2 import Client

from enrolment.doors import TOKEN, Servers, password_of, string_of
from enrolment.wires import Between, impostor, papers_in, served
from freeports import free_port
from muster.api.app import ON_ERROR
from muster.api.enrolment.door import build
from muster.base.clock import SystemClock
from muster.client.door import Doorstep, NotLetIn, Silent, Visit
from muster.drivers import papers
from muster.model.enrolment import Doorway, JoinString, Newcomer
from muster.service.desk import Desk
from muster.service.enrolment.door import Door
from office import opened

NEWCOMER = Newcomer(name="m2", address="10.0.0.2:8443", attempt="a word of its own")
PASSWORD = "correct horse"


@dataclass
class Site:
    desk: Desk
    servers: Servers
    port: int
    string: JoinString

    @property
    def by_password(self) -> Doorstep:
        return Doorstep(address=f"127.0.0.1:{self.port}", secret=PASSWORD)

    @property
    def by_string(self) -> Doorstep:
        return Doorstep.of(replace(self.string, address=f"127.0.0.1:{self.port}"))


@pytest.fixture
async def site(tmp_path: Path) -> Iterator[Site]:
    certificate, key = papers_in(tmp_path, "door")
    shown = papers.fingerprint(certificate)
    async with opened(tmp_path) as office:
        doorway = Doorway(address="127.0.0.1:1", fingerprint=shown)
        desk = replace(office.desk, doorway=doorway, clock=SystemClock())
        await password_of(desk, PASSWORD)
        string = await string_of(desk)
        servers = Servers()
        door = Door(desk, servers, servers.welcome)
        with served(build(door, ON_ERROR), certificate, key) as port:
            yield Site(desk, servers, port, string)


def joined(step: Doorstep, newcomer: Newcomer = NEWCOMER) -> Visit:
    with Visit(step, SystemClock()) as visit:
        assert visit.join(newcomer).token == TOKEN
        visit.tell("joined")
    return visit


def at(step: Doorstep, port: int) -> Doorstep:
    return replace(step, address=f"127.0.0.1:{port}")


async def test_password_and_string_let_in_and_the_other_side_hears_how_it_went(site):
    joined(site.by_string)
    joined(site.by_password, replace(NEWCOMER, name="m3", address="10.0.0.3:8443"))
    assert site.servers.admitted == ["m2", "m3"]
    assert site.servers.welcomed == 2


async def test_a_capture_of_the_traffic_shows_no_secret(site):
    between = Between(site.port)
    with between.listening() as port:
        joined(at(site.by_string, port))
        joined(at(site.by_password, port), replace(NEWCOMER, name="m3", address="10.0.0.3:8443"))
    heard = bytes(between.heard)
    assert len(heard) > 2000
    for secret in (PASSWORD, site.string.secret, TOKEN, NEWCOMER.attempt, str(site.string)):
        assert secret.encode() not in heard
        assert b64encode(secret.encode()).rstrip(b"=")[:-1] not in heard


async def test_somebody_in_between_is_refused_before_he_is_told_anything_where_a_string_is_used(
    site, tmp_path
):
    between = Between(site.port, impostor(tmp_path))
    with between.listening() as port, pytest.raises(NotLetIn, match="another certificate"):
        joined(at(site.by_string, port))
    assert between.asked == b""
    assert site.servers.admitted == []


async def test_somebody_in_between_is_refused_where_only_the_password_is_known(site, tmp_path):
    between = Between(site.port, impostor(tmp_path))
    with between.listening() as port, pytest.raises(NotLetIn, match="stands between"):
        joined(at(site.by_password, port))
    assert site.servers.admitted == []
    assert b"/v1/door/join" in between.asked  # it got that far, in the clear
    assert PASSWORD.encode() not in between.heard
    assert NEWCOMER.attempt.encode() not in between.heard


async def test_what_was_captured_and_is_sent_again_gets_nowhere(site):
    between = Between(site.port)
    with between.listening() as port:
        joined(at(site.by_password, port))
    with socket.create_connection(("127.0.0.1", site.port), 10) as again:
        again.sendall(bytes(between.asked))
        again.shutdown(socket.SHUT_WR)
        while again.recv(65536):
            pass
    assert site.servers.admitted == ["m2"]


async def test_a_wrong_password_is_told_and_after_a_few_the_wait(site):
    wrong = replace(site.by_password, secret="battery staple")
    for _ in range(3):
        with pytest.raises(NotLetIn, match="wrong password"):
            joined(wrong)
    with pytest.raises(NotLetIn, match="too many wrong tries; the next is taken in"):
        joined(site.by_password)


async def test_a_used_string_is_refused(site):
    joined(site.by_string)
    other = replace(NEWCOMER, name="m3", address="10.0.0.3:8443", attempt="another word")
    with pytest.raises(NotLetIn, match="has been used by 'm2'"):
        joined(site.by_string, other)


class Late:
    """A clock that is behind."""

    def now(self):
        return SystemClock().now() - timedelta(seconds=90)


async def test_a_clock_that_is_off_is_told_with_what_to_do(site):
    with (
        Visit(site.by_string, Late()) as visit,
        pytest.raises(NotLetIn, match=r"(89|9\d) s behind that .*timedatectl"),
    ):
        visit.join(NEWCOMER)
    assert site.servers.admitted == []


def test_where_there_is_no_control_machine_yet_that_is_told():
    port = free_port()
    with pytest.raises(Silent, match="muster init --control"):
        Visit(Doorstep(address=f"127.0.0.1:{port}", secret=PASSWORD), SystemClock())


async def test_nonsense_at_the_door_is_refused_and_not_a_fault_of_ours(site):
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    bodies = [b"", b"{}", b"[]", b"\xff", b'{"version": 1, "way": "x"}', b"{" * 9000]
    with Client(base_url=f"https://127.0.0.1:{site.port}", verify=blind) as client:
        for where in ("hello", "meet", "join", "tell"):
            for body in bodies:
                assert client.post(f"/v1/door/{where}", content=body).status_code == 400
        assert client.post("/v1/door/join", content=b" " * 20000).status_code == 413
        share = {"way": str(site.string.id), "share": b64encode(b"nonsense").decode()}
        assert client.post("/v1/door/meet", json=share).status_code == 403
        assert client.get("/v1/clusters").status_code == 404
