"""A mirror of Debian for machines that reach nothing else: what was asked for once is kept."""

import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from testbed.incus import fabric
from testbed.incus.place import FABRIC_ADDRESS, Place

PORT = 3142
URL = f"http://{FABRIC_ADDRESS}:{PORT}/debian"
FRESH_S = 24 * 3600.0  # of what says which packages there are; a package is never another one
PATIENCE_S = 60.0


class Mirror:
    """Keeps files of the mirror at `upstream` in `folder`."""

    def __init__(self, upstream: str, folder: Path) -> None:
        self.upstream, self.folder = upstream.rstrip("/"), folder

    def file(self, path: str) -> Path:
        """Return where that file is now. Raises `OSError` if it cannot be had."""
        if ".." in path.split("/"):
            raise FileNotFoundError(path)
        kept = self.folder / path
        for_good = path.startswith("pool/") or "/by-hash/" in path
        if kept.exists() and (for_good or time.time() - kept.stat().st_mtime < FRESH_S):
            return kept
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_name(f"{kept.name}.{threading.get_ident()}.new")
        try:
            with (
                urllib.request.urlopen(f"{self.upstream}/{path}", timeout=PATIENCE_S) as answer,
                new.open("wb") as out,
            ):
                shutil.copyfileobj(answer, out)
            new.replace(kept)
        finally:
            new.unlink(missing_ok=True)
        return kept


@contextmanager
def served(place: Place, mirror: Mirror) -> Iterator[None]:
    """Have the machines of a testbed reach the mirror at `URL`, and nobody else."""
    with fabric.entered(place):
        listening = socket.create_server((FABRIC_ADDRESS, PORT))
    server = ThreadingHTTPServer((FABRIC_ADDRESS, PORT), _handler(mirror), False)
    server.socket.close()
    server.socket = listening
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                file = mirror.file(self.path.removeprefix("/debian/"))
            except urllib.error.HTTPError as error:
                return self.send_error(error.code)
            except OSError:
                return self.send_error(502)
            self.send_response(200)
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()
            with file.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)
            return None

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler
