"""What an Incus cloud can be told in its part of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from muster.base.errors import Invalid
from muster.drivers.incus.ovn.ovsdb import remotes
from muster.model.cloud import Pace

NEVER = "none"
SOCKET = "/var/lib/incus/unix.socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    url: str = f"unix:{SOCKET}"  # or https://host:8443
    members: tuple[str, ...] = ()  # further URLs to begin with, should the first not answer
    certificate: str = ""  # PEM file: who we are
    key: str = ""  # PEM file, of the certificate
    server_certificate: str = ""  # PEM file: what the servers show; empty: a public authority's
    project: str = "default"
    profile: str = "default"  # of every instance; says which network and pool it gets
    pool: str = ""  # of the instances' root disks; empty: the profile's
    balancer_image: str = "haproxy"  # of instances that balance: by name, made --with haproxy
    balancer_memory_mib: int = 128  # of each of them
    probe_timeout_s: float = 2.0
    look_every_s: float = 2.0
    probe_every_s: float = 1.0
    sample_every_s: float = 2.0  # where readings take long, they are taken less often
    stray_grace_s: float = 600.0
    vcpus_per_core: int = 4  # for placing as a whole: so often a processor is promised
    ovn_northbound: str = ""  # OVN's northbound database; empty: as Incus says; none: not ours
    ovn_certificate: str = ""  # PEM file: who we are there, for ssl:
    ovn_key: str = ""  # PEM file, of that certificate
    ovn_authority: str = ""  # PEM file: who signs OVN's certificates
    calls_at_once: int = 4  # more do not make incusd faster, and a busy one then gives up on some

    @property
    def pace(self) -> Pace:
        return Pace(
            look_every=timedelta(seconds=self.look_every_s),
            probe_every=timedelta(seconds=self.probe_every_s),
            sample_every=timedelta(seconds=self.sample_every_s),
            stray_grace=timedelta(seconds=self.stray_grace_s),
            calls_at_once=self.calls_at_once,
        )


def parsed(said: Mapping[str, Any]) -> Options:
    """Return the options in force; raises `Invalid` naming the one at fault."""
    kinds: dict[str, Any] = {each.name: each.type for each in fields(Options)}
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name not in kinds:
            raise Invalid(f"no option of an Incus cloud is called {name!r}", field=name)
        values[name] = _value(name, kinds[name], value)
    return _checked(Options(**values))


def _value(name: str, kind: Any, value: Any) -> Any:
    if name == "members":
        if not isinstance(value, (list, tuple)) or not all(isinstance(x, str) for x in value):
            raise Invalid(f"members must be a list of URLs, not {value!r}", field=name)
        return tuple(value)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise Invalid(f"{name} must be {kind.__name__}, not {value!r}", field=name)
    if isinstance(value, (int, float)) and value <= 0:
        raise Invalid(f"{name} must be more than 0", field=name)
    return kind(value)


def _checked(options: Options) -> Options:
    for field, url in (("url", options.url), *(("members", each) for each in options.members)):
        scheme, path = urlsplit(url).scheme, urlsplit(url).path
        if scheme not in ("unix", "https") or (scheme == "unix" and not path.startswith("/")):
            raise Invalid(f"{field} must be unix:/path or https://host:port", field=field)
        if scheme == "https" and not (options.certificate and options.key):
            raise Invalid("an https URL needs certificate and key", field="certificate")
    if bool(options.certificate) != bool(options.key):
        raise Invalid("certificate and key belong together", field="key")
    return _checked_of_ovn(options)


def _checked_of_ovn(options: Options) -> Options:
    try:
        known = () if options.ovn_northbound == NEVER else remotes(options.ovn_northbound)
    except Invalid as error:
        raise Invalid(f"ovn_northbound: {error.text}", field="ovn_northbound") from None
    files = (options.ovn_certificate, options.ovn_key, options.ovn_authority)
    if any(files) != all(files):
        text = "ovn_certificate, ovn_key and ovn_authority belong together"
        raise Invalid(text, field="ovn_certificate")
    if any(each.kind == "ssl" for each in known) and not all(files):
        text = "ovn_northbound by ssl: needs ovn_certificate, ovn_key and ovn_authority"
        raise Invalid(text, field="ovn_certificate")
    return options
