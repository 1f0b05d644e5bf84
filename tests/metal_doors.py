"""Servers of metal behind doors of their own, as a whole Muster reaches them: each by TLS."""

import asyncio
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agents import answering, trusting
from house import House, until
from metal import Metal, MetalFleet
from muster.base.clock import SystemClock
from muster.client.http import Session
from muster.ports.agent import Line, Order

HERE = "/1.0/provisioning"
_READY_S = 120.0
_PARTS = ("kernel", "network", "resources", "security", "storage", "update")


class Row(MetalFleet):
    """A row of servers that can be reached, and that are up for as long as they really are."""

    def __init__(self, count: int, home: Path) -> None:
        self.home = home
        self._seen: dict[str, float] = {}
        super().__init__(count)

    def new(self, number: int) -> Metal:
        metal = super().new(number)
        metal.certificate = _certificate(self.home, metal.name)
        return metal

    def _join(self, metal: Metal, body: Mapping[str, Any]) -> None:
        super()._join(metal, body)
        if metal.union and "cluster_token" not in body:
            metal.union.certificate = _certificate(self.home, f"cluster-{self.made}")

    def _asked(self, metal: Metal, order: Order) -> Any:
        about: Mapping[str, Any] = {
            "/os/1.0/system/resources": {"cpu": {"total": 2}},
            "/os/1.0/system/network": {"config": {}, "state": _network(metal)},
            "/os/1.0/system/security": {"state": {"system_state_is_trusted": True}},
            "/os/1.0/system/storage": {"config": {}, "state": {}},
            "/os/1.0/system/kernel": {"config": {}},
            "/os/1.0/system": [f"/os/1.0/system/{part}" for part in _PARTS],
            "/os/1.0/applications": ["/os/1.0/applications/incus"],
            "/os/1.0/applications/incus": {"config": {}, "state": {"version": "6.0.4"}},
        }
        if order.path in about:
            return about[order.path]
        if order.path == "/os/1.0":
            now = time.monotonic()
            metal.up_s += now - self._seen.setdefault(metal.name, now)
            self._seen[metal.name] = now
            said = super()._asked(metal, order)
            return {"environment": {**said["environment"], "hostname": metal.name}}
        return super()._asked(metal, order)

    async def reached(self, metal: Metal, order: Order) -> Any:
        return await self.call(Line(url=metal.url, certificate=metal.shown), order)


def _network(metal: Metal) -> dict[str, Any]:
    return {"interfaces": {"mgmt": {"addresses": [metal.address], "roles": ["cluster"]}}}


def _certificate(home: Path, name: str) -> str:
    """Return a certificate that is kept with its key in a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    kept = key.private_bytes(serialization.Encoding.PEM, form, plain)
    pem = made.public_bytes(serialization.Encoding.PEM)
    (home / f"{name}.pem").write_bytes(pem + kept)
    return pem.decode()


@contextmanager
def standing(row: Row, home: Path) -> Iterator[dict[str, ssl.SSLContext]]:
    """Let servers be reached while the block lasts; yield by name what each trusts."""
    contexts = {name: _context(home / f"{name}.pem") for name in row.metals}
    up, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            for name, metal in row.metals.items():
                door = answering(contexts[name], lambda order, it=metal: row.reached(it, order))
                metal.url = await stack.enter_async_context(door)
            up.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(20)
        yield contexts
    finally:
        over.set()
        thread.join()


def _context(papers: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def register(it: House, row: Row, contexts: Mapping[str, ssl.SSLContext]) -> None:
    """Have all servers be known and ready."""
    with it.session() as session:
        uses = {"uses_remaining": len(row.metals), "expire_at": "2099-01-01T00:00:00Z"}
        token = session.call("POST", f"{HERE}/tokens", body=uses)["metadata"]["uuid"]
        for name, metal in row.metals.items():
            said = {"name": name, "connection_url": metal.url, "certificate": metal.certificate}
            told = session.call("POST", f"{HERE}/servers?token={token}", body=said)["metadata"]
            trusting(contexts[name], told["certificate"])
        for name in row.metals:
            until(lambda n=name: _is_ready(session, n), _READY_S, f"{name} is ready")


def _is_ready(session: Session, name: str) -> bool:
    there = session.call("GET", f"{HERE}/servers/{name}")["metadata"]
    return bool(there["server_status"] == "ready")
