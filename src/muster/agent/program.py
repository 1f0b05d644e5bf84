"""Run the agent until it is told to end."""

import logging
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event

from muster.agent import certificate
from muster.agent.machine import Machine
from muster.agent.routes import assembled
from muster.agent.runner import RealRunner, RecordingRunner
from muster.agent.server import TlsServer, UnixServer, by_tls, listen


def serve(said: Mapping[str, str]) -> None:
    """Serve as the options say, until SIGTERM or SIGINT."""
    logging.basicConfig(
        stream=sys.stderr,
        level=said["log"].upper(),
        format="%(asctime)s %(levelname)s %(message)s",
    )
    root = Path(said["root"])
    real = root == Path("/")
    machine = Machine(RealRunner() if real else RecordingRunner(), root)
    if said["listen"]:
        certificate.identity(Machine(RealRunner(), root))  # openssl writes below the root only
    if said["trust"]:
        for pem in certificate.certificates(Path(said["trust"]).read_text(), said["trust"]):
            certificate.trust(machine, pem)
    agent = assembled(machine)

    def opened() -> list[TlsServer | UnixServer]:
        servers: list[TlsServer | UnixServer] = []
        if said["socket"]:
            servers.append(UnixServer(agent, said["socket"]))
        if said["listen"]:
            host, port = said["listen"].rsplit(":", 1)
            servers.append(by_tls(agent, host.strip("[]"), int(port)))
        return servers

    ended = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, frame: ended.set())
    listening = listen(agent, opened)
    logging.getLogger("muster.agent").info("listening at %s and %s", said["listen"], said["socket"])
    ended.wait()
    listening.close()
