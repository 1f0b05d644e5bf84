"""Profiles and policies: specifications that are written down once and used by name."""

from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import mapping_of, metadata_option, said, spec_option
from muster.cli.show import Row, field, listing, local, pairs


@click.group()
def profile() -> None:
    """Profiles: what one node is made of."""


@click.group()
def policy() -> None:
    """Policies: rules that clusters are attached to."""


def _rows(asked: Asking, plural: str, kind: str | None) -> list[Row]:
    with asked.session() as session:
        rows: list[Row] = session.call("GET", f"/v1/{plural}", query={"type": kind})[plural]
    return rows


def _group(group: click.Group, noun: str, plural: str) -> None:
    """Add to `group` what profiles and policies have alike."""

    @group.command("list")
    @click.option("--type", "kind", help="Of this type only, with its version.")
    @asking
    def list_(asked: Asking, kind: str | None) -> None:
        rows = _rows(asked, plural, kind)
        columns = [
            ("NAME", field("name")),
            ("TYPE", field("type")),
            ("CREATED", lambda row: local(row.get("created_at"))),
            ("ID", field("id")),
        ]
        empty = f"No {plural}. Make one: muster {noun} create NAME --spec FILE"
        asked.show(rows, lambda out: listing(out, rows, columns, empty))

    @group.command("show")
    @click.argument("name")
    @asking
    def show(asked: Asking, name: str) -> None:
        from muster.client.http import at

        with asked.session() as session:
            seen = session.call("GET", at(plural, name))[noun]
        asked.show(seen, lambda out: pairs(out, list(seen.items())))

    @group.command("validate")
    @spec_option
    @asking
    def validate(asked: Asking, spec: str) -> None:
        body = {noun: {"spec": mapping_of(spec, "--spec")}}
        with asked.session() as session:
            seen = session.call("POST", f"/v1/{plural}/validate", body)[noun]
        asked.show(seen, lambda out: out.print(f"This would be a {noun}: {seen['type']}"))

    @group.command("delete")
    @click.argument("name")
    @asking
    def delete(asked: Asking, name: str) -> None:
        from muster.client.http import at

        with asked.session() as session:
            session.call("DELETE", at(plural, name))
        asked.show(None, lambda out: out.print(f"{noun.capitalize()} {name} is gone."))

    list_.help = f"List {plural}."
    show.help = f"Show {noun} NAME."
    validate.help = f"Say whether a specification would make a {noun}."
    delete.help = f"Delete {noun} NAME, which nothing uses."
    group.add_command(_types(noun))


def _types(noun: str) -> click.Command:
    @click.command("types", help=f"List types of {noun}, or show TYPE (with its version).")
    @click.argument("type_", metavar="[TYPE]", required=False)
    @asking
    def types(asked: Asking, type_: str | None) -> None:
        from muster.client.http import at

        with asked.session() as session:
            if type_:
                seen = session.call("GET", at(f"{noun}-types", type_))[f"{noun}_type"]
                items = [(k, str(v)) for k, v in seen["schema"].items()]
                asked.show(seen, lambda out: pairs(out, items))
                return
            rows = session.call("GET", f"/v1/{noun}-types")[f"{noun}_types"]
        columns = [("TYPE", lambda row: f"{row['name']}-{row['version']}")]
        asked.show(rows, lambda out: listing(out, rows, columns, "No types."))

    return types


_group(profile, "profile", "profiles")
_group(policy, "policy", "policies")


def _make(asked: Asking, noun: str, plural: str, body: dict[str, Any]) -> None:
    with asked.session() as session:
        made = session.call("POST", f"/v1/{plural}", {noun: body})[noun]
    text = f"{noun.capitalize()} {made['name']} is there: {made['id']}"
    asked.show(made, lambda out: out.print(text))


def _change(asked: Asking, path: str, noun: str, body: dict[str, Any]) -> None:
    if not body:
        raise click.UsageError("Say what to change, for example --name other.")
    with asked.session() as session:
        made = session.call("PATCH", path, {noun: body})[noun]
    asked.show(made, lambda out: out.print(f"{noun.capitalize()} {made['name']} is changed."))


@profile.command("create")
@click.argument("name")
@spec_option
@metadata_option
@asking
def create_profile(asked: Asking, name: str, spec: str, metadata: Any) -> None:
    """Make a profile NAME of a specification.

    muster profile create small --spec small.yaml
    """
    body = said(name=name, spec=mapping_of(spec, "--spec"), metadata=metadata)
    _make(asked, "profile", "profiles", body)


@profile.command("update")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@metadata_option
@asking
def update_profile(asked: Asking, name: str, new_name: str | None, metadata: Any) -> None:
    """Change name or metadata of profile NAME; what it is made of stays."""
    from muster.client.http import at

    body = said(name=new_name, metadata=metadata)
    _change(asked, at("profiles", name), "profile", body)


@policy.command("create")
@click.argument("name")
@spec_option
@asking
def create_policy(asked: Asking, name: str, spec: str) -> None:
    """Make a policy NAME of a specification.

    muster policy create by-two --spec by-two.yaml
    """
    _make(asked, "policy", "policies", {"name": name, "spec": mapping_of(spec, "--spec")})


@policy.command("update")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@asking
def update_policy(asked: Asking, name: str, new_name: str | None) -> None:
    """Change the name of policy NAME."""
    from muster.client.http import at

    _change(asked, at("policies", name), "policy", said(name=new_name))
