"""`muster simulate`: replay a load through scaling rules, and through what others would do."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from muster.base.errors import Invalid
from muster.decide.plant import Autoscaler, Plant, Trajectory, replay
from muster.decide.presets import PRESETS, Ours
from muster.decide.score import Score, score, speedup
from muster.wiring.policy_file import read_load, read_policy
from muster.wiring.serve import told

BASELINE = "thresholds"
FORMS = (".png", ".svg")
WIDTH = 100  # of the table: wrapped by the terminal rather than cut by us
COLUMNS = (
    "J",
    "lost",
    "too few",
    "cost",
    "changes",
    "flaps",
    "longest",
    "p99 wait",
    "speed-up",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    key: str  # "muster", or the preset's
    trajectory: Trajectory
    score: Score


@click.command()
@click.option(
    "--load",
    "load_csv",
    required=True,
    type=click.Path(path_type=Path),
    help="CSV file with the columns time (seconds or ISO 8601) and load.",
)
@click.option(
    "--policy",
    "policy_file",
    required=True,
    type=click.Path(path_type=Path),
    help="YAML file with the rules, in the words of the API.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw to this .png or .svg file.")
@click.option(
    "--against",
    default=",".join(PRESETS),
    show_default=True,
    help="Presets to compare with, separated by commas; '' for none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def simulate(
    load_csv: Path, policy_file: Path, plot: Path | None, against: str, as_json: bool
) -> None:
    """Show what scaling rules would have made of a load.

    Nothing is started: members are arithmetic, the decisions are the real ones.
    """
    with told():
        chosen = _chosen(against)
        if plot is not None and plot.suffix.lower() not in FORMS:
            raise Invalid(f"--plot must end in .png or .svg, not {plot.name!r}", field="plot")
        policy = read_policy(policy_file)
        load = read_load(load_csv, policy.plant.step_s)
        ours = Ours(rules=policy.rules, epoch=load.began)
        scalers = {**_ours(ours), **{key: PRESETS[key](policy.aim) for key in chosen}}
        runs = [_replayed(key, load.points, each, policy.plant) for key, each in scalers.items()]
        if plot is not None:
            _drawn(plot, runs, policy.plant)
    click.echo(_as_json(runs, policy.plant)) if as_json else _show(runs, policy.plant, plot)


def _ours(ours: Ours) -> dict[str, Autoscaler[Any]]:
    """Return ours as it would act; where it forecasts, also what it would do without."""
    floor = ours.rules.floor
    if floor is None:
        return {"muster": ours}
    rules = replace(ours.rules, floor=replace(floor, enabled=True))
    plain = replace(ours, rules=replace(ours.rules, floor=None), name="without forecast")
    return {"muster": replace(ours, rules=rules), "without": plain}


def _chosen(against: str) -> Sequence[str]:
    names = [name.strip() for name in against.split(",") if name.strip()]
    for name in names:
        if name not in PRESETS:
            known = ", ".join(PRESETS)
            raise Invalid(f"no preset is called {name!r}; there are {known}", field="against")
    return names


def _replayed(
    key: str, points: Sequence[tuple[float, float]], scaler: Autoscaler[Any], plant: Plant
) -> Replayed:
    trajectory = replay(points, scaler, plant)
    return Replayed(key=key, trajectory=trajectory, score=score(trajectory))


def _drawn(path: Path, runs: Sequence[Replayed], plant: Plant) -> None:
    from muster.wiring.plot import draw

    try:
        draw(path, [run.trajectory for run in runs], plant)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror or error}", field="plot") from None


def _baseline(runs: Sequence[Replayed]) -> Score | None:
    return next((run.score for run in runs if run.key == BASELINE), None)


def _as_json(runs: Sequence[Replayed], plant: Plant) -> str:
    baseline = _baseline(runs)
    results = [
        {
            "autoscaler": run.key,
            "j": run.score.j,
            **asdict(run.score),
            "speedup": speedup(run.score, baseline) if baseline else None,
        }
        for run in runs
    ]
    return json.dumps({"plant": asdict(plant), "results": results}, indent=2)


def _show(runs: Sequence[Replayed], plant: Plant, plot: Path | None) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("autoscaler", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    baseline = _baseline(runs)
    for run in runs:
        table.add_row(*_row(run, baseline), style="bold" if run.key == "muster" else "")
    console = Console(width=max(Console().width, WIDTH))
    console.print(table)
    console.print(
        f"{plant.low} to {plant.high} members, each for {plant.mu:g} of load and ready after"
        f" {plant.boot_s:g} s; a decision every {plant.step_s:g} s.\n"
        "J is 100 x lost + 10 x too few + 10 x (cost - 1) + 0.1 x restlessness: 0 is best."
        "\nCost is members paid for per member needed; longest is the time with too few.\n"
        "Speed-up is against plain thresholds; it says little where both are good.",
        highlight=False,
    )
    if plot is not None:
        console.print(f"Drawn to {plot}.", highlight=False)


def _row(run: Replayed, baseline: Score | None) -> Sequence[str]:
    mine = run.score
    return (
        run.trajectory.name,
        f"{mine.j:.1f}",
        f"{mine.lost:.2f} %",
        f"{mine.under:.2f} %",
        f"{mine.cost:.2f}",
        f"{mine.changes_per_hour:.1f}/h",
        str(mine.flaps),
        f"{mine.reaction_s:.0f} s",
        f"{mine.wait_p99_s:.3g} s",
        f"{speedup(mine, baseline):.2f}" if baseline else "-",
    )
