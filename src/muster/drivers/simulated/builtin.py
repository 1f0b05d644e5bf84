"""The images that every simulated world has from the start."""

from uuid import UUID

from muster.drivers.simulated.entries import Imaged

EVERYBODY = UUID(int=0)  # whose images the built-in ones are
BUILT_IN = tuple(
    Imaged(
        at=0.0,
        id=name,
        installation=EVERYBODY,
        name=name,
        project="",
        active_at=0.0,
        version=version,
        port=port,
        health_path="/health" if port else "",
        fault=fault,
    )
    for name, version, port, fault in (
        ("demo-web", "1", 8080, ""),
        ("demo-web-v2", "2", 8080, ""),
        ("demo-web-bad", "3", 8080, "sick"),  # runs, and never answers well: for rollbacks
        ("cirros-0.6.2", "0.6.2", 0, ""),
        ("ubuntu-24.04", "24.04", 0, ""),
    )
)
