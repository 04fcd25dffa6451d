"""What a subject finds: lines of a table, and plots."""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass, field
from math import floor, log10
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measure import Pairs

__all__ = ["Aim", "Findings", "Line", "Plot", "compared", "findings_from", "number"]

_COMPARISONS: Final = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, ">": operator.gt}
_SIGNS: Final = {"<": "<", "<=": "≤", ">=": "≥", ">": ">"}


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure has to be.

    Args:
        comparison: how the figure compares with the bound.
        bound: in the unit of the line, or without one for a ratio.
        of: which figure: ours, the ratio, or by how much ours is more than the other's.
    """

    comparison: Literal["<", "<=", ">=", ">"]
    bound: float
    of: Literal["ours", "ratio", "added"] = "ratio"

    def met(self, line: Line) -> bool:
        """Tell whether a line is as it has to be."""
        figure = {"ours": line.ours, "ratio": line.ratio, "added": line.added}[self.of]
        return figure is not None and bool(_COMPARISONS[self.comparison](figure, self.bound))

    def told(self, unit: str) -> str:
        """Return the aim as text."""
        what = {"ours": "", "ratio": "ratio ", "added": "added "}[self.of]
        unit = "" if self.of == "ratio" else f" {unit}"
        return f"{what}{_SIGNS[self.comparison]} {self.bound:g}{unit}"


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison, or one figure that stands alone.

    Args:
        what: what is measured, such as `a streamed token`.
        ours: our figure; a median where there are several.
        unit: of both figures.
        theirs: the other side's figure.
        other: what the other side is, such as `the bare SDK`.
        ratio: ours to theirs, the median over the pairs.
        spread: the quartiles of the ratio over the pairs.
        added: by how much ours is more, the median over the pairs.
        aim: what has to be; a line without one is told for its own sake.
        remedy: what to do when it is not enough.
    """

    what: str
    ours: float
    unit: str
    theirs: float | None = None
    other: str = ""
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    added: float | None = None
    aim: Aim | None = None
    remedy: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; `None` without one."""
        return None if self.aim is None else self.aim.met(self)


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of the page.

    Args:
        name: of its file, without the ending.
        title: what it shows; read aloud in its place where it cannot be seen.
        x: the horizontal axis, with its unit.
        y: the vertical axis, with its unit.
        series: each legend's name with its points. Points at texts are drawn as bars, points at
            numbers as lines.
        log: which axes are logarithmic: `x`, `y`, `xy`.
        aim: a value of the vertical axis to mark.
    """

    name: str
    title: str
    x: str
    y: str
    series: Mapping[str, Sequence[tuple[float | str, float]]]
    log: str = ""
    aim: float | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a subject has found.

    Args:
        lines: the rows of its table.
        plots: drawn below it.
        remarks: sentences that the figures need to be understood, such as what a machine lacked.
    """

    lines: list[Line]
    plots: list[Plot] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the findings as JSON can say them."""
        return asdict(self)


def findings_from(said: Mapping[str, object]) -> Findings:
    """Return what `Findings.as_json` was made of."""
    lines, plots, remarks = said["lines"], said["plots"], said["remarks"]
    assert isinstance(lines, list)
    assert isinstance(plots, list)
    assert isinstance(remarks, list)
    return Findings(
        lines=[
            Line(
                **{
                    **line,
                    "aim": Aim(**line["aim"]) if line["aim"] else None,
                    "spread": tuple(line["spread"]) if line["spread"] else None,
                }
            )
            for line in lines
        ],
        plots=[Plot(**plot) for plot in plots],
        remarks=remarks,
    )


def compared(
    what: str,
    pairs: Pairs,
    unit: str,
    *,
    other: str,
    aim: Aim | None = None,
    remedy: str = "",
    scale: float = 1.0,
) -> Line:
    """Return the line of a comparison.

    Args:
        what: what is measured.
        pairs: both sides, by turns.
        unit: of the figures once they are scaled.
        other: what the other side is.
        aim: what has to be.
        remedy: what to do when it is not enough.
        scale: what the figures are multiplied with, such as 1,000 from seconds to milliseconds.
    """
    return Line(
        what=what,
        ours=pairs.ours * scale,
        theirs=pairs.theirs * scale,
        other=other,
        unit=unit,
        ratio=pairs.ratio,
        spread=pairs.spread,
        added=pairs.added * scale,
        aim=aim,
        remedy=remedy,
    )


def number(value: float) -> str:
    """Return a figure with three significant digits, and thousands apart."""
    if not value:
        return "0"
    places = max(0, 2 - floor(log10(abs(value))))
    return f"{round(value, places):,.{places}f}"
