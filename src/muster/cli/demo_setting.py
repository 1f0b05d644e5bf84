"""Where the demo takes place: its cloud, the images there, and how much load that bears."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from muster.client.http import Session

IMAGES = {"demo-web": "1", "demo-web-v2": "2"}  # name -> version


# Note [A demo for two processors]
# Everything shares the machine: members, balancer, server and the load itself. One
# request costs a member 1.5 ms of processor time and a `tiny` member has a quarter of
# a processor, so `high` requests a second keep three or four members at the target, less
# than one processor altogether, which leaves the other for the rest. In a container each
# request is a process or two of a shell besides, so that a few dozen do the same; there members
# are added at less than half of what one may use: where others are at work, too, a container
# hardly gets more.
@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """See Note [A demo for two processors]."""

    cloud: str | None
    containers: bool = False
    work: str = "/work?ms=1.5"
    low: int = 60
    high: int = 250
    busy: float = 0.7  # members are added above this share of a member's processor time
    idle: float = 0.3  # and removed below this one
    enough: int = 10_500  # requests: zero failed of ten thousand is the promise


def setting(session: "Session", said: str | None) -> Setting:
    """Return where the demo takes place: on a cloud of that name, or of that kind."""
    clouds = session.call("GET", "/v1/clouds")["clouds"]
    named = [each for each in clouds if said is None or each["name"] == said]
    found = named or [each for each in clouds if each["kind"] == said]
    if not found:
        known = ", ".join(each["name"] for each in clouds)
        raise click.ClickException(f"there is no cloud {said}, by name or kind; there is {known}")
    chosen = next((each for each in found if each.get("default")), found[0])
    name = chosen["name"] if said else None
    if chosen["kind"] != "incus":
        return Setting(cloud=name)
    return Setting(
        cloud=chosen["name"],
        containers=True,
        work="/?ms=2",
        low=8,
        high=60,
        busy=0.4,
        idle=0.15,
        enough=3000,
    )


def prepare(session: "Session", chosen: Setting, out: "Console") -> None:
    """Have the demo's images be there: containers' are made of Debian packages."""
    if not chosen.containers:
        return
    from muster.cli.container_image import Recipe, build
    from muster.cli.tarball import Lacking

    listed = session.call("GET", "/v1/images", query={"cloud": chosen.cloud})["images"]
    missing = IMAGES.keys() - {each["name"] for each in listed}
    for name in sorted(missing):
        out.print(f"Making image {name} ...")
        with tempfile.TemporaryDirectory() as aside:
            path = Path(aside) / "image.tar.gz"
            try:
                build(Recipe(name=name, version=IMAGES[name]), path)
            except Lacking as error:
                raise click.ClickException(
                    f"no image {name}, and none can be made: {error}"
                ) from None
            query = {"cloud": str(chosen.cloud), "name": name}
            session.send("/v1/images", iter([path.read_bytes()]), query)


def switch_off(session: "Session", instance: dict[str, Any]) -> None:
    """Cut the power of a container, from inside: nothing of it ends in order."""
    from muster.client.http import ApiError, Unreachable, at

    body = {"command": ["/bin/poweroff", "-f"], "timeout_seconds": 5}
    try:
        session.call("POST", at("instances", instance["id"], "exec"), body)
    except (ApiError, Unreachable):
        return  # it did not live to answer
