"""Budgets: measures that may get better and never worse.

`BUDGET` is the promise. Where the code is already better than `RATCHET` says, lower the
number there; nothing may raise it.
"""

import ast
import re
from statistics import quantiles

from architecture.source import (
    ROOT,
    body_lines,
    functions,
    is_pass_through,
    modules,
    named,
    tree,
)

EXEMPT_LENGTH = {"store/tables.py"}  # tables of columns, nothing else


def everything():
    return [(m, f) for m in modules() for f in functions(m)]


def test_the_ninetieth_percentile_of_bodies_is_at_most_25_lines():
    lengths = [body_lines(f) for _, f in everything()]
    assert quantiles(lengths, n=10)[8] <= 25


def test_no_function_is_longer_than_60_lines():
    long = [(named(m), f.name) for m, f in everything() if body_lines(f) > 60]
    assert long == []


def test_no_module_is_longer_than_400_lines():
    long = [
        named(m)
        for m in modules()
        if len(m.read_text().splitlines()) > 400 and named(m) not in EXEMPT_LENGTH
    ]
    assert long == []


def test_no_function_takes_more_than_five_parameters():
    def count(function):
        args = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        return len([a for a in args if a.arg not in ("self", "cls")])

    def is_command(function):
        """Commands and handlers get one parameter per option; the framework fills them."""
        return any(
            re.search(r"\b(click|command|get|post|patch|delete|websocket)\b", ast.unparse(d))
            for d in function.decorator_list
        )

    wide = [(named(m), f.name) for m, f in everything() if count(f) > 5 and not is_command(f)]
    assert wide == []


def test_at_most_five_percent_of_functions_only_hand_on():
    every = everything()
    handing = [(named(m), f.name) for m, f in every if is_pass_through(f)]
    assert len(handing) <= 0.05 * len(every), handing


def test_tests_patch_nothing():
    sign = re.compile(r"mock\.patch|MagicMock|mocker\.|monkeypatch\.setattr")
    here = [
        p
        for p in (ROOT / "tests").rglob("*.py")
        if "architecture" not in p.parts and sign.search(p.read_text())
    ]
    assert here == []


def test_ports_stay_small():
    for module in modules():
        if "ports" not in module.parts:
            continue
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef) and any(
                "Protocol" in ast.unparse(b) for b in node.bases
            ):
                verbs = [
                    f
                    for f in node.body
                    if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
                    and not any(ast.unparse(d) == "property" for d in f.decorator_list)
                ]
                assert len(verbs) <= 8, node.name
