"""The processes of a cloud, and what each is started with."""

import os
import shutil

from testbed.openstack.place import COMPUTES, HERE, RABBITMQ, SYSTEM_PATH, Place

STORES = ("epmd", "mariadb", "rabbitmq")  # what the services stand on
APIS = {
    "keystone": "keystone.wsgi.api",
    "placement": "placement.wsgi.api",
    "glance": "glance.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
    "neutron": "neutron.wsgi.api",
    "cinder": "cinder.wsgi.api",
    "octavia": "octavia.wsgi.api",
    "heat": "heat.wsgi.api",
    "designate": "designate.wsgi.api",
}
WORKERS = {
    "nova": ("nova-conductor", "nova-scheduler", *COMPUTES),
    "cinder": ("cinder-scheduler", "cinder-volume"),
    "octavia": ("octavia-worker",),
    "heat": ("heat-engine",),
    "designate": (
        *("designate-central", "designate-producer", "designate-mdns", "nameserver"),
        "designate-worker",  # last: it reads the pool once, which is told to the one before
    ),
}
# These read where their settings are from their surroundings, the others from their arguments.
_SURROUNDED = ("keystone", "placement", "glance", "nova", "neutron", "designate")
_UWSGI = (
    *("--processes", "1", "--threads", "8", "--enable-threads", "--need-app", "--die-on-term"),
    *("--buffer-size", "65535", "--add-header", "Connection: close", "--disable-logging"),
    *("--chunked-input-limit", "104857600"),
)


def names(place: Place) -> list[str]:
    """Return all processes that a cloud of this profile has, in the order they are started."""
    return [*STORES, *(each for service in place.services for each in of_service(service))]


def of_service(service: str) -> list[str]:
    return [service, *WORKERS.get(service, ())]


def command(place: Place, name: str) -> list[str]:
    """Return what starts it."""
    if name in _STORE_COMMANDS:
        return _STORE_COMMANDS[name](place)
    if name in APIS:
        return _api(place, name)
    python = str(place.program / "python")
    if name == "nameserver":
        ports = [str(place.port(each)) for each in ("nameserver", "designate_mdns", "mariadb")]
        return [python, str(HERE / "inside" / "nameserver.py"), *ports]
    if name in COMPUTES:
        host = place.base / "etc" / "nova" / f"{name}.conf"
        script = str(HERE / "inside" / "compute.py")
        return [python, script, *_told(place, "nova"), "--config-file", str(host)]
    return [str(place.program / name), *_told(place, name.partition("-")[0])]


def _api(place: Place, name: str) -> list[str]:
    at = f"127.0.0.1:{place.port(name)}"
    module = f"{APIS[name]}:application"
    told = [] if name in _SURROUNDED else ["--pyargv", " ".join(_told(place, name))]
    uwsgi = str(place.program / "uwsgi")
    return [uwsgi, "--http-socket", at, "--module", module, *_UWSGI, *told]


def _told(place: Place, service: str) -> list[str]:
    return ["--config-file", str(place.settings(service))]


def _epmd(place: Place) -> list[str]:
    return [system_program("epmd"), "-address", "127.0.0.1", "-port", str(place.port("epmd"))]


def _mariadb(place: Place) -> list[str]:
    run = place.base / "run"
    return [
        system_program("mariadbd"),
        *("--no-defaults", "--user=root", f"--datadir={run}/mysql", f"--socket={run}/mysql.sock"),
        *(f"--port={place.port('mariadb')}", "--bind-address=127.0.0.1", "--skip-name-resolve"),
        *(f"--pid-file={run}/mysql.pid", "--skip-log-bin", "--max-connections=1000"),
        *("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"),
        *("--innodb-buffer-pool-size=256M", "--innodb-use-native-aio=0"),
        *("--performance-schema=OFF", "--character-set-server=utf8mb4"),
    ]


def _rabbitmq(place: Place) -> list[str]:
    return [str(RABBITMQ)]


_STORE_COMMANDS = {
    "mariadb": _mariadb,
    "rabbitmq": _rabbitmq,
    "epmd": _epmd,
}


def system_program(program: str) -> str:
    return shutil.which(program, path=SYSTEM_PATH) or program


def surroundings(place: Place) -> dict[str, str]:
    """Return what all processes have around them: ours, and nothing that is meant for others."""
    ours = ("OS_", "PYTHON", "RABBITMQ_", "ERL_")
    plain = {key: said for key, said in os.environ.items() if not key.startswith(ours)}
    etc, run = place.base / "etc", place.base / "run"
    return {
        **plain,
        "PATH": f"{place.program}:{SYSTEM_PATH}",
        "HOME": f"{run}/",
        "TMPDIR": f"{run}/tmp",
        "XDG_CACHE_HOME": f"{run}/cache",
        "PYTHONPATH": f"{HERE / 'inside'}:{place.base / 'drivers'}",
        "PYTHONWARNINGS": "ignore",
        "PYTHONSAFEPATH": "1",
        "OS_KEYSTONE_CONFIG_FILES": str(place.settings("keystone")),
        **{f"OS_{each.upper()}_CONFIG_DIR": str(etc / each) for each in _SURROUNDED},
        **_rabbitmq_surroundings(place),
    }


def _rabbitmq_surroundings(place: Place) -> dict[str, str]:
    home = place.base / "run" / "rabbitmq"
    return {
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(place.port("epmd")),
        "RABBITMQ_NODENAME": "testbed@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(place.port("rabbitmq")),
        "RABBITMQ_DIST_PORT": str(place.port("rabbitmq_others")),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
        "RABBITMQ_LOG_BASE": f"{place.base}/logs",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
        "RABBITMQ_CONF_ENV_FILE": f"{home}/none",
        "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq",
        "RABBITMQ_PID_FILE": f"{home}/pid",
    }
