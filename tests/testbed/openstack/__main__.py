"""A cloud of OpenStack by hand.

up [PROFILE]             put up a cloud (identity, compute or all services: all)
down                     take it down, whatever is left of it
status                   what runs
start|stop|kill NAME     one of its processes
hold|release NAME        have it stand still with open doors, and go on
"""

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.openstack import bed, daemons, processes
from testbed.openstack.place import PROFILES, Place, lacking, remembered

HERE = Path(tempfile.gettempdir()) / "muster-openstack"
ON_PROCESS: Mapping[str, Callable[[Place, str], None]] = {
    "start": processes.start,
    "stop": processes.end,
    "kill": lambda place, name: processes.end(place, name, signal.SIGKILL),
    "hold": lambda place, name: processes.hold(place, name, on=True),
    "release": lambda place, name: processes.hold(place, name, on=False),
}


def main(words: list[str]) -> int:
    command, *rest = words or ["help"]
    began = time.monotonic()
    if command in ON_PROCESS and len(rest) == 1:
        ON_PROCESS[command](remembered(HERE), rest[0])
    elif command == "up" and set(rest) <= set(PROFILES):
        if missing := lacking():
            print(missing, file=sys.stderr)
            return 1
        bed.down(HERE)
        _tell_how(bed.up(HERE, rest[0] if rest else "all"))
    elif command == "down":
        bed.down(HERE)
    elif command == "status":
        return _status(remembered(HERE))
    else:
        print(__doc__)
        return 2
    print(f"{' '.join(words)}: {time.monotonic() - began:.1f} s")
    return 0


def _status(place: Place) -> int:
    for name in daemons.names(place):
        found = processes.process(place, name)
        print(f"{name}: {found.pid if found else 'ended'}")
    return 0


def _tell_how(place: Place) -> None:
    print(f"export OS_CLIENT_CONFIG_FILE={place.clouds} OS_CLOUD=admin")
    print(f"{place.program}/python -m openstack ...")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
