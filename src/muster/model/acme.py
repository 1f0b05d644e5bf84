"""What is asked of an authority that gives certificates by ACME, and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
HTTP_01 = "HTTP-01"
CHALLENGES = "/.well-known/acme-challenge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme:
    """How Muster gets the certificate that it shows; without a domain it gets none."""

    agree_tos: bool = False
    ca_url: str = LETS_ENCRYPT
    challenge: str = HTTP_01
    domain: str = ""
    email: str = ""
    http_challenge_address: str = ":80"  # "": whoever listens there passes it on to Muster
    provider: str = ""
    provider_environment: tuple[str, ...] = ()
    provider_resolvers: tuple[str, ...] = ()


INTERRUPTED = "nobody knows what came of it: the server ended meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The last time that a certificate was asked for."""

    at: datetime
    acme: Acme
    error: str = ""  # "": one was given


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    acme: Acme
    account: str = field(repr=False)  # its key, PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    chain: str  # PEM: ours first
    key: str = field(repr=False)  # PEM
