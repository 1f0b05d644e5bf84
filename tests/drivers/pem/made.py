"""Certificates and keys for tests."""

import ssl
from pathlib import Path

PEM = Path(__file__).parent
CERTIFICATE = (PEM / "web.pem").read_text()
KEY = (PEM / "web.key").read_text()
OTHER_KEY = (PEM / "other.key").read_text()
NEXT = (PEM / "next.pem").read_text()
NEXT_KEY = (PEM / "next.key").read_text()


def trusting(root: Path) -> ssl.SSLContext:
    """Return how a client trusts only this root, whatever name is shown."""
    context = ssl.create_default_context(cafile=str(root))
    context.check_hostname = False
    return context
