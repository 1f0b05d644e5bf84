"""As whom a machine's cards speak: frames with another's address do not leave by a strict one."""

from collections.abc import Iterator, Mapping

from muster.agent.nftables import Table
from muster.agent.steps import File

TABLE = Table(
    "bridge muster",
    "/etc/nftables-muster-sources.nft",
    "muster-sources.service",
    "Rules of the Muster agent for which addresses leave by a card",
)


# Note [Only its own address]
# Some networks cut a machine off that shows an address which is not its card's. Guests have
# addresses of their own, and share the card by a bridge: what they send by it is dropped there.
# They reach others by a network that translates addresses, or not at all.
def files(strict: Mapping[str, str]) -> Iterator[File]:
    """Return the rules of cards, each with its address. See Note [Only its own address]."""
    if strict:
        lines = "".join(
            f'        oifname "{name}" ether saddr != {address} drop\n'
            for name, address in strict.items()
        )
        head = "        type filter hook postrouting priority filter; policy accept;\n"
        yield from TABLE.files(f"    chain sources {{\n{head}{lines}    }}\n")
