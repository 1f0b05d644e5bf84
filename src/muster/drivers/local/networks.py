"""The one network there is."""

from collections.abc import Sequence

from muster.drivers.local.options import Options
from muster.model.catalog import Network

LOOPBACK = "local"


class LocalNetworks:
    def __init__(self, options: Options) -> None:
        self._options = options

    async def list_networks(self) -> Sequence[Network]:
        return [
            Network(
                id=LOOPBACK,
                name="loopback",
                cidr="127.0.0.0/8",
                description=f"this machine only; instances are in {self._options.addresses}",
            )
        ]
