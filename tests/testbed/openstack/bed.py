"""A cloud of OpenStack: put up, lent to tests, and taken down without a trace."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from guard import guarded
from testbed.openstack import daemons, furnish, processes, schema, settings, stores
from testbed.openstack.cloud import Cloud
from testbed.openstack.listeners import await_listening
from testbed.openstack.place import Place, free_block, program
from testbed.stale import held, is_stale, sign_of_life

PREFIX = "muster-openstack-"


def up(base: Path, profile: str) -> Place:
    """Put up a cloud in a folder that is not there yet, and return it when it can be used."""
    first, holder = free_block()
    with holder:
        place = Place(base, profile, first, program())
        base.mkdir()
        settings.write(place)
        place.remember()
        processes.start(place, "epmd", holder.fileno())
    with ThreadPoolExecutor(2) as threads:
        messages = threads.submit(stores.start_rabbitmq, place)
        stores.start_mariadb(place)
        schema.make(place)
        messages.result()
    _start_all(place)
    furnish.furnish(place)
    return place


def _start_all(place: Place) -> None:
    worker = "designate-worker"
    for name in daemons.names(place):
        if name != worker:
            processes.start(place, name)
    with ThreadPoolExecutor(len(place.services)) as threads:
        list(threads.map(lambda each: processes.await_ready(place, each), place.services))
    if "designate" in place.services:
        schema.update_pool(place)
        processes.start(place, worker)
    await_listening(place, daemons.names(place))


def down(base: Path) -> None:
    """End all its processes and remove its folder, whatever is left of it."""
    with guarded(f"{base}/", removing=base):
        return


@contextmanager
def lent(profile: str = "all") -> Iterator[Cloud]:
    """Lend a cloud that does not outlive us, however we end."""
    sweep()
    base = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}-{profile}"
    with held(base), guarded(f"{base}/", removing=base):
        yield Cloud(up(base, profile))


def sweep() -> None:
    """Take down the clouds of test runs that were killed with their guards."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}[0-9]*-*"):
        base = path.with_suffix("")  # a folder, or the sign that it is held
        if is_stale(base, base.name.removeprefix(PREFIX).partition("-")[0]):
            down(base)
            sign_of_life(base).unlink(missing_ok=True)
