"""What a machine takes to register itself: the documents of a seed, as an archive or a script."""

import io
import json
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from muster.model.machine_token import Seed

PARTS = ("applications", "install", "migration_manager", "network", "operations_center")
OWN = ("incus", "update", "provider")  # which are written here, and by nobody else
FORMS = ("tar", "json", "script")
SOCKET = "/run/incus-os/unix.socket"
VERSION = "1"


def faults(parts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every part of a seed that cannot be, with why."""
    for name, said in parts.items():
        if name in OWN:
            yield name, "is written by this server itself"
        elif name not in PARTS:
            yield name, f"must be one of {', '.join(PARTS)}"
        elif not isinstance(said, Mapping):
            yield name, "must be an object"
    wanted = parts.get("applications")
    if isinstance(wanted, Mapping) and _names(wanted) is None:
        yield "applications.applications", 'must be a list such as [{"name": "incus"}]'


def _names(said: Mapping[str, Any]) -> list[str] | None:
    listed = said.get("applications")
    if not isinstance(listed, list | tuple):
        return None
    names = [each.get("name") if isinstance(each, Mapping) else None for each in listed]
    return [str(each) for each in names] if all(isinstance(e, str) and e for e in names) else None


def documents(seed: Seed, provider: Mapping[str, str], channel: str) -> dict[str, Any]:
    """Return every document of a seed by its name, as IncusOS knows them.

    `provider` is where a machine registers, and by what.
    """
    update: dict[str, Any] = {"auto_reboot": False, "check_frequency": "never"}
    if channel:
        update["channel"] = channel
    own = {
        "incus": {"apply_defaults": False},
        "update": update,
        "provider": {"name": "operations-center", "config": dict(provider)},
    }
    said = {name: each for name, each in seed.parts.items() if isinstance(each, Mapping)}
    return {
        name.replace("_", "-"): {"version": VERSION, **each}
        for name, each in sorted({**said, **own}.items())
    }


def formed(documents: Mapping[str, Any], form: str, now: datetime) -> bytes:
    """Return documents as they are handed out."""
    if form == "tar":
        return _archive(documents, now)
    text = script(documents) if form == "script" else json.dumps(documents, indent=2)
    return text.encode()


def _archive(documents: Mapping[str, Any], now: datetime) -> bytes:
    """Return a tar with a file for each document."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, each in documents.items():
            body = f"{json.dumps(each, indent=2)}\n".encode()
            about = tarfile.TarInfo(f"{name}.json")
            about.size, about.mode, about.mtime = len(body), 0o600, int(now.timestamp())
            tar.addfile(about, io.BytesIO(body))
    return made.getvalue()


_SCRIPT = """\
#!/bin/sh
# Has the agent of this Debian or Ubuntu be as its seed says, and register itself. Run it as root.
set -eu
socket={socket}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
tell() {{ # method, path, a status that is well beside those of success; the body comes by itself
    code=$(curl -sS -o "$said" -w '%{{http_code}}' --unix-socket "$socket" -X "$1" \\
        -H 'Content-Type: application/json' --data-binary @- "http://agent/1.0/$2")
    case "$code" in
    2* | "$3") ;;
    *) echo "$1 $2: $code" >&2; cat "$said" >&2; exit 1 ;;
    esac
}}
for _ in $(seq 60); do [ -S "$socket" ] && break; sleep 1; done
[ -S "$socket" ] || {{ echo "no agent at $socket: start 'muster agent' first" >&2; exit 1; }}
"""


# Note [What a script leaves out]
# A machine with Debian or Ubuntu has its system: there is nothing to install it on, and it is
# neither a migration manager nor the center itself. So those documents are left out, which is said.
def script(documents: Mapping[str, Any]) -> str:
    """Return a seed as what a running machine does. See Note [What a script leaves out]."""
    lines = [_SCRIPT.format(socket=shlex.quote(SOCKET))]
    lines += [f"# {name}: means nothing here\n" for name in sorted(set(documents) - _TOLD)]
    for name in _names(documents.get("applications", {})) or ():
        lines.append(_told("POST", "applications", {"name": name}, well=409))
    for name in ("network", "update", "provider"):
        said = documents.get(name)
        if said is not None:
            config = {key: value for key, value in said.items() if key != "version"}
            lines.append(_told("PUT", f"system/{name}", {"config": config}))
    return "".join(lines)


_TOLD = frozenset({"applications", "network", "update", "provider", "incus"})


def _told(method: str, path: str, body: Any, well: int = 200) -> str:
    """Return one call; its body is a line of JSON, which the line at its end is none of."""
    return f"tell {method} {path} {well} <<'END OF IT'\n{json.dumps(body)}\nEND OF IT\n"
