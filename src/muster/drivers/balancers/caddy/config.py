"""What Caddy is told: one front, its slots, its logs; nothing that goes outside."""

from pathlib import Path
from typing import Any

from muster.drivers.balancers.caddy.folder import Run
from muster.drivers.balancers.caddy.slots import Kept
from muster.drivers.balancers.child import LISTENER
from muster.model.pool import Front, MonitorKind, Persistence, Traffic

ACCESS_LOG = "access.log"
HEALTH_LOG = "health.log"
CADDY_LOG = "caddy.log"
COOKIE = "muster"  # which member a client is kept with

CHECK_EVERY_S = 1.0
CHECK_FAILS = 2

_HEALTH_LOGGER = "http.handlers.reverse_proxy.health_checker.active"
POLICIES = {
    "least_conn": "least_conn",
    "round_robin": "round_robin",
    "source_ip": "ip_hash",
}


# Ranges that are a whole class, as Caddy names it.
CLASSES = {f"{first}00-{first}99": first for first in range(1, 6)}


def caddy_config(kept: Kept, storage: Path, run: Run) -> dict[str, Any]:
    """Return the whole configuration of one pool's Caddy, paths relative to its folder."""
    secure = kept.front.traffic is Traffic.HTTPS
    server: dict[str, Any] = {
        "listen": [f"fd/{{env.{LISTENER}}}"],
        "protocols": ["h1", "h2"] if secure else ["h1"],
        "automatic_https": {"disable": True},
        "logs": {},
        "routes": [{"handle": [_NAMED_IN_LOG, _proxy(kept, run)]}],
    }
    apps: dict[str, Any] = {"http": {"grace_period": "30s", "servers": {"front": server}}}
    if secure:
        apps["tls"], policy = _tls(kept)
        server["tls_connection_policies"] = [policy]
        apps["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    return {
        "admin": {"listen": f"unix/{run.admin}", "config": {"persist": False}},
        "storage": {"module": "file_system", "root": str(storage)},
        "logging": {"logs": _LOGS},
        "apps": apps,
    }


_NAMED_IN_LOG = {
    "handler": "log_append",
    "key": "to",
    "value": "{http.reverse_proxy.upstream.hostport}",
}


# Note [Patience]
# Only what cannot have reached a member is sent again: a connection that was not made,
# and GET. Connections to members rest one second at most, because a member closes idle
# ones after its own time, often five seconds, and what is sent at that moment is lost.
def _proxy(kept: Kept, run: Run) -> dict[str, Any]:
    """See Note [Patience]."""
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{{file.slots/{slot}}}"} for slot in range(kept.size)],
        "load_balancing": {
            "selection_policy": _selection(kept.front),
            "try_duration": "3s",
            "try_interval": "10ms",
        },
        "health_checks": {
            **_active(kept.front),
            "passive": {"fail_duration": "1s", "max_fails": 1},
        },
        "headers": {"response": {"set": {"Connection": [f"{{file.{run.manners}}}"]}}},
        "stream_close_delay": "1h",
        "transport": {
            "protocol": "http",
            "dial_timeout": "2s",
            "keep_alive": {"idle_timeout": "1s", "max_idle_conns_per_host": 64},
        },
    }


def _selection(front: Front) -> dict[str, Any]:
    by_load = {"policy": POLICIES.get(front.method, "least_conn")}
    if front.persistence is Persistence.SOURCE_IP:
        return {"policy": "ip_hash"}
    if front.persistence is Persistence.HTTP_COOKIE:
        return {"policy": "cookie", "name": front.cookie or COOKIE, "fallback": by_load}
    return by_load


def _active(front: Front) -> dict[str, Any]:
    """Return how Caddy asks its members; nothing where a connection or less is enough."""
    monitor = front.monitor
    if monitor.kind is not MonitorKind.HTTP:
        return {}
    checks: dict[str, Any] = {
        "uri": front.health_path,
        "interval": f"{CHECK_EVERY_S}s",
        "timeout": f"{monitor.timeout_s or 2:g}s",
        "fails": CHECK_FAILS,
        "passes": 1,
    }
    if monitor.method != "GET":
        checks["method"] = monitor.method
    if monitor.codes:
        checks["expect_status"] = CLASSES.get(monitor.codes) or int(monitor.codes)
    return {"active": checks}


def _tls(kept: Kept) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the TLS app and the connection policy: a given certificate, or one of our own."""
    quiet: dict[str, Any] = {"disable_ocsp_stapling": True, "disable_storage_clean": True}
    if kept.front.certificate:
        pair = {"certificate": kept.front.certificate, "key": kept.front.key, "tags": ["front"]}
        app = quiet | {"certificates": {"load_pem": [pair]}}
        return app, {"certificate_selection": {"any_tag": ["front"]}}
    names = names_of(kept)
    ours = {"subjects": names, "issuers": [{"module": "internal"}]}
    app = quiet | {"certificates": {"automate": names}, "automation": {"policies": [ours]}}
    return app, {"default_sni": kept.address, "fallback_sni": kept.address}


def names_of(kept: Kept) -> list[str]:
    """Return what our own authority's certificate for this front is made out to."""
    return [kept.address, *([kept.front.dns_name] if kept.front.dns_name else [])]


def _log(name: str, size_mb: int, keep: int) -> dict[str, Any]:
    return {
        "output": "file",
        "filename": name,
        "roll_size_mb": size_mb,
        "roll_keep": keep,
        "roll_gzip": False,
    }


_BARE = {"format": "json", "message_key": "", "level_key": "", "name_key": "", "time_key": ""}
_GONE = {"filter": "delete"}
_UNASKED = ("request", "resp_headers", "user_id", "bytes_read", "size")

_LOGS: dict[str, Any] = {
    "default": {
        "writer": _log(CADDY_LOG, 1, 1),
        "level": "WARN",
        "exclude": ["http.log.access", _HEALTH_LOGGER],
    },
    "access": {
        "writer": _log(ACCESS_LOG, 8, 4),
        "include": ["http.log.access"],
        "encoder": {
            "format": "filter",
            "wrap": _BARE,
            "fields": {name: _GONE for name in _UNASKED},
        },
    },
    "health": {
        "writer": _log(HEALTH_LOG, 1, 1),
        "level": "INFO",
        "include": [_HEALTH_LOGGER],
        "encoder": {
            "format": "filter",
            "wrap": _BARE | {"message_key": "msg", "time_key": "ts"},
            "fields": {"error": _GONE, "status_code": _GONE},
        },
    },
}
