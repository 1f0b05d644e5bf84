"""A testbed of Incus members by hand.

up [MEMBERS] [ovn]       put up a cluster of so many members (3), with OVN between them
down                     take it down, whatever is left of it
status                   what runs
stop|start|kill MEMBER   incusd on it
crash|boot MEMBER        its power
cut|mend MEMBER          its network, as far as the API goes
exec MEMBER COMMAND      run something on it
fabric COMMAND           run something beside the members: the control plane, a balancer
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.incus import bed, fabric, machine, ovn, rest
from testbed.incus.place import Place, inside, lacking, url

HERE = Place(base=Path(tempfile.gettempdir()) / "muster-testbed", name="mtb")

ON_MEMBER: Mapping[str, Callable[[Place, str], None]] = {
    "stop": lambda place, member: machine.end_daemon(place, member, signal.SIGTERM),
    "kill": lambda place, member: machine.end_daemon(place, member, signal.SIGKILL),
    "start": machine.start,
    "crash": machine.crash,
    "boot": machine.boot,
    "cut": fabric.cut,
    "mend": fabric.mend,
}


def main(words: list[str]) -> int:
    command, *rest_of = words or ["help"]
    if command == "exec" and len(rest_of) > 1:
        return bed.execute(HERE, rest_of[0], rest_of[1:])
    if command == "fabric" and rest_of:
        say = [str(each) for each in inside(HERE.fabric, *rest_of)]
        os.execvp(say[0], say)
    if command == "guard" and len(rest_of) == 2:
        sys.stdin.read()  # ends when whoever started us does
        bed.down(Place(base=Path(rest_of[0]), name=rest_of[1]))
        return 0
    began = time.monotonic()
    if command in ON_MEMBER and len(rest_of) == 1:
        ON_MEMBER[command](HERE, rest_of[0])
    elif command == "up":
        with_ovn = "ovn" in rest_of
        if missing := lacking() or (ovn.lacking() if with_ovn else ""):
            print(missing, file=sys.stderr)
            return 1
        bed.up(HERE, next((int(each) for each in rest_of if each.isdigit()), 3))
        bed.join(HERE)
        if with_ovn:
            ovn.lay(HERE)
        _tell_how()
    elif command == "down":
        bed.down(HERE)
    elif command == "status":
        _status()
        return 0
    else:
        print(__doc__)
        return 2
    print(f"{' '.join(words)}: {time.monotonic() - began:.1f} s")
    return 0


def _tell_how() -> None:
    """Print how a Muster is started beside the members, and what to try then."""
    options = {"kind": "incus", **bed.settings(HERE)}
    said = ", ".join(f'{name} = "{value}"' for name, value in options.items())
    beside = f"PYTHONPATH=tests {sys.executable} -m testbed.incus fabric env"
    muster = Path(sys.executable).with_name("muster")
    clouds = f"MUSTER_CLOUDS='{{site = {{{said}}}}}'"
    print("Muster, which has to be in the members' network:")
    print(f"  {beside} MUSTER_HOME=/tmp/muster-site {clouds} {muster} serve")
    print("and in another terminal:")
    print(f"  {beside} {muster} demo --cloud incus")


def _status() -> None:
    for member in HERE.members():
        power, incusd = machine.first_process(HERE, member), machine.daemon(HERE, member)
        count = "-"
        if incusd:
            where = "/1.0/instances?all-projects=true"
            count = str(len(rest.call(HERE.socket(member), "GET", where)))
        print(f"{member} {url(member)} power={power or 'off'} incusd={incusd or '-'} all={count}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
