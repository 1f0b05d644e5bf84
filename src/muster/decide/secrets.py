"""What is secret in what servers are told: shown as there, and by its digest, never as itself."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

# Under these names stands what nobody is shown, wherever in a document.
SECRET = frozenset(
    {
        "auth_key",
        "chap_password",
        "encryption_recovery_keys",
        "key",
        "password",
        "preshared_key",
        "private_key",
        "secret",
        "server_token",
        "setup_key",
        "tls_client_key",
        "tls_server_key",
        "wakeonlan_password",
    }
)
_MASK = frozenset({"set", "sha256"})


def masked(said: Any) -> Any:
    """Return a document of JSON with every secret in it replaced; twice is as once."""
    if isinstance(said, Mapping):
        return {
            name: _mask(each) if name in SECRET and each not in ("", None) else masked(each)
            for name, each in said.items()
        }
    return [masked(each) for each in said] if isinstance(said, list | tuple) else said


def _mask(said: Any) -> Any:
    if isinstance(said, list | tuple):
        return [_mask(each) for each in said]
    if isinstance(said, Mapping):
        return dict(said) if set(said) == _MASK else masked(said)
    return {"set": True, "sha256": sha256(str(said).encode()).hexdigest()}


def has_masks(said: Any) -> bool:
    """Return whether a mask stands for a secret anywhere in a document."""
    if isinstance(said, Mapping):
        return set(said) == _MASK or any(has_masks(each) for each in said.values())
    return isinstance(said, list | tuple) and any(has_masks(each) for each in said)


def unmasked(said: Any, old: Any) -> Any:
    """Return what was said with the secrets of an older document where their masks stand."""
    known = dict(_known(old))

    def put_back(part: Any) -> Any:
        if isinstance(part, Mapping):
            if set(part) == _MASK and part["sha256"] in known:
                return known[part["sha256"]]
            return {name: put_back(each) for name, each in part.items()}
        return [put_back(each) for each in part] if isinstance(part, list) else part

    return put_back(said)


def _known(said: Any, secret: bool = False) -> Iterator[tuple[str, str]]:
    """Yield every secret of a document by its digest."""
    if isinstance(said, Mapping):
        for name, each in said.items():
            yield from _known(each, name in SECRET)
    elif isinstance(said, list | tuple):
        for each in said:
            yield from _known(each, secret)
    elif secret:
        yield _mask(said)["sha256"], said
