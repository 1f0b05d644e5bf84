"""Rules about the code itself that no linter holds."""

import ast
import re
import subprocess

import pytest

from architecture.source import PRODUCT, ROOT, calls, functions, modules, named, nodes, tree

AMBIENT = re.compile(
    r"(datetime|date)\.(now|utcnow|today)$|(^|\.)uuid[14]$|^random\.|^secrets\.|^time\.time$"
)
# Where a clock or chance is the point, with the reason.
AMBIENT_ALLOWED = {
    "base/clock.py": "the one clock",
    "base/ids.py": "the one source of ids",
    "service/tokens.py": "secrets must not be guessable",
    "drivers/identity/passwords.py": "salts must not be guessable",
}


@pytest.mark.parametrize("ring", ["decide", "model"])
def test_the_centre_is_pure(ring):
    for module in modules():
        if module.relative_to(PRODUCT).parts[0] == ring:
            awaits = [n for n in nodes(module) if isinstance(n, ast.AsyncFunctionDef)]
            assert not awaits, named(module)


def test_time_and_chance_come_from_base_only():
    taken = [
        (named(module), call)
        for module in modules()
        if named(module) not in AMBIENT_ALLOWED
        for call in calls(module)
        if AMBIENT.search(call)
    ]
    assert taken == []


def test_every_cited_note_exists_and_every_note_is_cited():
    text = "\n".join(m.read_text() for m in modules())
    written = re.findall(r"^\s*# Note \[(.+?)\]$", text, re.M)
    flowing = re.sub(r"\s*\n\s*(#\s*)?", " ", text)  # a title may be broken over two lines
    cited = set(re.findall(r"[Ss]ee Note \[(.+?)\]", flowing))
    assert len(written) == len(set(written)), "two notes of one title"
    assert set(written) == cited


def test_every_module_says_what_it_answers_for():
    assert [named(module) for module in modules() if not ast.get_docstring(tree(module))] == []


def test_names_say_what_is_inside():
    banned = {"utils", "common", "helpers", "manager", "base_class", "misc", "util"}
    assert [named(m) for m in modules() if m.stem in banned] == []


def broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {ast.unparse(t) for t in getattr(handler.type, "elts", [handler.type])}
    return bool(names & {"Exception", "BaseException"})


def test_everything_is_caught_in_exactly_four_places_and_the_map_names_them():
    """Per step and per pass by an `except`, per request by the application's handler."""
    found = {
        named(module)
        for module in modules()
        for node in nodes(module)
        if isinstance(node, ast.ExceptHandler) and broad(node)
    }
    handling = {named(m) for m in modules() if "{Exception:" in m.read_text()}
    assert found | handling == {
        "engine/run.py",
        "base/enduring.py",
        "api/app.py",
        "agent/server.py",
    }
    told = (ROOT / "ARCHITECTURE.md").read_text()
    assert [m for m in found | handling if m not in told] == []


def test_the_tree_holds_no_machine_path_and_no_registry_host():
    wrong = re.compile(r"(?<![\w.])/(work|farm)/|pythonhosted|registry\.npmjs|files\.pypi")
    kinds = {".py", ".md", ".toml", ".lock", ".txt", ".yaml", ".yml", ".json", ""}
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for path in (ROOT / name for name in tracked.split("\0") if name):
        if path.is_file() and path.suffix in kinds and path.name != "test_rules.py":
            assert not wrong.search(path.read_text(errors="replace")), path


def test_functions_that_answer_have_types():
    for module in modules():
        for function in functions(module):
            assert function.returns is not None, (named(module), function.name)
