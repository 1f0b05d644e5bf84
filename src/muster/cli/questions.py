"""Questions to people in a terminal: a default in brackets, three tries, words that are hidden."""

from collections.abc import Callable

import click

TRIES = 3
Check = Callable[[str], str]  # what is wrong with an answer, "" if nothing
_TRUTH = {"y": True, "yes": True, "n": False, "no": False}


class TooMany(click.ClickException):
    """Somebody does not know the answer; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("Too many invalid answers")


def yes_or_no(text: str, default: bool) -> bool:
    said = _answered(
        f"{text} (yes/no)",
        "yes" if default else "no",
        lambda said: "" if said.lower() in _TRUTH else "Please answer yes or no.",
    )
    return _TRUTH[said.lower()]


def one_of(text: str, words: tuple[str, ...], default: str = "") -> str:
    """Return one of the words, in small letters."""
    shown = "/".join(words)
    said = _answered(
        f"{text} ({shown})",
        default,
        lambda said: "" if said.lower() in words else f"Please answer {' or '.join(words)}.",
    )
    return said.lower()


def words(text: str, default: str, check: Check) -> str:
    return _answered(text, default, check)


def hidden_twice(text: str, again: str) -> str:
    """Return what was typed the same twice, and shown never."""
    for _ in range(TRIES):
        first = _hidden(text)
        if not first:
            click.echo("It must not be empty.")
            continue
        if first == _hidden(again):
            return first
        click.echo("The two are not the same.")
    raise TooMany


def _hidden(text: str) -> str:
    said = click.prompt(text, default="", show_default=False, prompt_suffix=" > ", hide_input=True)
    return str(said)


def _answered(text: str, default: str, check: Check) -> str:
    shown = f"{text} [default={default}]" if default else text
    for _ in range(TRIES):
        said = click.prompt(shown, default=default, show_default=False, prompt_suffix=" > ")
        wrong = check(str(said).strip())
        if not wrong:
            return str(said).strip()
        click.echo(wrong)
    raise TooMany
