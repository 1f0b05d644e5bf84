"""`muster cluster`: everything one does with clusters."""

import json
from typing import TYPE_CHECKING, Any

import click

from muster.cli import membership, plain
from muster.cli.asking import Asking, asking
from muster.cli.given import mapping_of, said
from muster.cli.show import field, listing, plan
from muster.cli.wishes import How, body_of, changing, shape_options

if TYPE_CHECKING:
    from muster.client.http import Session


@click.group()
def cluster() -> None:
    """Create, watch, change and delete clusters."""


def found(session: "Session", name_or_id: str) -> dict[str, Any]:
    """Return the details of the one cluster that the name or id means."""
    from muster.client.http import at
    from muster.client.waiting import path

    seen = session.call("GET", at("clusters", name_or_id))["cluster"]
    answer = session.call("GET", path({**seen, "stack_name": seen["name"], "stack_id": seen["id"]}))
    assert isinstance(answer, dict)
    return answer


@cluster.command("create")
@click.argument("name", required=False)
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False), help="The body as JSON or YAML."
)
@shape_options
@plain.options
@changing
@asking
def create(
    asked: Asking,
    name: str | None,
    file: str | None,
    profile: str | None,
    how: How,
    **shape: Any,
) -> None:
    """Create cluster NAME: load-balanced, self-sizing, self-healing.

    muster cluster create web --image demo-web --flavor tiny --min 2 --max 6 --port 8080

    With --profile it is a plain one: so many nodes of a profile, and what policies add to it.

    muster cluster create plain --profile small --size 3
    """
    metadata, config = shape.pop("metadata"), shape.pop("config")
    if profile is not None:
        given = plain.Given(metadata=metadata, config=config, shape=body_of(shape))
        plain.create(asked, profile, name or "", given, how)
        return
    if config:
        raise click.UsageError("--config is for clusters with --profile.")
    shape |= said(metadata=metadata)
    body = {**(mapping_of(file, "--file") if file else {}), **body_of(shape)}
    if name:
        body["name"] = name
    if not body:
        raise click.UsageError(
            "Say what to make: muster cluster create web --image demo-web --flavor tiny "
            "--min 2 --max 6 --port 8080"
        )
    body.setdefault("create_bastion", False)  # the form that is meant, also where all else lacks
    with asked.session() as session:
        made = session.call("POST", "/v1/clusters", body, how.query)
        if how.plan:
            asked.show(made["plan"], lambda out: plan(out, made["plan"]))
            return
        if how.wait:
            made = _wait(asked, session, made, how.timeout)
    asked.show(made, lambda out: out.print(_born(made, how.wait)))


def _born(made: dict[str, Any], waited: bool) -> str:
    if waited:
        return f"{made['name']} serves at {made.get('load_balancer_url') or 'no address'}"
    return f"{made['name']} is being created. Watch it: muster cluster watch {made['name']}"


def _wait(
    asked: Asking, session: "Session", made: dict[str, Any], timeout: float
) -> dict[str, Any]:
    from muster.cli.progress import follow
    from muster.client.waiting import path, until_settled

    follow(asked, made["name"], until_settled(session, made, timeout))
    answer = session.call("GET", path(made))
    assert isinstance(answer, dict)
    return answer


@cluster.command("list")
@click.option("--all-projects", is_flag=True, help="Of every project; admins only.")
@asking
def list_(asked: Asking, all_projects: bool) -> None:
    """List clusters."""
    query = {"global_project": True if all_projects else None}
    with asked.session() as session:
        rows = session.call("GET", "/v1/clusters", query=query)["clusters"]
    columns = [
        ("NAME", field("name")),
        ("STATUS", field("status")),
        ("MIN", field("min_size")),
        ("DESIRED", field("desired_capacity")),
        ("MAX", field("max_size")),
        ("RUNNING", field("running_instances")),
        ("ADDRESS", field("load_balancer_address")),
        ("DOMAIN", field("load_balancer_domain")),
        ("WHY", field("status_reason")),
    ]
    empty = "No clusters. See one at work: muster demo. Make one: muster cluster create --help"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@cluster.command("show")
@click.argument("name")
@asking
def show(asked: Asking, name: str) -> None:
    """Show cluster NAME: sizes, address, members and their health, scaling, update."""
    from muster.cli.detail import details

    with asked.session() as session:
        seen = found(session, name)
    asked.show(seen, lambda out: details(out, seen))


@cluster.command("update")
@click.argument("name")
@shape_options
@changing
@asking
def update(
    asked: Asking,
    name: str,
    how: How,
    **shape: Any,
) -> None:
    """Change cluster NAME; another image or flavor comes in as a rolling update."""
    body = body_of(shape)
    if not body:
        raise click.UsageError("Say what to change, for example --image demo-web-v2.")
    _patch(asked, name, body, how)


@cluster.command("resize")
@click.argument("name")
@click.argument("size", type=int)
@changing
@asking
def resize(
    asked: Asking,
    name: str,
    size: int,
    how: How,
) -> None:
    """Bring cluster NAME to SIZE members."""
    _patch(asked, name, {"desired_size": size}, how)


def _patch(asked: Asking, name: str, body: dict[str, Any], how: How) -> None:
    from muster.client.waiting import path

    with asked.session() as session:
        where = path(found(session, name))
        answer = session.call("PATCH", where, body, how.query)
        if how.plan:
            asked.show(answer["plan"], lambda out: plan(out, answer["plan"]))
            return
        if how.wait:
            answer = _wait(asked, session, answer, how.timeout)
    done = "is changed" if how.wait else f"is being changed. Watch it: muster cluster watch {name}"
    asked.show(answer, lambda out: out.print(f"{name} {done}"))


@cluster.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Wait for no host that does not answer.")
@changing
@asking
def delete(asked: Asking, name: str, yes: bool, force: bool, how: How) -> None:
    """Delete cluster NAME: instances, load balancer, DNS name.

    What is on a host that is dead is not waited for: it goes when that is back.
    """
    from muster.cli.progress import follow
    from muster.client.waiting import path, until_gone

    insist = {"force": True} if force else {}
    with asked.session() as session:
        seen = found(session, name)
        if how.plan or not yes:
            said = session.call("DELETE", path(seen), query={**insist, "plan": True})["plan"]
            asked.show(said, lambda out: plan(out, said))
            if how.plan:
                return
            click.confirm("Delete it?", abort=True)
        session.call("DELETE", path(seen), query={**insist, "plan_hash": how.plan_hash})
        if how.wait:
            follow(asked, name, until_gone(session, seen, how.timeout))
    gone = "gone" if how.wait else "being deleted"
    asked.show(None, lambda out: out.print(f"{name} is {gone}."))


@cluster.command("plan")
@click.argument("name")
@click.option("--delete", "deleting", is_flag=True, help="Of deleting it.")
@shape_options
@asking
def plan_(asked: Asking, name: str, deleting: bool, **shape: Any) -> None:
    """Show what a change of NAME would do, step by step, and what would be lost."""
    from muster.client.waiting import path

    body = body_of(shape)
    if not deleting and not body:
        raise click.UsageError("Say of what: --delete, --size 4, --image demo-web-v2 ...")
    with asked.session() as session:
        where = path(found(session, name))
        method, said = ("DELETE", None) if deleting else ("PATCH", body)
        answer = session.call(method, where, said, {"plan": True})["plan"]
    asked.show(answer, lambda out: plan(out, answer))


@cluster.command("watch")
@click.argument("name")
@asking
def watch(asked: Asking, name: str) -> None:
    """Show cluster NAME live: members, health, load, events; until interrupted."""
    from muster.cli.live import watch as run

    with asked.session() as session:
        seen = found(session, name)
        if asked.as_json:
            for each in session.live(cluster=seen["id"]):
                click.echo(json.dumps(each.body))
        else:
            run(asked, session, seen)


@cluster.command("why")
@click.argument("name")
@click.option("--limit", type=int, default=5, show_default=True, help="How many decisions back.")
@asking
def why(asked: Asking, name: str, limit: int) -> None:
    """Say why NAME has the size it has, and when that may change."""
    from muster.cli.detail import decisions
    from muster.client.waiting import path

    with asked.session() as session:
        where = path(found(session, name))
        said = session.call("GET", f"{where}/why", query={"limit": limit})
    asked.show(said, lambda out: decisions(out, said))


def _verb(name: str, about: str, done: str) -> None:
    @cluster.command(name, help=about)
    @click.argument("cluster_name")
    @changing
    @asking
    def run(asked: Asking, cluster_name: str, how: How) -> None:
        from muster.client.waiting import path

        with asked.session() as session:
            where = f"{path(found(session, cluster_name))}/{name}"
            answer = session.call("POST", where, query=how.query)
            if how.plan:
                asked.show(answer["plan"], lambda out: plan(out, answer["plan"]))
                return
            if how.wait and name != "pause":  # it stands still by the time of the answer
                answer = _wait(asked, session, answer, how.timeout)
        asked.show(answer, lambda out: out.print(f"{cluster_name}: {done}"))


_verb("pause", "Stop the rolling update where it is; it keeps what it has.", "the update is paused")
_verb("resume", "Go on with the rolling update.", "the update goes on")
_verb("rollback", "Go back to the revision before the update.", "going back")

for _command in (*plain.COMMANDS, *membership.COMMANDS):
    cluster.add_command(_command)
