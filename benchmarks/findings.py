"""Findings of a subject: lines of a table, and plots."""

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
    """A bound for a figure.

    Args:
        comparison: how the figure compares with the bound.
        bound: in the unit of the line, or without one for a ratio.
        of: which figure: ours, the ratio, or the difference of ours and the other's.
    """

    comparison: Literal["<", "<=", ">=", ">"]
    bound: float
    of: Literal["ours", "ratio", "added"] = "ratio"

    def met(self, line: Line) -> bool:
        """Return whether a line meets the aim."""
        figure = {"ours": line.ours, "ratio": line.ratio, "added": line.added}[self.of]
        return figure is not None and bool(_COMPARISONS[self.comparison](figure, self.bound))

    def told(self, unit: str) -> str:
        """Return the aim as text."""
        what = {"ours": "", "ratio": "ratio ", "added": "added "}[self.of]
        unit = "" if self.of == "ratio" else f" {unit}"
        return f"{what}{_SIGNS[self.comparison]} {self.bound:g}{unit}"


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison, or one single figure.

    Args:
        what: what is measured, such as `a streamed token`.
        ours: our figure; the median if there are several.
        unit: of both figures.
        theirs: the other side's figure.
        other: what the other side is, such as `the bare SDK`.
        ratio: ours to theirs, the median over the pairs.
        spread: the quartiles of the ratio over the pairs.
        added: the difference of ours and theirs, the median over the pairs.
        aim: the bound, if there is one.
        remedy: what to do if it is not enough.
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
        title: the content; also the alternative text.
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
    """The findings of a subject.

    Args:
        lines: the rows of its table.
        plots: drawn below it.
        remarks: sentences that explain the figures, such as what a machine lacked.
    """

    lines: list[Line]
    plots: list[Plot] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the findings as JSON values."""
        return asdict(self)


def findings_from(said: Mapping[str, object]) -> Findings:
    """Return the findings from `Findings.as_json`."""
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
        aim: the bound.
        remedy: what to do if it is not enough.
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
    """Return a figure with three significant digits and separated thousands."""
    if not value:
        return "0"
    places = max(0, 2 - floor(log10(abs(value))))
    return f"{round(value, places):,.{places}f}"
