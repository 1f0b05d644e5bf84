"""Secrets that are shown once: made by chance, kept as digests."""

from hashlib import sha256
from hmac import compare_digest
from secrets import token_bytes, token_urlsafe


def new_secret() -> str:
    return token_urlsafe(32)


def new_key(size: int) -> bytes:
    """Return so many bytes that nobody can guess."""
    return token_bytes(size)


def digest(secret: str) -> str:
    """Return what may be kept of a secret. It was made by chance, so no salt is needed."""
    return sha256(secret.encode()).hexdigest()


def matches(secret: str, kept: str) -> bool:
    return compare_digest(digest(secret), kept)
