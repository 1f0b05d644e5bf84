"""Two ends that prove to each other that they know a secret, and show it to nobody.

Each makes an `End`, they exchange their shares, and each gets a `Line`: what one seals, the
other opens, if both know the secret and mean the same channel. What goes to and fro tells
nobody anything, not even enough to try passwords at home.
"""

import os
from dataclasses import dataclass
from hashlib import scrypt, sha256
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

COST = 1 << 15  # 32 MiB and a tenth of a second: nothing for one guess, much for a million
COSTS = range(1 << 4, (1 << 17) + 1)  # what whoever joins lets himself be asked for
_BLOCK = 8
_JOINER, _KEEPER = b"muster: from who joins", b"muster: from who keeps"


class Mismatch(Exception):
    """The other end knows another secret, means another channel, or talks nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a key is made of a secret. No secret itself."""

    salt: str
    cost: int = COST


def new_terms(cost: int = COST) -> Terms:
    return Terms(salt=os.urandom(16).hex(), cost=cost)


# Note [What is kept of a secret]
# Of the secret a slow function makes a key, and a hash of the key is all that is kept. Both
# ends put that hash into the exchange, so one who has stolen it could begin like a machine
# that joins; but it then has to show the key, under the line, which nobody can make of the
# hash. Stolen rows let nobody in.
def key_of(secret: str, terms: Terms) -> bytes:
    """Return the key. See Note [What is kept of a secret]. Raises `Mismatch` for absurd terms."""
    if terms.cost not in COSTS or terms.cost & (terms.cost - 1):
        raise Mismatch("the terms are not to be worked with")
    salt, memory = bytes.fromhex(terms.salt), 256 * _BLOCK * terms.cost
    return scrypt(secret.encode(), salt=salt, n=terms.cost, r=_BLOCK, p=1, maxmem=memory, dklen=32)


def kept_of(key: bytes) -> str:
    return sha256(key).hexdigest()


def opens(key: bytes, kept: str) -> bool:
    """Return whether this is the key of which that was kept."""
    return compare_digest(kept_of(key), kept)


# Note [Bound to the channel]
# The channel is the certificate that the one end showed and the other saw. It goes into the
# keys: somebody in between who shows a certificate of his own, and hands everything else on
# as it is, gives the two ends different keys, and neither opens what the other has sealed.
class End:
    """One end of one exchange. See Note [Bound to the channel]."""

    def __init__(self, kept: str, channel: str, *, joins: bool) -> None:
        side = SPAKE2_A if joins else SPAKE2_B
        self._pake = side(kept.encode(), idA=b"muster", idB=channel.encode())
        self._joins = joins
        self.share: bytes = self._pake.start()

    def met(self, share: bytes) -> "Line":
        """Return the line to whoever sent that share. Whether it is the right one shows there."""
        try:
            key = self._pake.finish(share)
        except (SPAKEError, NotOnCurve, ValueError, AssertionError, IndexError) as error:
            raise Mismatch(f"not a share: {error}") from None
        ours, theirs = (_JOINER, _KEEPER) if self._joins else (_KEEPER, _JOINER)
        return Line(_derived(key, ours), _derived(key, theirs))


class Line:
    """What is sealed here is opened there, each message once and in its order."""

    def __init__(self, ours: bytes, theirs: bytes) -> None:
        self._ours, self._theirs = ChaCha20Poly1305(ours), ChaCha20Poly1305(theirs)
        self._sent = self._read = 0

    def seal(self, said: bytes) -> bytes:
        sealed = self._ours.encrypt(_number(self._sent), said, None)
        self._sent += 1
        return sealed

    def open(self, sealed: bytes) -> bytes:
        """Return what was said. Raises `Mismatch` for what the other end did not just seal."""
        try:
            said = self._theirs.decrypt(_number(self._read), sealed, None)
        except (InvalidTag, ValueError):
            raise Mismatch("another secret, or another channel") from None
        self._read += 1
        return said


def _derived(key: bytes, whose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=whose).derive(key)


def _number(count: int) -> bytes:
    return count.to_bytes(12, "big")
