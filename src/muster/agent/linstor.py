"""services/linstor: volumes with copies on several machines, as a satellite of LINSTOR."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from muster.agent.certificate import no_certificate
from muster.agent.machine import HOME, Machine
from muster.agent.noun import Ability, Can, Lack, Noun, by_programs, lacking, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, File, Put, Unit, at_rest, run, running, started

CONFIG = "/etc/linstor/linstor_satellite.toml"
UNIT = "linstor-satellite.service"
ANYWHERE = "[::]:3366"
CERTIFICATE, KEY, AUTHORITY = (f"{HOME}/linstor.{each}" for each in ("crt", "key", "ca-"))
STORES = "/etc/linstor/ssl"
_TLS = ("tls_server_certificate", "tls_server_key", "tls_trusted_certificates")
_WORD = "muster"  # of stores that are root's alone: Java wants one
_SSL = (
    '  type = "ssl"\n  ssl_protocol = "TLSv1.2"\n'
    f'  server_certificate = "{STORES}/keystore.p12"\n'
    f'  trusted_certificates = "{STORES}/trusted.p12"\n'
    + "".join(f'  {each}_password = "{_WORD}"\n' for each in ("key", "keystore", "truststore"))
)
_STORING = f"""umask 077
rm -rf {STORES}
test -e {KEY} || exit 0
mkdir -p {STORES}
openssl pkcs12 -export -name linstor -in {CERTIFICATE} -inkey {KEY} \\
    -out {STORES}/keystore.p12 -passout pass:{_WORD}
for each in {AUTHORITY}*.pem; do
    keytool -importcert -noprompt -alias "$each" -file "$each" -storetype PKCS12 \\
        -keystore {STORES}/trusted.p12 -storepass {_WORD}
done"""


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _no_place(text: str) -> str | None:
    try:
        host, port = _place(text)
        ip_address(host)
    except ValueError:
        return f"{text!r} is no address and port such as {ANYWHERE}"
    return None if 0 < port < 65536 else f"{port} is no port"


@dataclass(frozen=True, slots=True)
class Linstor:
    enabled: bool = False
    listen_address: str = ruled(ANYWHERE, check=_no_place)
    tls_server_certificate: str = ruled("", check=no_certificate)
    tls_server_key: str = ruled("", pattern=r"(?s)-----BEGIN .+-----\s*", secret=True)
    tls_trusted_certificates: tuple[str, ...] = ruled((), check=no_certificate)

    @property
    def is_secret(self) -> bool:
        return bool(self.tls_server_certificate)


@dataclass(frozen=True, slots=True)
class Sight:
    rests: bool


def look(machine: Machine, config: Linstor) -> Sight:
    return Sight(machine.rests(UNIT))


def check(config: Linstor) -> None:
    """All three or none: a satellite that asks for TLS and trusts nobody would hear nobody."""
    said = {name: getattr(config, name) for name in _TLS}
    if any(said.values()):
        for name, value in said.items():
            if not value:
                raise wrong(f"config.{name}", "is required where the others are given")


def files(config: Linstor, seen: object) -> Iterator[File]:
    if not config.enabled:
        return
    host, port = _place(config.listen_address)
    kind = _SSL if config.is_secret else '  type = "plain"\n'
    yield Put(CONFIG, f'[netcom]\n{kind}  bind_address = "{host}"\n  port = {port}\n', 0o600)
    if config.is_secret:
        yield Put(CERTIFICATE, config.tls_server_certificate)
        yield Put(KEY, config.tls_server_key, 0o600)
        for n, each in enumerate(config.tls_trusted_certificates):
            yield Put(f"{AUTHORITY}{n}.pem", each)


def acts(old: Linstor, new: Linstor, seen: Sight, changed: frozenset[str]) -> Acts:
    if old.enabled and not new.enabled:
        return Acts(first=at_rest(UNIT))
    if new.enabled and changed:
        return Acts(then=(*_stored(changed), *running(UNIT)))
    if new.enabled and (seen.rests or not old.enabled):
        return Acts(then=started(UNIT))
    return Acts()


def _stored(changed: frozenset[str]) -> Iterator[Act]:
    """Have what Java reads be made of what was told, now, and again of what was before."""
    if any(path.startswith((CERTIFICATE, KEY, AUTHORITY)) for path in changed):
        words = ("sh", "-ec", _STORING)
        yield run(*words, undo=words, timeout_s=60.0)


def reset(config: Linstor) -> Iterator[Act]:
    yield Unit("restart", UNIT)


def lacks(config: Linstor, machine: Machine) -> Iterator[Lack]:
    yield from when_enabled(abilities)(config, machine)
    if config.enabled and config.is_secret:
        tools = by_programs("tls", machine, "openssl", "keytool")
        yield from lacking(tools, "config.tls_server_certificate")


def abilities(machine: Machine) -> Mapping[str, Ability]:
    if machine.there(f"/lib/systemd/system/{UNIT}"):
        return {"services.linstor": Ability()}
    reason = "the satellite is not installed (application incus-linstor)"
    return {"services.linstor": Ability(Can.ABSENT, reason)}


LINSTOR = Noun(
    "services/linstor",
    Linstor,
    files,
    acts,
    check=check,
    lacks=lacks,
    look=look,
    abilities=abilities,
    reset=reset,
    is_service=True,
)
