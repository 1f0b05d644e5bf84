"""What the services stand on: their databases in MariaDB, their messages in RabbitMQ."""

import socket
import subprocess
import time
from pathlib import Path

from testbed.openstack import processes
from testbed.openstack.daemons import surroundings, system_program
from testbed.openstack.place import PORTS, RABBITMQ, Place

SCHEMAS = {"nova": ("nova_api", "nova", "nova_cell0")}  # the others have one of their name


def schemas(service: str) -> tuple[str, ...]:
    return SCHEMAS.get(service, (service,))


def start_mariadb(place: Place) -> None:
    """Start MariaDB, over a new database if there is none, and wait until it answers."""
    data = place.base / "run" / "mysql"
    if not data.exists():
        plain = ("--no-defaults", f"--datadir={data}", "--user=root", "--skip-test-db")
        say = [system_program("mariadb-install-db"), *plain]
        say += ["--auth-root-authentication-method=normal"]
        subprocess.run(say, check=True, capture_output=True, cwd=place.base)
    processes.start(place, "mariadb")
    _await_port(place, "mariadb")


def start_rabbitmq(place: Place) -> None:
    """Start RabbitMQ and wait until it takes messages."""
    home = place.base / "run" / "rabbitmq"
    (home / "mnesia").mkdir(parents=True, exist_ok=True)
    (home / "enabled_plugins").write_text("[].\n")
    at = f"127.0.0.1:{place.port('rabbitmq')}"
    (home / "rabbitmq.conf").write_text(f"listeners.tcp.default = {at}\n")
    processes.start(place, "rabbitmq")
    _await_port(place, "rabbitmq")
    _await_begun(place)


# What is asked for before the new node is known by its name, as after a kill when the port
# of the old one was still seen, is refused at once; and a node listens before it has begun.
def _await_begun(place: Place, patience_s: float = 180) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            ask_rabbitmq(place, "await_startup", "--timeout", str(int(patience_s)))
            return
        except RuntimeError:
            if processes.process(place, "rabbitmq") is None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def ask_rabbitmq(place: Place, *words: str) -> str:
    """Return what RabbitMQ answers to an operator."""
    done = subprocess.run(
        [str(RABBITMQ.with_name("rabbitmqctl")), "--quiet", *words],
        env=surroundings(place),
        cwd=place.base / "run",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


STARTS = {"mariadb": start_mariadb, "rabbitmq": start_rabbitmq}


def _await_port(place: Place, name: str, patience_s: float = 180) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", place.port(name))) == 0:
                return
        if processes.process(place, name) is None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not listen: {_last_words(place, name)}")
        time.sleep(0.1)


def _last_words(place: Place, name: str) -> str:
    return place.log(name).read_text()[-2000:]


def query(place: Place, statements: str) -> str:
    """Return what MariaDB answers to the statements, a row a line."""
    done = subprocess.run(_client(place), input=statements, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{statements[:200]}: {done.stderr}")
    return done.stdout


def make(place: Place, services: tuple[str, ...]) -> None:
    """Make the empty databases of these services."""
    names = [each for service in services for each in schemas(service)]
    query(place, "".join(f"CREATE DATABASE {each} CHARACTER SET utf8mb3;" for each in names))


def _client(place: Place, program: str = "mariadb") -> list[str]:
    server = f"--socket={place.base}/run/mysql.sock"
    return [system_program(program), "--no-defaults", "--user=root", server]


def save(place: Place, kept: Path) -> None:
    """Write all databases of this cloud into one file, with names in the place of its ports."""
    names = [each for service in place.services for each in schemas(service)]
    say = [*_client(place, "mariadb-dump"), "--databases", *names]
    said = subprocess.run(say, check=True, capture_output=True, text=True).stdout
    for name in PORTS:
        said = said.replace(f"127.0.0.1:{place.port(name)}", f"127.0.0.1:<{name}>")
    new = kept.with_suffix(f".{place.first}")
    new.write_text(said)
    new.replace(kept)


def load(place: Place, kept: Path) -> None:
    """Have this cloud begin with the databases that another has saved."""
    said = kept.read_text()
    for name in PORTS:
        said = said.replace(f"127.0.0.1:<{name}>", f"127.0.0.1:{place.port(name)}")
    query(place, said)
