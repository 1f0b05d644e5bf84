"""A picture of trajectories: load, demand, supply, and the load that was lost."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from muster.decide.plant import Plant, Trajectory

OURS = "#1f5fbf"
LOST = "#d1495b"
GREY = "#8a8f98"
OTHERS = ("#e08e1b", "#3a9d6e", "#8e5bb5", "#6b7280")
UNITS = ((3 * 86400.0, 86400.0, "days"), (3 * 3600.0, 3600.0, "hours"), (300.0, 60.0, "minutes"))


def draw(path: Path, trajectories: Sequence[Trajectory], plant: Plant) -> None:
    """Write a PNG or SVG, by the path's ending. The first trajectory is shown in full."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 6.5), layout="constrained")
        FigureCanvasAgg(figure)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
        ours = trajectories[0]
        unit, label = _unit(ours)
        _draw_load(above, ours, plant, unit)
        _draw_members(below, trajectories, unit)
        below.set_xlabel(label)
        figure.savefig(path, dpi=130)


def _unit(ours: Trajectory) -> tuple[float, str]:
    span = ours.ticks[-1].at_s - ours.ticks[0].at_s
    for least, unit, label in UNITS:
        if span >= least:
            return unit, label
    return 1.0, "seconds"


def _draw_load(axes: mpl.axes.Axes, ours: Trajectory, plant: Plant, unit: float) -> None:
    times = [tick.at_s / unit for tick in ours.ticks]
    load = [tick.load for tick in ours.ticks]
    carried = [tick.capacity for tick in ours.ticks]
    short = [tick.load > tick.capacity for tick in ours.ticks]
    axes.plot(times, load, color="black", linewidth=1.2, label="load")
    axes.plot(times, carried, color=OURS, linewidth=1, label=f"{ours.name} can carry")
    axes.fill_between(
        times, carried, load, where=short, interpolate=True, color=LOST, alpha=0.6, label="lost"
    )
    axes.set_ylabel(f"load (one member: {plant.mu:g})")
    _finish(axes)


def _draw_members(axes: mpl.axes.Axes, trajectories: Sequence[Trajectory], unit: float) -> None:
    ours, *others = trajectories
    times = [tick.at_s / unit for tick in ours.ticks]
    demand = [tick.demand for tick in ours.ticks]
    axes.fill_between(times, demand, step="post", color=GREY, alpha=0.3, label="needed")
    for other, color in zip(others, OTHERS, strict=False):
        supply = [tick.supply for tick in other.ticks]
        axes.step(times, supply, where="post", color=color, linewidth=0.9, label=other.name)
    supply = [tick.supply for tick in ours.ticks]
    axes.step(times, supply, where="post", color=OURS, linewidth=2, label=ours.name)
    axes.set_ylabel("members in service")
    _finish(axes)


def _finish(axes: mpl.axes.Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper right", frameon=False, ncols=3)
