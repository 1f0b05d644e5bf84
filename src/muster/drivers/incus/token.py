"""A trust token of Incus: what it says, and what is wrong with what is none."""

import binascii
import json
from base64 import b64decode
from dataclasses import dataclass

from muster.base.errors import Invalid

MAKE_ONE = "make one on a server with: incus config trust add NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    fingerprint: str
    urls: tuple[str, ...]
    text: str


def read(said: str) -> Token:
    """Return what the token says. Raises `Invalid` for anything else, never showing it."""
    text = "".join(said.split())
    try:
        told = json.loads(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise Invalid(f"this is no trust token; {MAKE_ONE}", field="token") from None
    if not isinstance(told, dict) or not {"fingerprint", "addresses", "secret"} <= told.keys():
        raise Invalid(f"this is no trust token; {MAKE_ONE}", field="token")
    if told.get("server_name"):
        text = f"this token is for a server to join a cluster, not for a client; {MAKE_ONE}"
        raise Invalid(text, field="token")
    urls = tuple(f"https://{each}" for each in told["addresses"])
    return Token(fingerprint=str(told["fingerprint"]).lower(), urls=urls, text=text)
