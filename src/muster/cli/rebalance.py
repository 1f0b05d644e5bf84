"""`muster rebalance`: which nodes would better be on other hosts, and having them move there."""

from typing import TYPE_CHECKING, Any

import click

from muster.cli.asking import NUMBER, Asking, asking
from muster.cli.show import field, listing

if TYPE_CHECKING:
    from rich.console import Console

    from muster.client.http import Session

COLUMNS = [
    ("NODE", field("name")),
    ("CLUSTER", field("cluster")),
    ("FROM", field("source")),
    ("TO", field("target")),
    ("BENEFIT", field("benefit")),
    ("DISRUPTION", field("disruption")),
    ("WHY", field("reason")),
]


@click.command()
@click.option("--cloud", "name", help="Default: the server's default cloud.")
@click.option("--away", multiple=True, metavar="HOST", help="To be left by all; may be repeated.")
@click.option("--plan", is_flag=True, help="Show what would move, and move nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--timeout", type=NUMBER, default=600, show_default=True, help="Of each move, in s.")
@asking
def rebalance(asked: Asking, name: str | None, plan: bool, yes: bool, **said: Any) -> None:
    """Move nodes to other hosts where that is worth more than it disturbs.

    Broken rules of placement come first, with the fewest moves; then clusters that lean on
    few hosts or zones, and hosts that are fuller than others. With --away all that can leave a
    host do, such as before work on it. A node is down while it
    moves; they move one after another, and the first that cannot ends it. Instances of virtual
    clusters that belong together move at once, and never against a rule. Once all have
    moved, nothing more is proposed.
    """
    from muster.client.http import at

    with asked.session() as session:
        path = at("clouds", name or _default(session), "rebalance")
        query = {"away": ",".join(said["away"]) or None}
        found = session.call("GET", path, query=query)["rebalance"]
        moved: list[str] = []
        if not plan and found["transfers"]:
            _confirmed(asked, found, yes=yes)
            for each in found["transfers"]:
                _move(session, each, said["timeout"])
                moved.append(each["name"])
    if plan:
        asked.show(found, lambda out: _tell(out, found))
    else:
        text = f"Moved {len(moved)}: {', '.join(moved)}." if moved else "Nothing is worth a move."
        asked.show({**found, "moved": moved}, lambda out: out.print(text))


def _default(session: "Session") -> str:
    """Return the default cloud, which is listed first."""
    return str(session.call("GET", "/v1/clouds")["clouds"][0]["name"])


def _confirmed(asked: Asking, said: dict[str, Any], *, yes: bool) -> None:
    """Go on only if somebody agrees to what he is shown."""
    if not yes and not asked.as_json:
        _tell(asked.console(), said)
    if not yes:
        click.confirm(f"Move {len(said['transfers'])} nodes?", abort=True, err=True)


def _move(session: "Session", each: dict[str, Any], timeout: float) -> None:
    from muster.client.http import at
    from muster.client.waiting import until_ended, until_whole

    if each["vcluster_id"]:
        project = session.call("GET", "/v1/whoami")["project"]
        where = at(project, "vclusters", each["vcluster_id"], version="v2")
        change = {"move_instances": each["instances"], "to_host": each["target"]}
        session.call("PATCH", where, {"vcluster": change}, patience_s=90)
        until_whole(session, where, timeout)
        return
    path, body = at("nodes", each["node_id"], "ops"), {"evacuate": {"host": each["target"]}}
    _, action = session.wish("POST", path, body)
    for _ in until_ended(session, action, timeout):
        pass


def _tell(out: "Console", said: dict[str, Any]) -> None:
    none = f"Nothing on {said['cloud']} is worth a move."
    listing(out, said["transfers"], COLUMNS, none)
    if said["transfers"]:
        gain = f"{said['benefit']:g} gained for {said['disruption']:g} of disruption"
        out.print(f"\n{gain}: from {said['before']:g} to {said['after']:g}, 0 is best.")
    for each in said["unsolved"]:
        out.print(f"Stays wrong: {each}")
    if not said["complete"]:
        out.print("There is more to be moved after that.")
