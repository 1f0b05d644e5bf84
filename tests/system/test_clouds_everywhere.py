"""Two servers on one PostgreSQL: a cloud that one takes on, the other has, and loses with it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from house import House, Refused, house, until

pytestmark = [pytest.mark.system, pytest.mark.postgresql]

DEADLINE_S = 60.0
WEB = {"name": "web", "image": "demo-web", "flavor": "tiny", "port": 25100, "cloud": "lab"}


@pytest.fixture
def both(postgres_url: str, tmp_path: Path) -> Iterator[tuple[House, House]]:
    with ExitStack() as open_houses:
        settings = {
            "MUSTER_DATABASE_URL": postgres_url,
            "MUSTER_DEFAULT_CLOUD": "simulated",
            "MUSTER_SECRETS_FILE": str(tmp_path / "secrets.key"),
        }
        one, two = (
            open_houses.enter_context(house(tmp_path / name, **settings)) for name in ("a", "b")
        )
        one.start()
        two.start()
        yield one, two


def a_cloud(world: Path) -> dict[str, Any]:
    quick = {"look_every_s": 0.2, "probe_every_s": 0.2, "world": "file", "file": str(world)}
    return {"name": "lab", "kind": "simulated", "options": quick}


def asked(it: House, method: str, path: str, body: Any = None) -> Any:
    with it.session() as session:
        return session.call(method, path, body)


def clouds(it: House) -> set[str]:
    return {each["name"] for each in asked(it, "GET", "/v1/clouds")["clouds"]}


def comes(it: House, *, there: bool) -> None:
    until(lambda: ("lab" in clouds(it)) is there, DEADLINE_S, f"lab is there: {there}")


def test_a_cloud_taken_on_by_one_server_is_the_others_too(
    both: tuple[House, House], tmp_path: Path
) -> None:
    one, two = both
    made = asked(one, "POST", "/v1/clouds", a_cloud(tmp_path / "world"))
    assert made["cloud"]["added"] is True
    comes(two, there=True)
    with pytest.raises(Refused, match="a cloud 'lab' already"):
        asked(two, "POST", "/v1/clouds", a_cloud(tmp_path / "world"))
    cluster = asked(two, "POST", "/v1/clusters", {**WEB, "min_size": 2, "max_size": 3})
    assert len(one.settled("web")["instances"]) == 2
    for it in both:
        with pytest.raises(Refused, match="in use by cluster 'web'"):
            asked(it, "DELETE", "/v1/clouds/lab")
    one.kill()  # whoever took it on is not needed for it
    where = f"/v1/clusters/web/{cluster['stack_id']}"
    asked(two, "PATCH", where, {"min_size": 3})
    until(lambda: len(two.settled("web")["instances"]) == 3, DEADLINE_S, "the other goes on")
    one.start()

    asked(one, "DELETE", where)
    until(lambda: not asked(one, "GET", "/v1/clusters")["clusters"], DEADLINE_S, "web is gone")
    asked(two, "DELETE", "/v1/clouds/lab")
    assert "lab" not in clouds(two)
    comes(one, there=False)
    asked(one, "POST", "/v1/clouds", a_cloud(tmp_path / "another"))
    comes(two, there=True)
