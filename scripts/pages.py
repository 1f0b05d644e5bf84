"""The reference page of the console: every page that it has, with its picture."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from console_pages import picture_of, titles  # noqa: E402


def page(made: str) -> str:
    lines = [
        made,
        "# The console, page by page",
        "",
        "Made by `make docs` of a real server on the simulated cloud, in a real browser. What each "
        "is for: [use the console](../how-to/use-the-console.md).",
        "",
    ]
    for pattern, title in titles().items():
        picture = f"![{title}](../pictures/{picture_of(pattern)})"
        lines += [f"## {title}", "", f"`{pattern}`", "", picture, ""]
    return "\n".join(lines)
