"""What is given in files and as NAME=VALUE: specifications, metadata, parameters."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from muster.cli.asking import text_of


def mapping_of(path: str, option: str) -> dict[str, Any]:
    """Return the mapping that a YAML or JSON file holds; else end the command with why not."""
    import yaml

    from muster.cli.yaml_words import read_yaml

    try:
        said = read_yaml(text_of(path, option))
        json.dumps(said, allow_nan=False)
    except (yaml.YAMLError, ValueError, TypeError) as error:  # YAML knows more than JSON can say
        raise click.BadParameter(f"{path}: {error}", param_hint=option) from None
    if not isinstance(said, dict):
        raise click.BadParameter(f"{path} must hold a mapping", param_hint=option)
    return said


METAVAR = "NAME=VALUE"


def pair(text: str) -> tuple[str, Any]:
    """Return what NAME=VALUE says; a value that is JSON, such as 3 or true, is taken as such."""
    name, value = words(text)
    return name, _meant(value)


def words(text: str) -> tuple[str, str]:
    """Return name and value, both as they stand; what is no pair ends the command."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"{text!r} is not {METAVAR}.")
    return name, value


def _meant(said: str) -> Any:
    try:
        return json.loads(said, parse_constant=str)
    except ValueError:
        return said


def spec_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the file of a specification, as its argument `spec`."""
    return click.option(
        "--spec",
        required=True,
        type=click.Path(exists=True, dir_okay=False),
        help="The specification as YAML or JSON.",
    )(command)


def pairs_option(
    flag: str, about: str, read: Callable[[str], tuple[str, Any]] = pair
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return an option that is given as NAME=VALUE any number of times."""
    names = flag.split()
    return click.option(*names, multiple=True, type=read, metavar=METAVAR, help=about)


metadata_option = pairs_option("--metadata", "A word of your own; may be repeated.", words)
param_option = pairs_option("--param params", "A parameter; may be repeated.")


def said(**values: Any) -> dict[str, Any]:
    """Return those that were given: not None, and of pairs at least one."""
    return {
        name: dict(value) if _pairs(value) else value
        for name, value in values.items()
        if value is not None and value != ()
    }


def _pairs(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value)
