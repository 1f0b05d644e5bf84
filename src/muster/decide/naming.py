"""What a new member of a cluster is called."""

import re
from hashlib import blake2b
from string import ascii_letters, digits
from uuid import UUID

from muster.model.cluster import Cluster

FORMAT = "node-$8R"  # of clusters whose makers chose none
_TOKEN = re.compile(r"\$(\d{0,8})([rRI])")
_LATER = ascii_letters + digits


def member_name(cluster: Cluster, index: int, node_id: UUID) -> str:
    """Return what the member at `index` is called: as configured, else after the cluster."""
    pattern = cluster.config.get("node.name.format") or cluster.naming
    return node_name(str(pattern), index, node_id) if pattern else f"{cluster.name}-{index:03}"


def node_name(pattern: str, index: int, node_id: UUID) -> str:
    """Return the name that the pattern makes for one node.

    `$nR` stands for n random letters and digits, a letter first; `$nr` for the same in lower
    case; `$nI` for the index with at least n digits. Random means: from a digest of the node's id,
    so the same node is named the same by everybody who plans it.
    """
    place = 0

    def filled(token: re.Match[str]) -> str:
        nonlocal place
        place += 1
        width, letter = token.groups()
        if letter == "I":
            return str(index).zfill(int(width or 0))
        drawn = _drawn(f"{node_id}/{place}", int(width or 8))
        return drawn.lower() if letter == "r" else drawn

    return _TOKEN.sub(filled, pattern)


def _drawn(seed: str, count: int) -> str:
    count = min(count, 255)  # no name is longer
    dice = iter(_bytes(seed, 2 * count))
    chosen = []
    for alphabet in (ascii_letters, *([_LATER] * (count - 1)))[:count]:
        thrown = next(dice) << 8 | next(dice)
        chosen.append(alphabet[thrown % len(alphabet)])
    return "".join(chosen)


def _bytes(seed: str, count: int) -> bytes:
    blocks = (blake2b(f"{seed}/{number}".encode()).digest() for number in range(count // 64 + 1))
    return b"".join(blocks)[:count]
