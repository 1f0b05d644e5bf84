"""Templates of clusters of servers: two documents with places for values."""

from collections.abc import Mapping
from typing import Any

import click

from muster.cli.asking import Asking, asking, text_of
from muster.cli.given import mapping_of, pairs_option, said
from muster.cli.provisioning import HERE, at, called, drop, listed, revised, seen
from muster.cli.show import Column, field, listing, pairs

_KIND = "cluster-templates"
_FILE = click.Path(exists=True, dir_okay=False)
asking_secrets = click.option(
    "--ask-secrets", is_flag=True, help="Ask for what is secret and not given, unseen."
)


def with_secrets(asked: Asking, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for a template, and what was typed for those that are secret and lack."""
    known = seen(asked, _KIND, name)["variables"]
    names = [each for each, one in known.items() if one.get("type") == "secret"]
    return {**values, **{each: _typed(each) for each in names if each not in values}}


def _typed(name: str) -> str:
    return str(click.prompt(name, hide_input=True, err=True))


def _documents(command: Any) -> Any:
    """Give a command the files of a template."""
    for option in (
        click.option("--description", help="What it is for."),
        click.option("--variables", type=_FILE, help="YAML: NAME: {description, default}."),
        click.option("--application-config", "-a", type=_FILE, help="YAML with @VARIABLE@."),
        click.option("--service-config", "-c", type=_FILE, help="YAML with @VARIABLE@."),
    ):
        command = option(command)
    return command


def _body(
    service_config: str | None,
    application_config: str | None,
    variables: str | None,
    description: str | None,
) -> dict[str, Any]:
    read = {
        "service_config_template": service_config and text_of(service_config, "--service-config"),
        "application_config_template": application_config
        and text_of(application_config, "--application-config"),
        "variables": variables and mapping_of(variables, "--variables"),
    }
    return {**said(description=description), **{k: v for k, v in read.items() if v is not None}}


@click.group()
def template() -> None:
    """Templates that clusters of servers are made from."""


@template.command("list")
@asking
def template_list(asked: Asking) -> None:
    """List templates."""
    rows = listed(asked, _KIND, {})
    columns: tuple[Column, ...] = (
        ("NAME", field("name")),
        ("VARIABLES", lambda row: ", ".join(row["variables"])),
        ("DESCRIPTION", field("description")),
        ("CHANGED", lambda row: called(row["last_updated"])),
    )
    empty = "No templates. Keep one: muster template add NAME -c services.yaml -a application.yaml"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@template.command("show")
@click.argument("name")
@asking
def template_show(asked: Asking, name: str) -> None:
    """Show both documents of a template, and its variables."""
    known = seen(asked, _KIND, name)
    asked.show(known, lambda out: pairs(out, list(known.items())))


@template.command("add")
@click.argument("name")
@_documents
@asking
def template_add(asked: Asking, name: str, **files: str | None) -> None:
    """Keep a template called NAME."""
    with asked.session() as session:
        made = session.call("POST", f"{HERE}/{_KIND}", {"name": name, **_body(**files)})
    asked.show(made["metadata"], lambda out: out.print(f"Template {name} is kept."))


@template.command("edit")
@click.argument("name")
@_documents
@asking
def template_edit(asked: Asking, name: str, **files: str | None) -> None:
    """Give a template other documents; what is not given stays, and so do clusters made of it."""
    now = revised(asked, _KIND, name, _body(**files))
    asked.show(now, lambda out: out.print(f"Template {name} is changed."))


@template.command("rename")
@click.argument("name")
@click.argument("new")
@asking
def template_rename(asked: Asking, name: str, new: str) -> None:
    """Call a template NEW."""
    with asked.session() as session:
        session.call("POST", at(_KIND, name), {"name": new})
    asked.show(None, lambda out: out.print(f"Template {name} is called {new}."))


@template.command("remove")
@click.argument("name")
@asking
def template_remove(asked: Asking, name: str) -> None:
    """Forget a template; clusters made of it stay."""
    drop(asked, _KIND, name)
    asked.show(None, lambda out: out.print(f"Template {name} is forgotten."))


@template.command("preview")
@click.argument("name")
@click.option("--values", type=_FILE, help="YAML: NAME: value.")
@pairs_option("--set set_", "One value; may be repeated, and wins over the file.")
@asking_secrets
@asking
def template_preview(
    asked: Asking,
    name: str,
    values: str | None,
    set_: tuple[tuple[str, Any], ...],
    ask_secrets: bool,
) -> None:
    """Print both documents with values in them; what is wrong in those goes to standard error."""
    chosen = {**(mapping_of(values, "--values") if values else {}), **dict(set_)}
    chosen = with_secrets(asked, name, chosen) if ask_secrets else chosen
    body = {"cluster_template_variable_values": chosen}
    with asked.session() as session:
        told = session.call("POST", at(_KIND, name, ":preview"), body)["metadata"]

    def people(_: object) -> None:
        for title in ("service_config", "application_config"):
            click.echo(f"# {title}\n{told[title].rstrip()}")
        for each in told["findings"]:
            click.echo(f"{each['field']}: {each['message']}", err=True)

    asked.show(told, people)
