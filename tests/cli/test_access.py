"""Who may do what, told at the command line where identity is basic."""

import pytest

from cli.terminal import Terminal, terminal
from house import MUSTER, house

pytestmark = pytest.mark.system

MADE = ("--image", "demo-web", "--flavor", "tiny", "--min", "1", "--max", "2", "--wait")
PEOPLE = (("ann", "red", "member"), ("bob", "blue", "member"), ("rita", "red", "reader"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server that asks for names; the users are added by the server's own command."""
    import subprocess

    home = tmp_path_factory.mktemp("guarded") / "home"
    with house(home, MUSTER_DEFAULT_CLOUD="simulated", MUSTER_IDENTITY="basic") as it:
        for name, project, role in PEOPLE:
            words = ("user", "add", name, "--project", project, "--role", role)
            command = [*MUSTER, *words, "--password", f"{name}'s password"]
            subprocess.run(command, env=it.environ, check=True, capture_output=True)
        listed = subprocess.run(
            [*MUSTER, "user", "list"], env=it.environ, check=True, capture_output=True, text=True
        )
        assert [line.split()[0] for line in listed.stdout.splitlines()] == ["ann", "bob", "rita"]
        it.start()
        yield it


def person(guarded, name: str) -> Terminal:
    return terminal(guarded, MUSTER_USER=name, MUSTER_PASSWORD=f"{name}'s password")


def test_nobody_is_told_how_to_say_who_he_is(guarded):
    assert "--user and --password" in terminal(guarded).refused("cluster", "list")


def test_a_wrong_password_is_refused(guarded):
    wrong = ("--user", "ann", "--password", "guess")
    assert "--password" in terminal(guarded).refused(*wrong, "cluster", "list")


def test_a_reader_may_read_and_not_write(guarded):
    rita = person(guarded, "rita")
    assert rita.asked("flavor", "list")
    words = rita.refused("cluster", "create", "hers", *MADE, "--port", "23001")
    assert "may" in words
    assert rita.asked("cluster", "list") == []


def test_projects_do_not_see_each_other(guarded):
    ann, bob = person(guarded, "ann"), person(guarded, "bob")
    ann.good("cluster", "create", "web", *MADE, "--port", "23002")
    id = ann.asked("cluster", "show", "web")["stack_id"]
    assert bob.asked("cluster", "list") == []
    assert bob.asked("instance", "list") == []
    assert bob.asked("event", "list") == []
    assert bob.asked("action", "list") == []
    for name in ("web", id):
        assert "could not be found" in bob.refused("cluster", "show", name)
        assert "could not be found" in bob.refused("cluster", "delete", name, "--yes")
    bob.refused("--project", "red", "cluster", "list")
    assert [row["name"] for row in person(guarded, "rita").asked("cluster", "list")] == ["web"]


def test_only_an_admin_sees_every_project(guarded):
    person(guarded, "ann").refused("cluster", "list", "--all-projects")


def test_a_token_stands_for_its_maker(guarded):
    secret = person(guarded, "bob").good("token", "create").strip()
    made = terminal(guarded, MUSTER_TOKEN=secret)
    made.good("cluster", "create", "bobs", *MADE, "--port", "23003")
    assert [row["name"] for row in person(guarded, "bob").asked("cluster", "list")] == ["bobs"]
