"""A process that writes into a world's file until it is killed: `python writer.py FILE COUNT`.

It waits for a line, and prints the server id of every creation that was answered.
"""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from drivers.simulated.worlds import a_config, an_order
from muster.base.clock import SystemClock
from muster.drivers.simulated.cloud import open_cloud

CLUSTER = UUID(int=1)


async def main(file: str, count: int) -> None:
    options = {"world": "file", "file": file}
    cloud = await open_cloud(a_config(options, SystemClock(), Path(file).parent))
    for index in range(count):
        server = await cloud.compute.create_server(an_order(CLUSTER, index))
        print(server.server_id, flush=True)


if __name__ == "__main__":
    sys.stdin.readline()
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
