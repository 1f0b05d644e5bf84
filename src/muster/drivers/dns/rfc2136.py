"""Names published on a name server by dynamic updates (RFC 2136), signed with a key (TSIG)."""

import asyncio
import binascii
import re
import socket
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
import dns.xfr
import dns.zone

from muster.base.errors import Invalid, Permanent, Transient
from muster.drivers.options import options
from muster.model.observed import Record

T = TypeVar("T")
NOBODY = UUID(int=0)
_LABEL = "_muster"
_LONGEST = 253 - len(f"{_LABEL}.")
_ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)
_SECRET = re.compile(r'secret:?\s+"?([A-Za-z0-9+/=]+)"?')
_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1")
_FOR_NOW = frozenset({dns.rcode.SERVFAIL, dns.rcode.BADTIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The cloud option `dns`, a table."""

    server: str = ""  # the primary name server: address or name, with :port unless that is 53
    zone: str = ""  # published names are in it
    key: str = ""  # the name of the TSIG key
    secret_file: str = ""  # the key's secret in base64, alone or as tsig-keygen writes it
    algorithm: str = "hmac-sha256"
    ttl: int = 30  # seconds for which others may remember an address
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where the name server is, and how it knows us."""

    host: str
    port: int
    zone: dns.name.Name
    key: dns.tsig.Key
    ttl: int
    timeout_s: float

    @property
    def text(self) -> str:
        return f"{self.host}:{self.port}"


# Note [A name that others hold]
# Beside a name of ours stands another, `_muster.<name>`, whose text says which cluster of
# which installation it was published for. An update carries as its condition either that
# neither is there, or that the text is exactly ours, and the server decides and changes
# in one step: whoever else writes at the same moment, nobody loses a name.
class Updates:
    """Records of one zone. See Note [A name that others hold]."""

    def __init__(self, reach: Reach, installation: UUID) -> None:
        self._reach = reach
        self._installation = installation

    async def list_records(self) -> Sequence[Record]:
        zone = await self._transferred()
        found = []
        for name, rdataset in zone.iterate_rdatasets(dns.rdatatype.TXT):
            owner = _owner_of((each.strings for each in rdataset), self._installation)
            if owner and name.labels[0] == _LABEL.encode():
                published = dns.name.Name(name.labels[1:])
                full = published.derelativize(self._reach.zone)
                found.append(Record(name=_plain(full), address=_of(zone, published), owner=owner))
        return sorted(found, key=lambda record: record.name)

    async def record(self, name: str) -> Record | None:
        full = self._within(name)
        if full is None:
            return None
        owner, address = await asyncio.gather(self._owner(full), self._address(full))
        if owner is None and not await self._in_use(full):
            return None
        return Record(name=_plain(full), address=address, owner=owner or NOBODY)

    async def put_record(self, name: str, address: str, owner: UUID) -> None:
        full = self._within(name)
        if full is None:
            why = f"it is not in {_plain(self._reach.zone)}, or has more than {_LONGEST} characters"
            raise Permanent(f"the name {name} cannot be published: {why}", name=name)
        if await self._put_new(full, address, owner) or await self._put_ours(full, address, owner):
            return
        there = await self._address(full)
        held = f"it stands for {there}" if there else "it is in use"
        raise Permanent(f"the name {name} is taken: {held}, and not for this cluster", name=name)

    async def drop_record(self, name: str, owner: UUID) -> None:
        full = self._within(name)
        if full is None:
            return
        update = self._update()
        update.present(_mark_of(full), "TXT", self._text(owner))
        _clear(update, full)
        update.delete(_mark_of(full), "TXT")
        await self._agreed(update, dns.rcode.NXRRSET, dns.rcode.NXDOMAIN)

    async def _put_new(self, full: dns.name.Name, address: str, owner: UUID) -> bool:
        """Publish a name that nobody has; return whether that was so."""
        update = self._update()
        update.absent(full)
        update.absent(_mark_of(full), "TXT")
        self._add(update, full, address)
        update.add(_mark_of(full), self._reach.ttl, "TXT", self._text(owner))
        return await self._agreed(update, dns.rcode.YXDOMAIN, dns.rcode.YXRRSET)

    async def _put_ours(self, full: dns.name.Name, address: str, owner: UUID) -> bool:
        """Have a name of this owner's say this address; return whether it is his."""
        update = self._update()
        update.present(_mark_of(full), "TXT", self._text(owner))
        _clear(update, full)
        self._add(update, full, address)
        return await self._agreed(update, dns.rcode.NXRRSET, dns.rcode.NXDOMAIN)

    async def _in_use(self, full: dns.name.Name) -> bool:
        """Return whether anything stands under the name itself: a wildcard does not count."""
        update = self._update()
        update.absent(full)
        return not await self._agreed(update, dns.rcode.YXDOMAIN)

    def _add(self, update: dns.update.UpdateMessage, full: dns.name.Name, address: str) -> None:
        kind = "A" if ip_address(address).version == 4 else "AAAA"
        update.add(full, self._reach.ttl, kind, address)

    def _text(self, owner: UUID) -> str:
        return f'"muster {self._installation} {owner}"'

    def _within(self, name: str) -> dns.name.Name | None:
        """Return the name in full, or None where none of the zone's can be called so."""
        try:
            full = dns.name.from_text(name.lower())
            _mark_of(full)  # which is longer
        except dns.exception.DNSException:
            return None
        return full if full.is_subdomain(self._reach.zone) else None

    def _update(self) -> dns.update.UpdateMessage:
        update = dns.update.UpdateMessage(self._reach.zone)
        update.use_tsig(self._reach.key)
        return update

    async def _agreed(self, update: dns.update.UpdateMessage, *no: dns.rcode.Rcode) -> bool:
        """Send an update; return False if its condition does not hold: the answer is a `no`."""
        reach = self._reach
        answer = await self._heard(
            dns.asyncquery.tcp(update, await self._where(), reach.timeout_s, reach.port)
        )
        if answer.rcode() in no:
            return False
        self._refuse(answer)
        return True

    async def _owner(self, full: dns.name.Name) -> UUID | None:
        answer = await self._asked(_mark_of(full), dns.rdatatype.TXT)
        return _owner_of(
            (r.strings for each in answer.answer for r in each if r.rdtype == dns.rdatatype.TXT),
            self._installation,
        )

    async def _address(self, full: dns.name.Name) -> str:
        """Return the first address of the name, "" if it has none."""
        for kind in _ADDRESSES:
            answer = await self._asked(full, kind)
            for each in answer.answer:
                if each.rdtype == kind:
                    return str(each[0].address)
        return ""

    async def _asked(
        self, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> dns.message.Message:
        reach = self._reach
        query = dns.message.make_query(name, kind, flags=0)
        query.use_tsig(reach.key)
        answer = await self._heard(
            dns.asyncquery.tcp(query, await self._where(), reach.timeout_s, reach.port)
        )
        if answer.rcode() != dns.rcode.NXDOMAIN:
            self._refuse(answer)
        return answer

    async def _transferred(self) -> dns.zone.Zone:
        """Return the whole zone. The key must be allowed to have it."""
        reach = self._reach
        zone = dns.zone.Zone(reach.zone)
        query, _ = dns.xfr.make_query(zone, keyring=reach.key)
        await self._heard(
            dns.asyncquery.inbound_xfr(
                await self._where(),
                zone,
                query,
                port=reach.port,
                timeout=reach.timeout_s,
                lifetime=4 * reach.timeout_s,
            )
        )
        return zone

    async def _where(self) -> str:
        """Return the server's address. A name is looked up each time, for it may have moved."""
        reach = self._reach
        try:
            return str(ip_address(reach.host))
        except ValueError:
            looking = asyncio.get_running_loop().getaddrinfo(
                reach.host, reach.port, type=socket.SOCK_STREAM
            )
        try:
            async with asyncio.timeout(reach.timeout_s):
                [first, *_] = await looking
        except (OSError, TimeoutError) as error:
            raise Transient(f"the name server {reach.host} is not found: {error}") from None
        return str(first[4][0])

    async def _heard(self, answer: Awaitable[T]) -> T:
        """Return the answer, what went wrong with it told apart. See Note [Again or never]."""
        server, key = self._reach.text, self._reach.key.name.to_text(omit_final_dot=True)
        try:
            return await answer
        except dns.tsig.PeerBadTime:
            raise Transient(f"the clocks of {server} and of this machine differ") from None
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadKey) as error:
            raise Permanent(f"{server} does not accept the key {key}: {error}") from None
        except dns.xfr.TransferError as error:
            zone = _plain(self._reach.zone)
            raise Permanent(f"{server} does not hand {zone} to the key {key}: {error}") from None
        except dns.exception.FormError as error:  # what it refuses it may well not sign
            zone = _plain(self._reach.zone)
            why = f"is it the primary of {zone}, and does it know the key {key}?"
            raise Transient(f"{server} cannot be understood ({error}): {why}") from None
        except dns.exception.Timeout:
            seconds = f"{self._reach.timeout_s:g}"
            raise Transient(f"{server} does not answer within {seconds} s") from None
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise Transient(f"{server} does not answer: {error}") from None

    def _refuse(self, answer: dns.message.Message) -> None:
        """Raise what an answer means that is no. See Note [Again or never]."""
        code = answer.rcode()
        if code == dns.rcode.NOERROR:
            return
        key, zone = self._reach.key.name.to_text(omit_final_dot=True), _plain(self._reach.zone)
        said = f"{self._reach.text} says {dns.rcode.to_text(code)}"
        if code in _FOR_NOW:
            raise Transient(said)
        why = f"is it the primary of {zone}, and may the key {key} change it?"
        raise Permanent(f"{said}: {why}", code=dns.rcode.to_text(code))


# Note [Again or never]
# A server that is away, overloaded or has another time may do it later. One that does not
# know the key, the zone, or our right to change it will not until somebody changes that.
def _mark_of(full: dns.name.Name) -> dns.name.Name:
    return dns.name.Name((_LABEL.encode(), *full.labels))


def _clear(update: dns.update.UpdateMessage, full: dns.name.Name) -> None:
    for kind in _ADDRESSES:
        update.delete(full, kind)


def _owner_of(texts: Any, installation: UUID) -> UUID | None:
    """Return for whom we have published what these texts stand beside, None if we have not."""
    for strings in texts:
        words = b"".join(strings).decode(errors="replace").split()
        if len(words) == 3 and words[:2] == ["muster", str(installation)]:
            return UUID(words[2])
    return None


def _of(zone: dns.zone.Zone, name: dns.name.Name) -> str:
    for kind in _ADDRESSES:
        rdataset = zone.get_rdataset(name, kind)
        if rdataset:
            return str(rdataset[0].address)
    return ""


def _plain(name: dns.name.Name) -> str:
    return str(name.to_text(omit_final_dot=True)).lower()


def parsed(said: Mapping[str, Any]) -> Reach:
    """Return what the cloud option `dns` says; raises `Invalid` naming what is at fault."""
    read = options(Options, said, "dns")
    for name in ("server", "zone", "key", "secret_file"):
        if not getattr(read, name):
            raise Invalid(f"dns.{name} is needed to publish names by updates", field=f"dns.{name}")
    if read.algorithm not in _ALGORITHMS:
        known = ", ".join(_ALGORITHMS)
        raise Invalid(f"dns.algorithm must be one of {known}", field="dns.algorithm")
    host, port = _address(read.server)
    return Reach(
        host=host,
        port=port,
        zone=_name("dns.zone", read.zone),
        key=dns.tsig.Key(_name("dns.key", read.key), _secret(read), read.algorithm),
        ttl=read.ttl,
        timeout_s=read.timeout_s,
    )


def _address(server: str) -> tuple[str, int]:
    try:
        return str(ip_address(server)), 53
    except ValueError:
        pass
    try:
        parts = urlsplit(f"//{server}")
        if parts.hostname and parts.path == "":
            return parts.hostname, parts.port or 53
    except ValueError:
        pass
    text = f"dns.server must be an address or a name, and a port, not {server!r}"
    raise Invalid(text, field="dns.server")


def _name(field: str, text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text.lower())
    except dns.exception.DNSException as error:
        raise Invalid(f"{field}: {text!r} is no name: {error}", field=field) from None


def _secret(read: Options) -> bytes:
    """Return the key's secret. The file is not shown, whatever is wrong with it."""
    path = Path(read.secret_file).expanduser()
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeError) as error:
        raise Invalid(f"dns.secret_file: {error}", field="dns.secret_file") from None
    found = _SECRET.search(text)
    try:
        return binascii.a2b_base64((found[1] if found else text).encode(), strict_mode=True)
    except (binascii.Error, ValueError):
        fault = f"{path} holds no secret in base64"
        raise Invalid(f"dns.secret_file: {fault}", field="dns.secret_file") from None


def open_dns(said: Mapping[str, Any], installation: UUID) -> Updates:
    return Updates(parsed(said), installation)
