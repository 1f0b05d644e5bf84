"""Balancer and names by the settings of a cloud, on instances of this machine."""

import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest

import haproxies
import knots
from house import House, Refused, house, until
from traffic import free_port

pytestmark = pytest.mark.system

PEM = Path(__file__).parents[1] / "drivers" / "pem"
HAPROXY = "{local = {balancer = 'haproxy'}}"


def wanted(name: str, **more: object) -> dict[str, object]:
    plain = {"image": "demo-web", "flavor": "tiny", "min_size": 2, "max_size": 4}
    return {"name": name, "port": free_port(), "drain_seconds": 1, **plain, **more}


@pytest.fixture
def balanced(tmp_path: Path) -> Iterator[House]:
    haproxies.needed()
    with house(tmp_path / "home", MUSTER_CLOUDS=HAPROXY) as it:
        yield it


def made(it: House, name: str, **more: object) -> dict[str, Any]:
    with it.session() as session:
        session.call("POST", "/v1/clusters", wanted(name, **more))
    return it.settled(name)


def place(details: dict[str, Any]) -> tuple[str, int]:
    return details["load_balancer_address"], details["load_balancer_port"]


def test_http_https_and_tcp_are_balanced_by_haproxy(balanced: House) -> None:
    it = balanced
    it.start()
    tls = {
        "certificate": (PEM / "web.pem").read_text(),
        "private_key": (PEM / "web.key").read_text(),
    }
    plain = made(it, "plain")
    secure = made(it, "secure", protocol="https", tls=tls)
    raw = made(it, "raw", protocol="tcp")
    assert answers(HTTPConnection(*place(plain), timeout=5))
    trusting = ssl.create_default_context(cafile=str(PEM / "web.pem"))
    trusting.check_hostname = False
    assert answers(HTTPSConnection(*place(secure), timeout=5, context=trusting))
    assert answers(HTTPConnection(*place(raw), timeout=5))
    programs = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in it.caddies()}
    assert programs == {"haproxy"}


def answers(asking: HTTPConnection) -> bool:
    try:
        asking.request("GET", "/")
        return asking.getresponse().status == 200
    finally:
        asking.close()


def test_connections_outlive_a_killed_server_and_its_next_start(balanced: House) -> None:
    it = balanced
    it.start()
    raw = made(it, "raw", protocol="tcp", min_size=1)
    before = it.caddies()
    with socket.create_connection(place(raw), 5) as line:
        said = line.makefile("rwb")

        def asked() -> bytes:
            said.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            said.flush()
            status = bytes(said.readline())
            length = 0
            while (field := said.readline()) != b"\r\n":
                if field.lower().startswith(b"content-length:"):
                    length = int(field.split(b":")[1])
            said.read(length)
            return status

        assert b" 200 " in asked()
        it.kill()
        assert b" 200 " in asked()
        it.start()
        it.settled("raw")
        assert b" 200 " in asked()
    assert it.caddies() == before


def test_a_killed_haproxy_is_replaced_and_deletion_leaves_none(balanced: House) -> None:
    it = balanced
    it.start()
    plain = made(it, "plain")
    for pid in it.caddies():
        os.kill(pid, signal.SIGKILL)
    until(lambda: served(plain), 20, "the pool answers again")
    with it.session() as session:
        session.call("DELETE", f"/v1/clusters/plain/{plain['id']}")
    until(lambda: not it.caddies(), 30, "the balancer is gone")
    until(lambda: not it.instances(), 30, "the instances are gone")


def served(details: dict[str, Any]) -> bool:
    try:
        return answers(HTTPConnection(*place(details), timeout=5))
    except OSError:
        return False


def test_names_are_published_and_withdrawn_and_others_names_left_alone(tmp_path: Path) -> None:
    with knots.running() as knot, house(tmp_path / "home", MUSTER_CLOUDS=_names(knot)) as it:
        it.start()
        web = made(it, "web", min_size=1, dns_name="web.example.test")
        assert [place(web)[0]] == resolved(knot, "web.example.test")
        with it.session() as session:
            held = wanted("held", min_size=1, dns_name="held.example.test")
            session.call("POST", "/v1/clusters", held)
            until(lambda: _trouble(it, "held"), 60, "the name is refused")
            for name in ("web", "held"):
                there = it.details(session, name)
                session.call("DELETE", f"/v1/clusters/{name}/{there['id']}")
        until(lambda: not resolved(knot, "web.example.test"), 30, "the name is withdrawn")
        assert resolved(knot, "held.example.test") == ["192.0.2.7"]


def _trouble(it: House, name: str) -> bool:
    with it.session() as session:
        return "held.example.test is" in str(it.details(session, name))


def _names(knot: knots.Knot) -> str:
    said = ", ".join(f"{k} = {v!r}" for k, v in knot.said.items())
    return f"{{local = {{dns = {{{said}}}}}}}"


def resolved(knot: knots.Knot, name: str) -> list[str]:
    answer = dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", 5, knot.port)
    return [str(record) for each in answer.answer for record in each]


def test_caddy_refuses_tcp_and_says_how_to_have_it(tmp_path: Path) -> None:
    with house(tmp_path / "home") as it:
        it.start()
        with it.session() as session, pytest.raises(Refused, match="set balancer to haproxy"):
            session.call("POST", "/v1/clusters", wanted("raw", protocol="tcp"))


def test_a_wrong_fitting_keeps_the_server_from_starting(
    ran: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    clouds = "{local = {balancer = 'f5'}}"
    said = ran("serve", MUSTER_CLOUDS=clouds, MUSTER_LISTEN="127.0.0.1:0")
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert "clouds.local.balancer: must be one of caddy, haproxy" in said.stderr
