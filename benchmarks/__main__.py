"""`make bench`: every benchmark in a process of its own, one after another.

python -m benchmarks [service postgresql clustering store autoscaler placement incus console]
"""

import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

import postgres  # noqa: E402

HERE = Path(__file__).parent
PARTS = {
    "service": "The service on SQLite, every record durable",
    "postgresql": "The same on PostgreSQL",
    "clustering": "The clustering API on SQLite",
    "store": "The store alone",
    "autoscaler": "Scaling decisions",
    "placement": "Placement with a planted solution",
    "console": "The web console in Chromium, where that is possible",
    "incus": "Real Incus members, where that is possible",
}


def ran(title: str, *command: str) -> bool:
    print(f"\n== {title}", flush=True)
    return subprocess.run([sys.executable, *command], check=False).returncode == 0


def part(name: str) -> bool:
    if name != "postgresql":
        return ran(PARTS[name], str(HERE / f"{name}.py"))
    with postgres.running() as server:
        url = server.new_database("bench")
        return ran(PARTS[name], str(HERE / "service.py"), "--settled", "0", "--url", url)


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there is {', '.join(PARTS)}")
    sys.exit(0 if all([part(name) for name in chosen]) else 1)


if __name__ == "__main__":
    main()
