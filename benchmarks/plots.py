"""Draw the plots of the page, in the environment that has a library for that.

    python -m benchmarks.plots results.json FOLDER

The grey and the colours of the series are legible on white and on black pages, so the
background is transparent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.findings import findings_from, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmarks.findings import Plot

__all__ = ["draw"]

_INK: Final = "#7d7d7d"
_COLOURS: Final = ("#2f81d6", "#d9772b", "#2f9e6e", "#9a63c4", "#8a8a8a")
_MARKERS: Final = "osD^v"
_STYLE: Final = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "svg.fonttype": "none",  # keep text as text: searchable, accessible
    "svg.hashsalt": "groundwork",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def draw(plot: Plot, path: Path) -> None:
    """Draw one plot into a file; the suffix is the format."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axes = figure.subplots()
        points = [point for series in plot.series.values() for point in series]
        named = any(isinstance(where, str) for where, _ in points)
        (_bars if named else _lines)(axes, plot)
        axes.set_title(plot.title, fontsize=12, loc="left")
        axes.set_xlabel(plot.x)
        axes.set_ylabel(plot.y)
        if "x" in plot.log:
            axes.set_xscale("log")
        if "y" in plot.log:
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.12 * max(height for _, height in points))
        for axis in [axes.yaxis] if named else [axes.xaxis, axes.yaxis]:
            if axis.get_scale() == "log":
                steps = (1, 3) if axis is axes.xaxis else (1, 2, 5)
                axis.set_major_locator(LogLocator(subs=steps))
                axis.set_minor_formatter(NullFormatter())
            axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axes.grid(axis="y", color=_INK, alpha=0.25)
        axes.set_axisbelow(True)
        if plot.aim is not None:
            axes.axhline(plot.aim, color=_INK, linestyle="--", label=f"aim: {plot.aim:g}")
        if len(plot.series) > 1 or plot.aim is not None:
            figure.legend(frameon=False, labelcolor=_INK, loc="outside lower center", ncols=3)
        figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})


def _bars(axes: Axes, plot: Plot) -> None:
    names = list(dict.fromkeys(str(where) for each in plot.series.values() for where, _ in each))
    width = 0.8 / len(plot.series)
    for place, (label, points) in enumerate(plot.series.items()):
        shift = (place - (len(plot.series) - 1) / 2) * width
        bars = axes.bar(
            [names.index(str(where)) + shift for where, _ in points],
            [height for _, height in points],
            width * 0.92,
            label=label,
            color=_COLOURS[place],
        )
        axes.bar_label(bars, fmt=number, padding=2, fontsize=9)
    axes.set_xticks(range(len(names)), names)


def _lines(axes: Axes, plot: Plot) -> None:
    for place, (label, points) in enumerate(plot.series.items()):
        axes.plot(
            [float(where) for where, _ in points],
            [height for _, height in points],
            label=label,
            color=_COLOURS[place],
            marker=_MARKERS[place],
            markersize=4,
        )


def main(results: Path, folder: Path) -> None:
    """Draw every plot of the results, and remove plots without results."""
    drawn = set()
    for subject in json.loads(results.read_text(encoding="utf-8")).values():
        for plot in findings_from(subject["findings"]).plots:
            path = folder / f"{plot.name}.svg"
            draw(plot, path)
            drawn.add(path)
    for path in set(folder.glob("*.svg")) - drawn:
        path.unlink()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
