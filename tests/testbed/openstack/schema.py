"""The tables of the services, as each makes its own; and once made, kept for later clouds."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from testbed.openstack import catalog, processes, stores
from testbed.openstack.daemons import surroundings
from testbed.openstack.place import PASSWORD, Place

_AT_ONCE = 3
_CELL0 = "mysql+pymysql://root@127.0.0.1:{port}/nova_cell0?charset=utf8mb4"
_STEPS = {
    "keystone": ("keystone-manage {told} db_sync",),
    "placement": ("placement-manage {told} db sync",),
    "glance": ("glance-manage {told} db_sync",),
    "nova": (
        "nova-manage {told} api_db sync",
        f"nova-manage {{told}} cell_v2 map_cell0 --database_connection {_CELL0}",
        "nova-manage {told} db sync",
        "nova-manage {told} cell_v2 create_cell --name cell1",
    ),
    "neutron": ("neutron-db-manage {told} {ml2} upgrade heads",),
    "cinder": ("cinder-manage {told} db sync",),
    "octavia": ("octavia-db-manage {told} upgrade head",),
    "heat": ("heat-manage {told} db_sync",),
    "designate": ("designate-manage {told} database sync",),
}
# Longest first, so that the last to begin are short.
_ORDER = ("nova", "neutron", "octavia", "designate", "cinder", "heat", "glance", "placement")
_POOL = "designate-manage {told} pool update --file {pools}"
_BOOTSTRAP = (
    "keystone-manage {told} bootstrap --bootstrap-password {password} --bootstrap-region-id"
    " RegionOne --bootstrap-public-url {keystone}/v3/ --bootstrap-internal-url {keystone}/v3/"
)


def make(place: Place) -> None:
    """Have all services have their tables, and Keystone its catalog and run."""
    kept = _kept(place)
    if kept.exists():
        stores.load(place, kept)
        _start_keystone(place)
        return
    stores.make(place, place.services)
    others = [each for each in _ORDER if each in place.services]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        identity = threads.submit(_make_identity, place)
        list(threads.map(lambda service: _migrate(place, service), others))
        identity.result()
    stores.save(place, kept)


def _kept(place: Place) -> Path:
    """Return where the databases of such a cloud are kept, or will be."""
    sources = [Path(__file__), Path(catalog.__file__)]
    made_by = sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:12]
    return place.program.parent / f"{place.profile}-{made_by}.sql"


def _make_identity(place: Place) -> None:
    _migrate(place, "keystone")
    _manage(place, "keystone", _BOOTSTRAP)
    _start_keystone(place)
    catalog.fill(place)


def _start_keystone(place: Place) -> None:
    processes.start(place, "keystone")
    processes.await_ready(place, "keystone")


def _migrate(place: Place, service: str) -> None:
    for step in _STEPS[service]:
        _manage(place, service, step)


def update_pool(place: Place) -> None:
    """Tell Designate, which has to run, where its name server is."""
    _manage(place, "designate", _POOL)


def _manage(place: Place, service: str, step: str) -> None:
    etc = place.base / "etc"
    said = step.format(
        told=f"--config-file {place.settings(service)}",
        ml2=f"--config-file {etc}/neutron/plugins/ml2/ml2_conf.ini",
        pools=f"{etc}/designate/pools.yaml",
        port=place.port("mariadb"),
        password=PASSWORD,
        keystone=place.url("keystone"),
    )
    program, *words = said.split()
    done = subprocess.run(
        [place.program / program, *words],
        env=surroundings(place),
        cwd=place.base / "run",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{said}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
