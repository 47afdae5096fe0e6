"""Four-curve figure: survival of marker-high and marker-low patients, with and without a treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.km import km
from core.figures.layout import note
from core.finding import Finding
from core.survival.kaplan_meier import Curves

LINE, SPARE = 21, 90
"""Height of a line of text above the curves, and what four labels at the curves' ends need in an export: pixels."""


def four_curves(
    curves: Curves,
    ratios: Sequence[Finding] = (),
    *,
    provenance: Provenance,
    title: str = "",
    caption: str = "",
    warnings: Sequence[str] = (),
) -> Chart:
    """Kaplan-Meier curves of marker by treatment.

    Parameters
    ----------
    curves : of four groups at most. ratios : up to three, written inside with what follows ": " in their names.
    """
    drawn = km(curves, provenance=provenance, title=title)
    lines = [_line(ratio, strong=i == 0) for i, ratio in enumerate(ratios[:3])]
    if lines:
        figure = drawn.figure
        figure.layout.annotations = [a for a in figure.layout.annotations if a.name != "summary"]
        room = LINE * len(lines) + 10
        least = int((figure.layout.meta or {}).get("least", figure.layout.height)) + room + SPARE
        figure.update_layout(
            height=figure.layout.height + room, margin={"t": figure.layout.margin.t + room}, meta={"least": least}
        )
        note(figure, "<br>".join(lines), name="summary", xref="paper", x=0, xanchor="left", yref="paper", y=1, yanchor="bottom", yshift=12)
    return replace(
        drawn, slug=f"four-curves-{curves.outcome}", caption=f"{drawn.caption} {caption}".strip(),
        warnings=(*warnings, *drawn.warnings), alt=" ".join((drawn.alt, *(f"{words.hazard(r)}, {_about(r)}." for r in ratios))),
    )  # fmt: skip


def _about(ratio: Finding) -> str:
    return ratio.name.partition(": ")[2]


def _line(ratio: Finding, *, strong: bool) -> str:
    text = f"{words.estimate(replace(ratio, note=''), letter='ratio of HRs' if strong else 'HR')}"
    return f"<b>{text[:1].upper()}{text[1:]}</b>  {_about(ratio)}"
