"""`muster serve` and `muster work`: processes that run until they are told to stop."""

import asyncio
import fcntl
import gc
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muster.base.errors import Invalid, MusterError
from muster.settings import Settings, load

if TYPE_CHECKING:
    import uvicorn

    from muster.wiring.house import House


@click.command()
def serve() -> None:
    """Run the service: API and engine in one process.

    Settings come from MUSTER_... variables and from muster.toml in MUSTER_HOME; the
    reference lists them. Instances and load balancers go on when this ends, and are
    taken up again when it starts.
    """
    with told():
        settings = load()
        refuse_open_door(settings)
        prepare(settings)
        with alone(settings.home):
            asyncio.run(_serve(settings))


@click.command()
def work() -> None:
    """Run one more engine over a PostgreSQL database that others share."""
    with told():
        settings = load()
        if not settings.database.startswith("postgresql"):
            raise Invalid(
                "`muster work` shares a PostgreSQL database with other processes; "
                "on SQLite everything is one process: `muster serve`. Set MUSTER_DATABASE_URL.",
                field="database_url",
            )
        prepare(settings)
        asyncio.run(_work(settings))


@contextmanager
def told() -> Iterator[None]:
    """End the command with the words of what went wrong instead of a traceback."""
    try:
        yield
    except MusterError as error:
        raise click.ClickException(error.text) from None
    except OSError as error:
        raise click.ClickException(str(error)) from None


RARELY = (20_000, 250, 100)


# Note [Rarely collected]
# A large cluster is tens of thousands of small frozen values that refer to nothing in a
# circle. Python's collector looks through all of them again and again, by default after
# every 700 new ones: a tenth to a fifth of the time of a large creation. Counting references
# frees them anyway, so the collector is let loose thirty times less often on the new ones,
# which takes a few milliseconds then, and hardly ever on the old ones. What is there once the
# service has begun stays there, and is not looked through at all.
def prepare(settings: Settings) -> None:
    """Set a process up that runs for long: logs, memory, signals. See Note [Rarely collected]."""
    from muster.base.log import set_up
    from muster.wiring.heap import share_one_heap
    from muster.wiring.inherited import keep_deafness_to_ourselves

    set_up(settings.log_level, settings.log_format)
    keep_deafness_to_ourselves()
    share_one_heap()
    gc.set_threshold(*RARELY)


def refuse_open_door(settings: Settings) -> None:
    """Raise `Invalid` where everybody in the network could do everything."""
    from muster.drivers.identity.none import listens_beyond_loopback

    if settings.identity == "none" and listens_beyond_loopback(settings.host):
        raise Invalid(
            f"listen is {settings.listen}, which others can reach, and identity is none, which "
            "asks nobody who he is. Listen on 127.0.0.1, or set MUSTER_IDENTITY=basic and add a "
            "user: muster user add NAME",
            field="listen",
        )
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise Invalid("tls_certificate and tls_key go together", field="tls_key")
    for name in ("tls_certificate", "tls_key"):
        _refuse_unreadable(name, getattr(settings, name))


def _refuse_unreadable(name: str, file: str) -> None:
    try:
        if file:
            Path(file).read_bytes()
    except OSError as error:
        raise Invalid(f"{name}: {file}: {error.strerror or error}", field=name) from None


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home for this process; a second one is refused by name."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "muster.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Invalid(
                f"{home} is in use by process {lock.read().strip()}. Stop that one, or give this "
                "one another home: MUSTER_HOME=...",
                field="home",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def listening(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises `Invalid` if it cannot."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        door = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
        # Inherited by every connection. Without it head and body of an answer wait for each
        # other's acknowledgement: 40 ms for each request.
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return door
    except OSError as error:
        raise Invalid(
            f"cannot listen on {settings.listen}: {error.strerror or error}. Choose another with "
            "MUSTER_LISTEN=host:port, or stop what listens there.",
            field="listen",
        ) from None


def welcome(url: str, settings: Settings) -> str:
    """Return what to do next, for whoever has just started the service."""
    from muster.drivers.identity.users import load as load_users
    from muster.wiring.house import users_file

    other = "" if url == "http://127.0.0.1:8778" else f"MUSTER_URL={url} "
    program = ".venv/bin/muster" if Path(".venv/bin/muster").exists() else "muster"
    door = ""
    if settings.identity == "basic" and not load_users(users_file(settings)):
        door = f"  {program} user add NAME --role admin    # nobody can sign in yet\n"
    return (
        f"Muster serves at {url} (state in {settings.home}). Next, in another terminal:\n{door}"
        f"  {other}{program} demo           # a cluster that sizes, heals and updates itself\n"
        f"  {other}{program} cluster create web --image demo-web --flavor tiny "
        "--min 2 --max 6 --port 8080 --wait"
    )


async def _serve(settings: Settings) -> None:
    from muster.wiring.door import door_of
    from muster.wiring.house import open_house
    from muster.wiring.surface import server_of

    with listening(settings) as door:
        scheme = "https" if settings.tls_certificate else "http"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{scheme}://{host}:{door.getsockname()[1]}"
        async with open_house(settings) as house:
            server = await server_of(house, lambda: click.echo(welcome(url, settings)))
            beside = await door_of(house)
            await _run_all(house, [(server, door), *([beside] if beside else [])])


async def _run_all(
    house: "House", servers: "Sequence[tuple[uvicorn.Server, socket.socket]]"
) -> None:
    """Serve the API and run the engine until a signal; the engine finishes what it has begun."""
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    engine = asyncio.create_task(house.engine.run(stop))
    serving = {asyncio.create_task(each.serve(sockets=[door])) for each, door in servers}
    try:
        await asyncio.wait({*serving, engine}, return_when=asyncio.FIRST_COMPLETED)
        for each, _ in servers:
            each.should_exit = True
        await asyncio.gather(*serving)
    finally:
        stop.set()
        await engine


async def _work(settings: Settings) -> None:
    from muster.wiring.house import open_house

    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with open_house(settings) as house:
        click.echo("Muster's engine works. Stop it with ctrl-C; others take over what it leaves.")
        await house.engine.run(stop)
