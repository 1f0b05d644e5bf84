"""What a cloud has of ours that no record knows, as after a database was restored."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Page
from house import MUSTER, House, house, until

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
WEB = {"name": "web", "image": "demo-web", "flavor": "tiny", "min_size": 1, "max_size": 3}
LEFT_OVER = "[...document.querySelectorAll('section')].at(-1)?.innerText"


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    grace = {"MUSTER_STRAY_GRACE_S": "3600"}
    with house(tmp_path_factory.mktemp("house") / "home", **grace) as made:
        made.start()
        yield made


def back_up(it: House, copy: Path) -> None:
    subprocess.run([*MUSTER, "db", "backup", str(copy)], env=it.environ, check=True)


def restore(it: House, copy: Path) -> None:
    it.kill()
    for file in it.home.glob("muster.db*"):
        file.unlink()
    (it.home / "muster.db").write_bytes(copy.read_bytes())
    it.start()


def test_an_instance_that_a_restored_database_knows_nothing_of_is_shown_until_it_goes(
    it: House, tab: Page, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    with it.session() as session:
        session.call("POST", "/v1/clusters", body=WEB)
        it.settled("web")
        tab.go("/clouds")
        tab.comes(f"{LEFT_OVER}?.includes('Nothing.')")
        back_up(it, copy)
        route = f"/v1/clusters/web/{it.details(session, 'web')['id']}"
        session.call("PATCH", route, body={"desired_size": 2})
    it.settled("web")
    restore(it, copy)
    with it.session() as session:
        [stray] = session.call("GET", "/v1/strays")["strays"]
        tab.go("/clouds")
        tab.comes(f"{LEFT_OVER}?.includes({stray['name']!r})")
        tab.shows("It goes by itself after a while")
        assert len(it.instances()) == 2
        session.call("DELETE", route)  # with which it goes before its time
    tab.comes(f"{LEFT_OVER}?.includes('Nothing.')")
    until(lambda: not it.instances(), 60, lambda: f"{it.instances()}: {it.told()}")
