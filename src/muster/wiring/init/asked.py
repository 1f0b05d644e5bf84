"""What a machine is to become: by options, by a preseed file, or by asking."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from muster.base.errors import Invalid
from muster.cli import questions
from muster.client.door import Doorstep
from muster.decide.founding import DOOR_PORT, wrong_address
from muster.model.enrolment import read_string
from muster.model.founding import Role, Wish

PRESEED = (
    "role",
    "join",
    "password",
    "control_address",
    "address",
    "name",
    "uplink",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said so far; "" is what was not."""

    role: str = ""
    join: str = ""
    password: str = ""
    control_address: str = ""
    address: str = ""
    name: str = ""
    uplink: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All that is needed; the secrets beside the wish, which is written down."""

    wish: Wish
    secret: str = ""
    step: Doorstep | None = None


def preseed(file: Path) -> dict[str, str]:
    """Return what a preseed file says. Raises `Invalid` naming what it must not."""
    try:
        said = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Invalid(f"{file}: {error}", field="preseed") from None
    if not isinstance(said, dict):
        raise Invalid(f"{file}: must be a table of {', '.join(PRESEED)}", field="preseed")
    for name, value in said.items():
        if name not in PRESEED:
            known = ", ".join(PRESEED)
            raise Invalid(f"{file}: there is no '{name}'; there is {known}", field=str(name))
        if not isinstance(value, str):
            raise Invalid(f"{file}: {name} must be a text", field=str(name))
    if said.get("role", Role.ALONE) not in set(Role):
        text = f"{file}: role must be control, compute or alone, not '{said['role']}'"
        raise Invalid(text, field="role")
    return dict(said)


def own_name() -> str:
    return socket.gethostname().partition(".")[0].lower()


def without_asking(said: Said, addresses: tuple[str, ...]) -> Answers:
    """Return the answers. Raises `Invalid` for what is missing or goes together badly."""
    if not said.role:
        text = "say which role: --control, or --compute --join STRING"
        raise Invalid(text, field="role")
    role = Role(said.role)
    if role is not Role.COMPUTE:
        if said.join:
            text = "--join is for --compute: there is one control machine, which joins nobody"
            raise Invalid(text, field="join")
        return _control(said, role, addresses)
    if not said.join and not (said.password and said.control_address):
        text = (
            "--compute needs --join STRING (muster add-compute on the control machine prints one), "
            "or --password-file with --control-address"
        )
        raise Invalid(text, field="join")
    return _compute(said, addresses)


def _control(said: Said, role: Role, addresses: tuple[str, ...]) -> Answers:
    wish = Wish(
        role=role,
        name=said.name or own_name(),
        address=said.address or next(iter(addresses), ""),
        uplink=said.uplink,
        password=bool(said.password),
    )
    return Answers(wish=wish, secret=said.password)


def _compute(said: Said, addresses: tuple[str, ...]) -> Answers:
    if said.join:
        step = Doorstep.of(read_string(said.join))
    else:
        step = Doorstep(address=with_port(said.control_address), secret=said.password)
    wish = Wish(
        role=Role.COMPUTE,
        name=said.name or own_name(),
        address=said.address or next(iter(addresses), ""),
        control=step.address,
    )
    return Answers(wish=wish, step=step)


def by_asking(said: Said, before: Mapping[str, Any], addresses: tuple[str, ...]) -> Answers:
    """Return the answers of whoever sits at the terminal; those of before are the defaults."""
    was = str(before.get("role", ""))
    own = str(before.get("address") or next(iter(addresses), ""))
    clustered = questions.yes_or_no(
        "Do you want to setup clustering?", was in (Role.CONTROL, Role.COMPUTE)
    )
    if not clustered:
        return _control(_with(said, role=Role.ALONE), Role.ALONE, addresses)
    usual = was if was in (Role.CONTROL, Role.COMPUTE) else ""
    role = said.role or questions.one_of(
        "What is this machine's role?", (Role.CONTROL, Role.COMPUTE), usual
    )
    password = said.password
    if not (password or said.join):
        password = questions.hidden_twice(
            "Please enter a cluster password", "Please re-enter password"
        )
    said = _with(said, role=role, password=password)
    if role == Role.CONTROL:
        asked = "Please enter the ip address of the control node"
        address = said.address or questions.words(asked, own, _own(addresses))
        return _control(_with(said, address=address), Role.CONTROL, addresses)
    control = said.control_address
    if not (control or said.join):
        known = str(before.get("control", "")).rpartition(":")[0]
        asked = "Please enter the ip address of the control node"
        control = questions.words(asked, known, _door)
    asked = "Please enter the ip address of this node"
    address = said.address or questions.words(asked, own, _own(addresses))
    return _compute(_with(said, control_address=control, address=address), addresses)


def may_install() -> bool:
    return questions.yes_or_no("Incus is not installed. Install it now?", True)


def with_port(said: str) -> str:
    """Return an address of a door as host:port."""
    bare = said.strip("[]")
    if ":" in bare and not wrong_address(bare):
        return f"[{bare}]:{DOOR_PORT}"
    return said if ":" in said else f"{said}:{DOOR_PORT}"


def password_of(file: str) -> str:
    """Return the first line of a file, of standard input for -."""
    try:
        said = sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise Invalid(f"{file}: {error.strerror or error}", field="password-file") from None
    password = said.partition("\n")[0].rstrip("\r")
    if not password:
        raise Invalid(f"{file} holds no password", field="password-file")
    return password


def asks_nobody() -> bool:
    return not os.isatty(0)


def _own(addresses: tuple[str, ...]) -> questions.Check:
    def check(said: str) -> str:
        if wrong := wrong_address(said):
            return wrong
        has = ", ".join(addresses) or "none that others could reach"
        return "" if said in addresses else f"{said} is no address of this machine; it has {has}"

    return check


def _door(said: str) -> str:
    host = said.rpartition(":")[0] if said.count(":") == 1 else said
    return wrong_address(host.strip("[]")) if host else "An address is needed."


def _with(said: Said, **but: str) -> Said:
    return replace(said, **but)
