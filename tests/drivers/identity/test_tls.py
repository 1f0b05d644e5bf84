"""Keystone by HTTPS: the certificate is verified, by an authority of one's own if need be."""

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from drivers.identity.scribe import said
from muster.base.clock import ManualClock
from muster.base.errors import Transient
from muster.drivers.identity.access import Access, Account, by_password
from muster.drivers.identity.keystone import Keystone

LASTING = ManualClock().now().replace(year=2031)
ACCOUNT = Account(username="muster", password="ours", project="service")


class Answering(BaseHTTPRequestHandler):
    """Says yes to everybody, as a Keystone would."""

    def do_POST(self) -> None:
        self._answer(201)

    def do_GET(self) -> None:
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(said("ann", LASTING, "member")).encode()
        self.send_response(status)
        self.send_header("X-Subject-Token", "ours")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that nobody trusts yet; its key lies beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine: install the package `openssl`")
    made = tmp_path_factory.mktemp("tls") / "it.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(made.with_suffix(".key")), "-out", str(made))
    say = ("openssl", "req", "-x509", "-days", "2", *curve, *names, *files)
    subprocess.run(say, check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def access(certificate: Path) -> Iterator[Access]:
    """Serve a Keystone with that certificate, and say how to sign in there."""
    server = HTTPServer(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield by_password(f"https://127.0.0.1:{server.server_address[1]}", ACCOUNT)
    server.shutdown()
    server.server_close()
    serving.join(10)


async def user(access: Access) -> str:
    keystone = Keystone(access, ManualClock())
    try:
        return (await keystone.who({"x-auth-token": "t"})).user
    finally:
        await keystone.close()


async def test_a_certificate_of_ones_own_authority_is_trusted(access, certificate):
    assert await user(replace(access, ca=str(certificate))) == "id-of-ann"


async def test_a_certificate_that_nobody_vouches_for_is_not(access):
    with pytest.raises(Transient, match="certificate verify failed"):
        await user(access)


async def test_verifying_can_be_done_without_where_clouds_yaml_says_so(access):
    assert await user(replace(access, verify=False)) == "id-of-ann"
