"""`muster import-senlin`: take over what the retired clustering service left in its database."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace

import click

from muster.model.retired import Retired
from muster.model.takeover import Choice, Entry, Fate
from muster.settings import Settings, load
from muster.wiring.serve import alone, prepare, told


@click.command("import-senlin")
@click.option("--from", "source", required=True, help="Its database: mysql://... or sqlite:///...")
@click.option("--dry-run", is_flag=True, help="Say what would be taken over, and change nothing.")
@click.option("--project", help="Take over only what belongs to this project of Senlin's.")
@click.option("--into", help="The project here. Without it each thing keeps its own.")
@click.option("--cloud", help="Where the servers are. Without it: the default cloud.")
@click.option("--unfinished", is_flag=True, help="Also what an action was still being done to.")
def import_senlin(source: str, dry_run: bool, cloud: str | None, **chosen: str | bool) -> None:
    """Take over the clusters of an OpenStack Senlin from its database.

    Ids, names and servers stay as they are; nothing is written to that database. Run again, it
    takes only what is not here yet. On SQLite the service has to be stopped meanwhile. Exits
    with 1 where something had to be left.
    """
    from muster.store.retired import read

    choice = Choice(**chosen)  # type: ignore[arg-type]  # the options above bear its fields' names
    with told():
        settings = load()
        if cloud:
            settings = replace(settings, default_cloud=cloud)
        prepare(settings)
        shared = settings.database.startswith("postgresql")
        with nullcontext() if shared else alone(settings.home):
            entries = asyncio.run(_import(settings, read(source), choice, dry_run))
    if not entries:
        where = f" of project {choice.project}" if choice.project else ""
        raise click.ClickException(f"there is nothing{where} in that database")
    report(entries, dry_run)
    if any(each.fate is Fate.LEFT for each in entries):
        raise SystemExit(1)


async def _import(
    settings: Settings, retired: Retired, choice: Choice, dry_run: bool
) -> list[Entry]:
    from muster.service.takeover import planned, taken_over
    from muster.wiring.house import open_house

    async with open_house(settings) as house:
        lots = await planned(house.desk, retired, choice)
        if dry_run:
            return [entry for lot in lots for entry in lot.entries]
        return [entry for lot in lots for entry in await taken_over(house.desk, lot)]


def report(entries: Iterable[Entry], dry_run: bool) -> None:
    """Say what became of each thing that needs a word, and how many there were of each kind."""
    counted: Counter[tuple[str, Fate]] = Counter()
    for each in entries:
        counted[each.noun, each.fate] += 1
        if each.why:
            click.echo(f"{each.fate}: {each.noun} {each.name or each.id} ({each.id}): {each.why}")
    would = "would be " if dry_run else ""
    for noun in sorted({noun for noun, _ in counted}):
        said = [
            f"{counted[noun, fate]} {_word(fate, would)}" for fate in Fate if counted[noun, fate]
        ]
        click.echo(f"{noun:10} {', '.join(said)}")


def _word(fate: Fate, would: str) -> str:
    return str(fate) if fate is Fate.THERE else f"{would}{fate}"
