"""Four-curve figure: survival of marker-high and marker-low patients, with and without a treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.figures.chart import Chart, Provenance
from core.figures.km import km
from core.finding import Finding
from core.survival.kaplan_meier import Curves


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
    curves : of four groups at most. ratios : up to three hazard ratios to write inside; what follows ": " in a finding's
        name stands beside it.
    """
    drawn = km(curves, None, ratios, provenance=provenance, title=title)
    return replace(
        drawn, slug=f"four-curves-{curves.outcome}", caption=f"{drawn.caption} {caption}".strip(),
        warnings=(*warnings, *drawn.warnings),
    )  # fmt: skip
