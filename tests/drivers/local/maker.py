"""A server to be killed: opens the cloud and does what its arguments say, over and over.

`maker.py HOME make ID...` makes these instances; `maker.py HOME delete ID...` deletes them.
"""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from drivers.local.grounds import an_order, config, demo
from muster.drivers.local.cloud import open_cloud


async def main(home: Path, verb: str, ids: list[str]) -> None:
    cloud = await open_cloud(config(home))
    image = await demo(cloud)
    print("ready", flush=True)
    if verb == "make":
        orders = [an_order(image, server_id=UUID(each)) for each in ids]
        await asyncio.gather(*map(cloud.compute.create_server, orders))
    else:
        await asyncio.gather(*map(cloud.compute.delete_server, ids))
    print("done", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
