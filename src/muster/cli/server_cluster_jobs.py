"""Clusters of servers at work: servers in and out, rounds over them, and how far a job is."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.provisioning import at, called, seen
from muster.cli.show import Column, field, listing, pairs

_LOOK_S = 0.5
_UNDER_WAY = frozenset({"running", "turning back"})
_FILE = click.File("r")


def waiting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that begins a job the option to see it through."""
    about = "Wait until it is over, saying each step; ends with 1 unless it is done."
    return click.option("--wait", is_flag=True, help=about)(command)


def names_in(said: str) -> list[str]:
    return [each.strip() for each in said.split(",") if each.strip()]


def told(asked: Asking, made: Mapping[str, Any], wait: bool) -> None:
    """Say that a job has begun, or, with `wait`, see it through."""
    name = made["name"]
    if wait:
        made = _seen_through(asked, name)
    job = made["job"]
    text = f"Cluster {name}: {job['kind']} is {job['status']}. {job['reason']}".rstrip()
    if made["cloud"] and job["kind"] == "create":
        text = f"{text} It is cloud {made['cloud']}."
    asked.show(made, lambda out: out.print(text))
    if wait and job["status"] != "done":
        raise SystemExit(1)


def _seen_through(asked: Asking, name: str) -> Mapping[str, Any]:
    said = ""
    while True:
        known = seen(asked, "clusters", name)
        job = known["job"]
        if job["progress"] != said:
            said = job["progress"]
            click.echo(said, err=True)
        if job["status"] not in _UNDER_WAY:
            return known
        time.sleep(_LOOK_S)


def whole(out: Any, known: Mapping[str, Any]) -> None:
    """Print a cluster, and the journal of its last job."""
    job = known["job"] or {}
    large = {"certificate", "job", "update_status", "config"}
    rows = [(key, value) for key, value in known.items() if key not in large]
    rows += [("in maintenance", ", ".join(known["update_status"]["in_maintenance"]))]
    rows += [(f"job {key}", job[key]) for key in ("kind", "status", "reason") if job]
    pairs(out, [(key, called(each) if key == "last_updated" else each) for key, each in rows])
    columns: tuple[Column, ...] = (
        ("STEP", field("step")),
        ("SERVER", field("server")),
        ("WHAT", field("what")),
        ("STATUS", field("status")),
        ("WHY", field("reason")),
    )
    listing(out, job.get("steps") or [], columns, "")


def _asked_of(asked: Asking, name: str, verb: str, body: Any = None) -> Mapping[str, Any]:
    with asked.session() as session:
        made: Mapping[str, Any] = session.call("POST", at("clusters", name, verb), body)["metadata"]
        return made


@click.command("add")
@click.argument("name")
@click.option("--server-names", "-s", required=True, help="The servers, with commas in between.")
@waiting
@asking
def add(asked: Asking, name: str, server_names: str, wait: bool) -> None:
    """Have servers join a cluster, once nothing speaks against it."""
    body = {"server_names": names_in(server_names)}
    told(asked, _asked_of(asked, name, ":add-servers", body), wait)


@click.command("remove")
@click.argument("name")
@click.option("--server-names", "-s", required=True, help="The servers, with commas in between.")
@click.option("--lost", is_flag=True, help="They do not answer: strike them out.")
@waiting
@asking
def remove(asked: Asking, name: str, server_names: str, lost: bool, wait: bool) -> None:
    """Have servers leave a cluster: evacuated and empty, or lost. They are reset with that.

    A lost one is reset when it answers again.
    """
    body = {"server_names": names_in(server_names), "lost": lost}
    told(asked, _asked_of(asked, name, ":remove-servers", body), wait)


@click.command("certificate")
@click.argument("name")
@click.option("--certificate", type=_FILE, required=True, help="A file, PEM.")
@click.option("--key", type=_FILE, required=True, help="A file with its key, PEM.")
@waiting
@asking
def certificate(asked: Asking, name: str, certificate: Any, key: Any, wait: bool) -> None:
    """Give a cluster another certificate."""
    body = {
        "cluster_certificate": certificate.read(),
        "cluster_certificate_key": key.read(),
    }
    with asked.session() as session:
        made = session.call("PUT", at("clusters", name, "certificate"), body)["metadata"]
    told(asked, made, wait)


_FORCE = click.option("--force", is_flag=True, help="Although something has to stop meanwhile.")


def _round(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a round over servers."""
    many = "How many may be away at once, where there is room; as the cluster says."
    after = "What becomes of the others where one fails; stop."
    for option in (
        click.option("--on-failure", type=click.Choice(["stop", "continue"]), help=after),
        click.option("--max-parallel", type=click.IntRange(1, 100), help=many),
        click.option("--dry-run", is_flag=True, help="Only say what speaks against it."),
        _FORCE,
    ):
        command = option(command)
    return command


@click.command("update")
@click.argument("name")
@click.option("--reboot", is_flag=True, help="Reboot those that need it, too.")
@_round
@waiting
@asking
def update(asked: Asking, name: str, wait: bool, **said: Any) -> None:
    """Update the servers of a cluster one by one; with --reboot, then reboot them in turn."""
    _begun(asked, name, ":update", _said(said), wait)


@click.command("reboot")
@click.argument("name")
@_round
@waiting
@asking
def reboot(asked: Asking, name: str, wait: bool, **said: Any) -> None:
    """Reboot the servers of a cluster in turn, each evacuated before."""
    _begun(asked, name, ":reboot", _said(said), wait)


def _begun(asked: Asking, name: str, verb: str, body: Mapping[str, Any], wait: bool) -> None:
    """Begin a round, or, where only that is asked, say what speaks against it."""
    made = _asked_of(asked, name, verb, body)
    if not body["dry_run"]:
        told(asked, made, wait)
        return
    rows = [(each["server"] or name, each["text"]) for each in made["findings"]]
    well = f"Nothing speaks against it: {len(made['steps'])} steps."
    asked.show(made, lambda out: pairs(out, rows) if rows else out.print(well))
    if rows:
        raise SystemExit(1)


def _said(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _order(command: str, verb: str, about: str) -> click.Command:
    """Return a command that has a job do otherwise, and does not wait for it."""

    @click.command(command, help=about)
    @click.argument("name")
    @asking
    def order(asked: Asking, name: str) -> None:
        told(asked, _asked_of(asked, name, verb), wait=False)

    return order


pause = _order("pause", ":pause", "Let a round over servers rest after the step that it is at.")
rollback = _order(
    "rollback",
    ":rollback",
    "Undo the making of a cluster, or the joining of servers, that is under way.",
)
cancel = _order(
    "cancel",
    ":cancel-operation",
    "End a round over servers; the server that it is at comes back first.",
)


@click.command("resume")
@click.argument("name")
@waiting
@asking
def resume(asked: Asking, name: str, wait: bool) -> None:
    """Have a job go on that rests or was stopped."""
    told(asked, _asked_of(asked, name, ":resume"), wait)


@click.command("tell")
@click.argument("server")
@click.argument(
    "what",
    type=click.Choice(["evacuate", "restore", "reboot", "update", "poweroff", "factory-reset"]),
)
@_FORCE
@waiting
@asking
def tell(asked: Asking, server: str, what: str, force: bool, wait: bool) -> None:
    """Have one SERVER do something; factory-reset loses all that is on it."""
    query = {"force": "true"} if force else {}
    with asked.session() as session:
        path = at("servers", server, f"system/:{what}")
        made = session.call("POST", path, query=query)["metadata"]
    if made:
        told(asked, made, wait)
    else:
        asked.show(None, lambda out: out.print(f"Server {server} is told to {what}."))


COMMANDS = (
    add,
    remove,
    certificate,
    update,
    reboot,
    pause,
    resume,
    rollback,
    cancel,
    tell,
)
