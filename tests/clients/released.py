"""The released clients of the clustering API as Python calls; they run apart from Muster."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guard import dying_with
from testbed.environments import environment

TELLER = Path(__file__).parent / "teller.py"


class Refused(Exception):
    """What a client raised."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Ran:
    """A command of `openstack` that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code in (0, None), self.err
        return json.loads(self.out)


class Clients:
    """`sdk.NAME(...)` is openstacksdk's clustering proxy, `openstack(...)` the command line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **named: Any) -> Any:
            return self._ask({"sdk": name, "args": args, "named": named})

        return call

    def openstack(self, *command: str) -> Ran:
        return Ran(**self._ask({"cli": list(command)}))

    def _ask(self, told: Mapping[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the clients' process has ended"
        said = json.loads(line)
        if "error" in said:
            raise Refused(said["error"], said["said"])
        return said["answer"]


def clouds(url: str, **more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the content of a clouds.yaml with one entry per way to ask for the service."""
    newest = {"clustering_default_microversion": "1.14"}
    plain = {"auth_type": "none", "auth": {"endpoint": f"{url}/v1"}}
    root = {"auth_type": "none", "auth": {"endpoint": url}, "clustering_endpoint_override": url}
    return {"clouds": {"plain": {**plain, **newest}, "root": root, "oldest": plain, **more}}


@contextmanager
def clients(folder: Path, said: Mapping[str, Any], cloud: str) -> Iterator[Clients]:
    """Yield the clients, asking the cloud of that name; skips where they cannot be had."""
    python = environment("clients") / "bin" / "python"
    config = folder / "clouds.yaml"
    config.write_text(json.dumps(said))  # JSON is YAML
    process = subprocess.Popen(
        [python, "-I", TELLER],
        env={
            "OS_CLIENT_CONFIG_FILE": str(config),
            "OS_CLOUD": cloud,
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        },
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=dying_with(),
    )
    try:
        yield Clients(process)
    finally:
        process.kill()
        process.wait()
