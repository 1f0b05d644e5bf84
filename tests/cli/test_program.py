"""The program itself: its tree, its hints, its completion, and nobody at the other end."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from house import MUSTER
from muster.__main__ import SERVER_COMMANDS
from muster.cli.main import COMMANDS, tree

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
ELSEWHERE = {
    ("demo",): "measured by `make bench`",
    ("completion",): "below, as a process",
}


def ran(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", **environ}
    return subprocess.run([*MUSTER, *words], env=env, capture_output=True, text=True, timeout=60)


def leaves(group: click.Group, *above: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, *above, name)
        elif name not in SERVER_COMMANDS and (not above or above[0] not in SERVER_COMMANDS):
            yield (*above, name)


def typed() -> set[tuple[str | None, ...]]:
    """Return the first word, and every two to four, that stand in the tests after each other."""
    found: set[tuple[str | None, ...]] = set()
    for module in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call | ast.Tuple):
                inside = node.args if isinstance(node, ast.Call) else node.elts
                words = [e.value if isinstance(e, ast.Constant) else None for e in inside]
                found.add(tuple(words[:1]))
                found |= {words_of for n in (2, 3, 4) for words_of in _next_to_each_other(words, n)}
    return found


def _next_to_each_other(words, count):
    return zip(*(words[n:] for n in range(count)), strict=False)


def test_every_command_is_typed_somewhere_in_these_tests():
    assert set(leaves(tree)) - typed() - set(ELSEWHERE) == set()


@pytest.mark.filterwarnings("error::UserWarning")  # an option that is there twice
@pytest.mark.parametrize("command", sorted(leaves(tree)))
def test_every_command_explains_itself(command):
    said = CliRunner().invoke(tree, [*command, "--help"], prog_name="muster")
    assert said.exit_code == 0
    assert said.output.startswith(f"Usage: muster {' '.join(command)}")


def test_help_lists_every_command():
    said = ran("--help")
    assert said.returncode == 0
    assert all(f"  {name} " in said.stdout for name in {*COMMANDS, *SERVER_COMMANDS})


def test_the_version_is_told():
    assert ran("--version").stdout.startswith("muster, version ")


def test_an_unknown_command_is_answered_with_the_nearest_one():
    said = ran("clutser", "list")
    assert said.returncode == 2
    assert "Did you mean 'cluster'?" in said.stderr
    assert "`muster --help` lists them." in ran("xyzzy").stderr


def test_an_unknown_option_is_answered_with_the_nearest_one():
    said = ran("cluster", "create", "web", "--imgae", "demo-web")
    assert said.returncode == 2
    assert "--image" in said.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed(shell):
    said = ran("completion", shell, PATH="/usr/local/bin:/usr/bin:/bin")
    assert said.returncode == 0, said.stderr
    assert "_MUSTER_COMPLETE" in said.stdout


def test_completion_completes():
    said = ran(_MUSTER_COMPLETE="bash_complete", COMP_WORDS="muster cluster re", COMP_CWORD="2")
    assert {"plain,resize", "plain,resume"} <= set(said.stdout.split())


def test_nobody_there_is_said_with_what_to_do():
    said = ran("--url", "http://127.0.0.1:1", "cluster", "list")
    assert said.returncode == 1
    assert "no Muster server answers at http://127.0.0.1:1" in said.stderr
    assert "muster serve" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://x", "http://[", "http://x:99999"])
def test_an_address_that_is_none_is_said_to_be(url):
    said = ran("--url", url, "cluster", "list")
    assert said.returncode in (1, 2)
    assert "Traceback" not in said.stderr
    assert said.stderr.startswith(("Error: ", "Usage: "))


def test_a_server_that_is_something_else_is_noticed():
    program = (
        "import http.server as h\n"
        "s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)\n"
        "print(s.server_port, flush=True)\n"
        "s.serve_forever()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert other.stdout is not None
        port = other.stdout.readline().strip()
        for words in (("cluster", "list"), ("event", "list"), ("cluster", "show", "x")):
            said = ran("--url", f"http://127.0.0.1:{port}", *words)
            assert said.returncode == 1
            assert "Traceback" not in said.stderr
    finally:
        other.kill()
        other.wait()


def test_the_environment_says_where_the_server_is(muster):
    assert ran("cloud", "list", MUSTER_URL=muster.house.url).returncode == 0
    listen = f"127.0.0.1:{muster.house.port}"
    assert ran("cloud", "list", MUSTER_LISTEN=listen).returncode == 0


def test_a_server_command_fits_the_url_it_prints(muster):
    said = ran("--json", "cluster", "list", "--all-projects", MUSTER_URL=muster.house.url)
    assert said.stdout.startswith("[")
