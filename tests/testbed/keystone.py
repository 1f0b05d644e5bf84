"""A real Keystone for tests: as released, over SQLite, on loopback, thrown away afterwards."""

import base64
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from freeports import free_port
from guard import dying_with
from testbed.environments import environment

SERVER = Path(__file__).parent / "keystone_server.py"
PASSWORD = "secret"
SETTINGS = """
[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.db
[fernet_tokens]
key_repository = {folder}/keys
[fernet_receipts]
key_repository = {folder}/keys
[credential]
key_repository = {folder}/keys
[identity]
password_hash_rounds = 4
[token]
expiration = {expiration}
[oslo_messaging_notifications]
driver = noop
"""


@dataclass
class Keystone:
    """One Keystone that answers, and what an administrator does with it."""

    folder: Path
    port: int
    environ: dict[str, str]
    program: Path
    process: "subprocess.Popen[bytes] | None" = None
    _token: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program / "python", "-P", SERVER, str(self.port)],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dying_with(),
            )
        _await(self)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the answer to something only an administrator may."""
        self._token = self._token or self.token("admin", "admin")
        url, headers = f"{self.url}/v3{path}", {"X-Auth-Token": self._token}
        answer = httpx2.request(method, url, json=body, headers=headers, timeout=120)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def project(self, name: str) -> str:
        made = self.call("POST", "/projects", {"project": {"name": name, "domain_id": "default"}})
        return str(made["project"]["id"])

    def user(self, name: str, **roles: str) -> str:
        """Make a user who has one role in each of these projects, and return his id."""
        body = {"name": name, "password": PASSWORD, "domain_id": "default"}
        id = str(self.call("POST", "/users", {"user": body})["user"]["id"])
        projects = {p["name"]: p["id"] for p in self.call("GET", "/projects")["projects"]}
        known = {r["name"]: r["id"] for r in self.call("GET", "/roles")["roles"]}
        for project, role in roles.items():
            self.call("PUT", f"/projects/{projects[project]}/users/{id}/roles/{known[role]}")
        return id

    def token(self, user: str, project: str | None = None) -> str:
        """Return a token as any client gets one; without a project it is scoped to nothing."""
        domain = {"id": "default"}
        who = {"name": user, "domain": domain, "password": PASSWORD}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": who}}}
        if project is not None:
            auth["scope"] = {"project": {"name": project, "domain": domain}}
        else:
            auth["scope"] = "unscoped"
        answer = httpx2.post(f"{self.url}/v3/auth/tokens", json={"auth": auth}, timeout=120)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["x-subject-token"])

    def credential(self, user: str, project: str = "service") -> dict[str, str]:
        """Return an application credential of a user, as clouds.yaml names it."""
        mine = {"X-Auth-Token": self.token(user, project)}
        who = httpx2.get(
            f"{self.url}/v3/auth/tokens",
            headers={**mine, "X-Subject-Token": mine["X-Auth-Token"]},
            timeout=120,
        ).json()["token"]["user"]["id"]
        answer = httpx2.post(
            f"{self.url}/v3/users/{who}/application_credentials",
            json={"application_credential": {"name": f"of-{user}"}},
            headers=mine,
            timeout=120,
        )
        assert answer.status_code == 201, answer.text
        made = answer.json()["application_credential"]
        return {
            "auth_url": self.url,
            "application_credential_id": made["id"],
            "application_credential_secret": made["secret"],
        }

    def revoke(self, token: str) -> None:
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        answer = httpx2.delete(f"{self.url}/v3/auth/tokens", headers=headers, timeout=120)
        assert answer.status_code == 204, answer.text


@contextmanager
def running(expiration_s: int = 3600) -> Iterator[Keystone]:
    """Run a Keystone of its own with one administrator, or skip saying what is missing."""
    environment_ = environment("keystone")
    folder = Path(tempfile.mkdtemp(prefix="muster-keystone-"))
    try:
        (folder / "keystone.conf").write_text(
            SETTINGS.format(folder=folder, expiration=expiration_s)
        )
        _make_keys(folder / "keys")
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "PYTHON"))}
        environ = {**plain, "OS_KEYSTONE_CONFIG_FILES": str(folder / "keystone.conf")}
        made = Keystone(folder, free_port(), environ, environment_ / "bin")
        _make_database(made, environment_ / "keystone.db")
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_keys(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for number in ("0", "1"):
        key = folder / number
        key.touch(mode=0o600)
        key.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))


def _make_database(made: Keystone, kept: Path) -> None:
    """Copy the database that an earlier run has made, or make it; a third of a minute else."""
    database = made.folder / "keystone.db"
    if not kept.exists():
        _manage(made, "db_sync")
        _manage(made, "bootstrap", "--bootstrap-password", PASSWORD)
        new = kept.with_suffix(f".{os.getpid()}")
        shutil.copy(database, new)
        new.replace(kept)
    shutil.copy(kept, database)


def _manage(made: Keystone, *words: str) -> None:
    say = [made.program / "keystone-manage", "--config-file", made.folder / "keystone.conf", *words]
    done = subprocess.run(say, env=made.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _await(made: Keystone) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert made.process is not None
        assert made.process.poll() is None, (made.folder / "server.log").read_text()
        try:
            if httpx2.get(f"{made.url}/v3", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError((made.folder / "server.log").read_text())
