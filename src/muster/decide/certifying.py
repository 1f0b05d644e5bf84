"""When Muster gets itself another certificate, and which wishes for one are not taken."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from muster.base.certificates import validity
from muster.model.acme import HTTP_01, INTERRUPTED, Acme, Attempt

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


# Note [When a certificate is renewed]
# Another one is asked for at once where the domain or the authority is a new one, and when a third
# of the lifetime is left. What failed is tried again after a day, or at once by other settings: an
# authority counts failures, and locks out who fails too often. One whose certificates live for
# hours only is asked again after a twenty-fourth of their lifetime, so that there is time for
# eight tries in any case. A try during which the server was killed is made again after an hour:
# not at once, for the killing may be its doing. A certificate that somebody set by hand stays
# until its last third.
def is_due(acme: Acme, last: Attempt | None, chain: str, now: datetime) -> bool:
    """Return whether to ask for another certificate. See Note [When a certificate is renewed]."""
    if not acme.domain:
        return False
    if last is None or _is_another(acme, last):
        return True
    begin, end = validity(chain) or (now, now)
    lifetime = end - begin
    pause = min(DAY, lifetime / 24) if lifetime else DAY
    if now < last.at + (HOUR if last.error == INTERRUPTED else pause):
        return False
    return bool(last.error) or now >= end - lifetime / 3


def _is_another(acme: Acme, last: Attempt) -> bool:
    if last.error:
        return acme != last.acme
    return (acme.domain, acme.ca_url) != (last.acme.domain, last.acme.ca_url)


_NAME = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
)
_MAIL = re.compile(r"[^@\s,?]+@[^@\s,?]+")
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]*):([0-9]{1,5})")
BY_DNS = "belongs to DNS-01, and Muster proves a domain by HTTP-01 only"


def faults(acme: Acme) -> Iterator[tuple[str, str]]:
    """Yield what cannot be asked for: the field at fault, and why."""
    if acme.challenge != HTTP_01:
        yield (
            "challenge",
            "must be HTTP-01: Muster writes addresses of balancers into DNS, and no proofs",
        )
    for name in ("provider", "provider_environment", "provider_resolvers"):
        if getattr(acme, name):
            yield name, BY_DNS
    if urlsplit(acme.ca_url).scheme != "https" or not urlsplit(acme.ca_url).hostname:
        yield "ca_url", "must be the https:// address of an authority's directory"
    if acme.email and not _MAIL.fullmatch(acme.email):
        yield "email", "must be an address such as ops@example.com, or empty"
    if acme.http_challenge_address and not _is_address(acme.http_challenge_address):
        yield "http_challenge_address", "must be host:port or :port, or empty"
    if acme.domain:
        yield from _of_domain(acme)


def _of_domain(acme: Acme) -> Iterator[tuple[str, str]]:
    if why := _not_a_name(acme.domain):
        yield "domain", why
    if not acme.agree_tos:
        yield "agree_tos", "must be true: no authority gives a certificate without"


def _not_a_name(domain: str) -> str:
    if domain.startswith("*."):
        return "must be one name: only DNS-01 proves all names of a domain"
    try:
        ip_address(domain.strip("[]"))
    except ValueError:
        fits = _NAME.fullmatch(domain)
        return "" if fits else "must be a full name such as muster.example.com, in small letters"
    return "must be a name, not an address"


def _is_address(text: str) -> bool:
    said = _ADDRESS.fullmatch(text)
    return said is not None and 0 < int(said[2]) < 65536
