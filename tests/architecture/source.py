"""The product's source as trees: what the rules about the code are checked on."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "src" / "muster"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> tuple[Path, ...]:
    """Every module of the product but images it ships, which are not its code."""
    found = sorted(PRODUCT.rglob("*.py"))
    return tuple(m for m in found if "images" not in m.relative_to(PRODUCT).parts)


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


@cache
def nodes(module: Path) -> tuple[ast.AST, ...]:
    """Everything in the module's tree; walked once for all rules."""
    return tuple(ast.walk(tree(module)))


def named(module: Path) -> str:
    return str(module.relative_to(PRODUCT))


@cache
def functions(module: Path) -> tuple[Function, ...]:
    return tuple(node for node in nodes(module) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines of the body, the docstring left out."""
    body = function.body
    if ast.get_docstring(function):
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def calls(module: Path) -> Iterator[str]:
    for each in nodes(module):
        if isinstance(each, ast.Call):
            yield _dotted(each.func)


def _dotted(function: ast.expr) -> str:
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute):
        return f"{_dotted(function.value)}.{function.attr}"
    return ast.unparse(function)


def is_pass_through(function: Function) -> bool:
    """Whether the whole body is one call that hands the function's own arguments on.

    Methods that a Protocol or a framework asks for are counted too: the share is what
    is budgeted, not the single case.
    """
    body = function.body[1:] if ast.get_docstring(function) else function.body
    own = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
    own = [a for a in own if a not in ("self", "cls")]
    if len(body) != 1 or not own:
        return False
    value = body[0].value if isinstance(body[0], ast.Return | ast.Expr) else None
    value = value.value if isinstance(value, ast.Await) else value
    if not isinstance(value, ast.Call):
        return False
    given = [*value.args, *(k.value for k in value.keywords)]
    return [a.id for a in given if isinstance(a, ast.Name)] == own and len(given) == len(own)
