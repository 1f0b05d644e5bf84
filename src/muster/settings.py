"""One frozen Settings, parsed once. Nobody else reads the environment or the file."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from muster.base.errors import Invalid


def _setting(default: Any, about: str) -> Any:
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"about": about})
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting is `MUSTER_<NAME>` in the environment and `<name>` in the TOML file.

    The environment wins. The file is `MUSTER_CONFIG`, or `muster.toml` in the home.
    """

    home: Path = _setting(Path("~/.muster"), "folder for all state: database, images, logs")
    listen: str = _setting("127.0.0.1:8778", "address and port of the API, host:port")
    database_url: str = _setting("", "sqlite:///... or postgresql://...; empty: SQLite in the home")
    secrets_file: str = _setting(
        "", "keys that seal what is secret in the database; empty: secrets.key in the home"
    )
    default_cloud: str = _setting("local", "cloud of a cluster that names none")
    identity: str = _setting("none", "who may ask: none (loopback only), basic, keystone")
    users_file: str = _setting("", "users for identity basic; empty: users.toml in the home")
    keystone_url: str = _setting("", "Keystone for identity keystone, https://host:5000")
    keystone_username: str = _setting("", "as whom Muster asks Keystone about others' tokens")
    keystone_password: str = _setting("", "of that user")
    keystone_project: str = _setting("", "of that user, for example service")
    keystone_user_domain: str = _setting("Default", "that user's domain")
    keystone_project_domain: str = _setting("Default", "that project's domain")
    keystone_ca: str = _setting("", "PEM file that Keystone's certificate is verified with")
    keystone_remember_s: float = _setting(
        300.0, "a token that was good is not asked about again for so long"
    )
    os_cloud: str = _setting("", "instead of keystone_...: an entry of clouds.yaml")
    os_clouds_file: str = _setting("", "that clouds.yaml; empty: where OpenStack's clients look")
    rules_file: str = _setting("", "TOML: who may do what, where it differs from `muster rules`")
    public_url: str = _setting("", "where webhooks reach this; empty: where their maker did")
    webhooks_per_minute: float = _setting(60.0, "calls of one webhook; more are told to wait")
    tls_certificate: str = _setting("", "PEM file; with tls_key the API is served by HTTPS")
    tls_key: str = _setting("", "PEM file")
    log_level: str = _setting("info", "debug, info, warning, error")
    log_format: str = _setting("auto", "json, text, auto")
    max_cluster_size: int = _setting(1000, "nodes per cluster")
    max_clusters: int = _setting(1000, "clusters per project")
    passes_at_once: int = _setting(8, "clusters that one engine works on at a time")
    lease_s: float = _setting(10.0, "after this long without a word an engine's work is taken over")
    stray_grace_s: float = _setting(0.0, "before a stray server is removed; 0: the cloud's own")
    sweep_every_s: float = _setting(300.0, "every cluster is looked at at least this often")
    keep_events_days: int = _setting(30, "events, decisions and ended actions older than this go")
    health_check_interval_min: int = _setting(
        60, "health policies may not ask for checks more often than this many seconds"
    )
    delete_with_dependency: bool = _setting(
        False, "a cluster of the clustering API goes with its policies and receivers, unasked"
    )
    name_unique: bool = _setting(
        False, "two things of one kind made by the clustering API may not share a name"
    )
    door: str = _setting(
        "", "address and port where machines become members of the default cloud; empty: nowhere"
    )
    clouds: Mapping[str, Mapping[str, Any]] = _setting({}, "clouds beyond the built-in ones")

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'muster.db'}"

    @property
    def keys(self) -> Path:
        return Path(self.secrets_file) if self.secrets_file else self.home / "secrets.key"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in force. Raises `Invalid` naming the line or variable at fault."""
    home = Path(environ.get("MUSTER_HOME") or "~/.muster").expanduser().absolute()
    path = Path(environ.get("MUSTER_CONFIG") or home / "muster.toml")
    said = _file(path) if path.exists() or "MUSTER_CONFIG" in environ else {}
    values: dict[str, Any] = {}
    for each in fields(Settings):
        name = f"MUSTER_{each.name.upper()}"
        if each.name in said:
            values[each.name] = _parsed(each.name, each.default, said[each.name], str(path))
        if environ.get(name):
            said_here = _inline(name, environ[name]) if each.name == "clouds" else environ[name]
            values[each.name] = _parsed(each.name, each.default, said_here, name)
    values["home"] = home if "MUSTER_HOME" in environ or "home" not in said else values["home"]
    return _checked(Settings(**values))


def _inline(name: str, said: str) -> Any:
    """Return a table written on one line, as in the file: {sim = {kind = "simulated"}}."""
    try:
        return tomllib.loads(f"it = {said}")["it"]
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{name}: {error}", field=name) from None


def _file(path: Path) -> dict[str, Any]:
    try:
        said = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{path}: {error}", field=str(path)) from None
    known = {each.name for each in fields(Settings)}
    for name in said:
        if name not in known:
            raise Invalid(f"{path}: no setting is called {name!r}", field=name)
    return said


def _parsed(name: str, default: Any, said: Any, where: str) -> Any:
    kind = dict if default is MISSING else type(default)
    try:
        if isinstance(default, Path):
            return Path(said).expanduser().absolute()
        if kind in (int, float):
            return _number(kind, said)
        if kind is bool:
            return _truth(said)
        if not isinstance(said, kind):
            raise ValueError(f"must be {kind.__name__}")
        return said
    except (TypeError, ValueError) as error:
        raise Invalid(f"{where}: {name}: {error}", field=name) from None


def _truth(said: Any) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    word = str(said).strip().lower()
    if word not in words:
        raise ValueError(f"must be true or false, not {said!r}")
    return words[word]


def _number(kind: type, said: Any) -> Any:
    try:
        number = kind(said)
    except (TypeError, ValueError):
        raise ValueError(f"must be a number ({kind.__name__}), not {said!r}") from None
    if isinstance(said, bool) or (not isinstance(said, str) and number != said):
        raise ValueError(f"must be a number ({kind.__name__}), not {said!r}")
    if not 0 <= number < float("inf"):
        raise ValueError(f"must be 0 or more, not {said}")
    return number


def _checked(settings: Settings) -> Settings:
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise Invalid(f"listen must be host:port, not {settings.listen!r}", field="listen")
    host, _, port = settings.door.rpartition(":")
    if settings.door and not (host and port.isdigit() and 0 < int(port) <= 65535):
        raise Invalid(f"door must be host:port, not {settings.door!r}", field="door")
    for name in ("lease_s", "passes_at_once", "max_cluster_size"):
        if not getattr(settings, name):
            raise Invalid(f"{name} must be more than 0", field=name)
    for name, said in settings.clouds.items():
        if not isinstance(said, Mapping):
            raise Invalid(f"clouds.{name} must be a table, not {said!r}", field=f"clouds.{name}")
    if settings.log_format not in ("auto", "json", "text"):
        raise Invalid("log_format must be auto, json or text", field="log_format")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise Invalid("log_level must be debug, info, warning or error", field="log_level")
    return settings
