"""How Muster itself signs in at Keystone: from settings, or from an entry of clouds.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from muster.base.errors import Invalid

PLACES = (
    Path("clouds.yaml"),
    Path("~/.config/openstack/clouds.yaml"),
    Path("/etc/openstack/clouds.yaml"),
)
_PASSWORD = frozenset({"password", "v3password"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where Keystone is, and what is said to it to get a token of our own."""

    url: str  # ends in /v3
    auth: Mapping[str, Any]  # the body of POST /v3/auth/tokens
    ca: str = ""  # PEM file; "": those that this machine trusts
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user with a password, by names."""

    username: str
    password: str
    project: str
    user_domain: str = "Default"
    project_domain: str = "Default"


def by_password(url: str, account: Account, ca: str = "") -> Access:
    """Return the access of a user with a password. Raises `Invalid` naming what is missing."""
    said = {
        "username": account.username,
        "password": account.password,
        "project_name": account.project,
        "user_domain_name": account.user_domain,
        "project_domain_name": account.project_domain,
    }
    for field in ("username", "password", "project"):
        if not getattr(account, field):
            name = f"keystone_{field}"
            raise Invalid(f"identity keystone needs MUSTER_{name.upper()}", field=name)
    return Access(url=rooted(url), auth=_password(said), ca=ca)


def rooted(url: str) -> str:
    """Return the address of the v3 API, whether it was given with the version or without."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        text = f"keystone_url must be like https://keystone.example.org:5000, not {url!r}"
        raise Invalid(text, field="keystone_url")
    bare = url.rstrip("/")
    return bare if bare.endswith("/v3") else f"{bare}/v3"


def by_cloud(name: str, file: str = "") -> Access:
    """Return the access that the entry `name` of clouds.yaml describes.

    `file` names it; without, it is looked for where every OpenStack client does. A
    secure.yaml beside it adds what is secret. Raises `Invalid` naming file and field.
    """
    path = _found(file)
    entry = _merged(_entry(path, name), _secret(path.with_name("secure.yaml"), name))
    auth = entry.get("auth") or {}
    where = f"{path}: clouds.{name}"
    if not isinstance(auth, dict) or not isinstance(auth.get("auth_url"), str):
        raise Invalid(f"{where}.auth.auth_url is missing", field="os_cloud")
    return Access(
        url=rooted(auth["auth_url"]),
        auth=_said(entry, auth, where),
        ca=str(Path(entry["cacert"]).expanduser()) if entry.get("cacert") else "",
        verify=entry.get("verify", True) is not False,
    )


def _found(file: str) -> Path:
    places = (Path(file),) if file else PLACES
    for place in places:
        path = place.expanduser()
        if path.is_file():
            return path
    tried = ", ".join(str(each) for each in places)
    raise Invalid(f"os_cloud needs a clouds.yaml; there is none at {tried}", field="os_cloud")


def _entry(path: Path, name: str) -> dict[str, Any]:
    clouds = _clouds(path)
    entry = clouds.get(name)
    if not isinstance(entry, dict):
        known = ", ".join(map(str, clouds)) or "none"
        raise Invalid(f"{path}: there is no cloud {name!r}; there is {known}", field="os_cloud")
    return entry


def _secret(path: Path, name: str) -> dict[str, Any]:
    entry = _clouds(path).get(name) if path.is_file() else None
    return entry if isinstance(entry, dict) else {}


def _clouds(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{path}: {' '.join(str(error).split())}", field="os_cloud") from None
    clouds = said.get("clouds") if isinstance(said, dict) else None
    return clouds if isinstance(clouds, dict) else {}


def _merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    made = {**low}
    for key, value in high.items():
        before = made.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        made[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return made


def _said(entry: Mapping[str, Any], auth: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    kind = str(entry.get("auth_type") or "password")
    if kind == "v3applicationcredential":
        return _application(auth, where)
    if kind not in _PASSWORD:
        text = f"{where}.auth_type must be password or v3applicationcredential, not {kind!r}"
        raise Invalid(text, field="os_cloud")
    for field in (("username", "user_id"), ("password",), ("project_name", "project_id")):
        if not any(auth.get(each) for each in field):
            raise Invalid(f"{where}.auth.{field[0]} is missing", field="os_cloud")
    return _password(auth)


def _application(auth: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    id, secret = auth.get("application_credential_id"), auth.get("application_credential_secret")
    if not id or not secret:
        text = f"{where}.auth needs application_credential_id and application_credential_secret"
        raise Invalid(text, field="os_cloud")
    credential = {"id": str(id), "secret": str(secret)}
    methods = ["application_credential"]
    return {"auth": {"identity": {"methods": methods, "application_credential": credential}}}


def _password(auth: Mapping[str, Any]) -> Mapping[str, Any]:
    both = auth.get("domain_id"), auth.get("domain_name")
    user = _named(auth, ("user_id", "username"), _domain(auth, "user", both))
    project = _named(auth, ("project_id", "project_name"), _domain(auth, "project", both))
    user["password"] = str(auth["password"])
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": project}}}


def _named(
    auth: Mapping[str, Any], keys: tuple[str, str], domain: Mapping[str, str]
) -> dict[str, Any]:
    """Return what stands for a user or a project: its id alone, or its name in a domain."""
    if auth.get(keys[0]):
        return {"id": str(auth[keys[0]])}
    return {"name": str(auth[keys[1]]), "domain": dict(domain)}


def _domain(auth: Mapping[str, Any], of: str, both: tuple[object, object]) -> Mapping[str, str]:
    id = auth.get(f"{of}_domain_id") or both[0]
    name = auth.get(f"{of}_domain_name") or both[1]
    return {"id": str(id)} if id else {"name": str(name or "Default")}
