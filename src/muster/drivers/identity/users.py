"""The users file: names, hashed passwords, and which roles each has in which project."""

import fcntl
import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import scrypt
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes
from tomllib import TOMLDecodeError, loads
from typing import Any

from muster.base.errors import Conflict, Invalid, NotFound
from muster.model.who import RIGHTS

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_COST = 2**14


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    name: str
    password: str  # hashed: scrypt$cost$salt$hash
    projects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # to roles, first default


def hashed(password: str) -> str:
    """Return what may be kept of a password."""
    salt = token_bytes(16)
    kept = scrypt(password.encode(), salt=salt, n=_COST, r=8, p=1)
    return f"scrypt${_COST}${b64encode(salt).decode()}${b64encode(kept).decode()}"


def verified(password: str, kept: str) -> bool:
    """Whether that is the password; takes as long for a wrong one."""
    try:
        _, cost, salt, digest = kept.split("$")
        made = scrypt(password.encode(), salt=b64decode(salt), n=int(cost), r=8, p=1)
        return compare_digest(made, b64decode(digest))
    except ValueError:
        return False


def load(path: Path) -> Mapping[str, User]:
    """Return the users of the file by name. Raises `Invalid` naming what is wrong with it."""
    try:
        said = loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, TOMLDecodeError) as error:
        raise Invalid(f"{path}: {error}", field=str(path)) from None
    users = said.get("users", {})
    if not isinstance(users, dict):
        raise Invalid(f"{path}: users must be a table", field="users")
    return {name: _user(path, name, each) for name, each in users.items()}


def _user(path: Path, name: str, said: Any) -> User:
    projects = said.get("projects", {}) if isinstance(said, dict) else None
    if not isinstance(projects, dict) or not isinstance(said.get("password"), str):
        raise Invalid(f"{path}: user {name!r} needs password and projects", field=name)
    for project, roles in projects.items():
        if not isinstance(roles, list) or not set(roles) <= set(RIGHTS):
            known = ", ".join(RIGHTS)
            text = f"{path}: roles of {name!r} in {project!r} must be among {known}"
            raise Invalid(text, field=name)
    kept = {project: tuple(roles) for project, roles in projects.items()}
    return User(name=name, password=said["password"], projects=kept)


def add_user(path: Path, name: str, password: str, projects: Mapping[str, tuple[str, ...]]) -> None:
    """Add a user to the file, made if need be. Raises `Conflict` if the name is taken."""
    if not _NAME.fullmatch(name):
        text = "a user's name is up to 64 letters, digits and _.@-, beginning with one of the first"
        raise Invalid(text, field="name")
    if len(password) < 8:
        raise Invalid("a password has at least 8 characters", field="password")
    _check_projects(projects)
    user = User(name=name, password=hashed(password), projects=projects)
    with _changing(path) as users:
        if name in users:
            raise Conflict(f"there is a user {name!r} already", field="name")
        users[name] = user


def _check_projects(projects: Mapping[str, tuple[str, ...]]) -> None:
    if not projects:
        raise Invalid("a user needs at least one project", field="projects")
    for project, roles in projects.items():
        if not _NAME.fullmatch(project):
            raise Invalid(f"{project!r} cannot be a project's name", field="projects")
        for role in roles:
            if role not in RIGHTS:
                known = ", ".join(RIGHTS)
                raise Invalid(f"there is no role {role!r}; there is {known}", field="projects")


def set_password(path: Path, name: str, password: str) -> None:
    if len(password) < 8:
        raise Invalid("a password has at least 8 characters", field="password")
    with _changing(path) as users:
        _refuse_unknown(users, name)
        old = users[name]
        users[name] = User(name=name, password=hashed(password), projects=old.projects)


def remove_user(path: Path, name: str) -> None:
    with _changing(path) as users:
        _refuse_unknown(users, name)
        del users[name]


def _refuse_unknown(users: Mapping[str, User], name: str) -> None:
    if name not in users:
        raise NotFound(f"there is no user {name!r}")


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, User]]:
    """Give the users to change, alone; what they are then replaces the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        users = dict(load(path))
        yield users
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        with new.open("w") as file:
            file.write(_toml(users))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


def _toml(users: Mapping[str, User]) -> str:
    """Return the file's text. JSON strings and lists of them are TOML too."""
    said = ["# Who may ask. Written by `muster user`; read again whenever it changes.\n"]
    for user in users.values():
        said.append(f"[users.{json.dumps(user.name)}]\npassword = {json.dumps(user.password)}")
        said.append(f"[users.{json.dumps(user.name)}.projects]")
        said += [f"{json.dumps(k)} = {json.dumps(list(v))}" for k, v in user.projects.items()]
        said.append("")
    return "\n".join(said)
