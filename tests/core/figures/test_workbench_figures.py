"""Figures of the workbench: what they show stands in their table, also at the edges."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.errors import NotMeasured
from core.figures.chart import Provenance
from core.figures.checklist import checklist
from core.figures.claims import claims
from core.figures.four_curves import four_curves
from core.figures.predictive_values import predictive_values as figure
from core.figures.two_by_two import two_by_two
from core.finding import Finding
from core.response.confusion import predictive_values
from core.survival.kaplan_meier import kaplan_meier

SOURCE = Provenance(cohort="Synthetic", n=10, synthetic=True)


def words_of(chart: object) -> str:
    return " ".join(str(a.text) for a in chart.figure.layout.annotations)  # type: ignore[attr-defined]


def test_two_by_two_counts_and_margins() -> None:
    chart = two_by_two((5, 2, 1, 9), provenance=SOURCE, rows=("Positive", "Negative"), columns=("Responder", "Not"), beside=["LR+ 2"])
    assert chart.table.to_dicts()[0] == {"called": "Positive", "Responder": 5, "Not": 2, "n": 7}
    assert "n = 17" in words_of(chart)
    assert "SYNTHETIC" in words_of(chart)
    empty = two_by_two((0, 0, 0, 0), provenance=SOURCE, rows=("P", "N"), columns=("R", "S"))
    assert "n = 0" in words_of(empty)


def test_claims_are_three_and_say_what_must_not_be_reported() -> None:
    table = pl.DataFrame(
        {
            "measure": ["Youden's J"] * 3, "claim": ["validated", "derivation", "retuned"], "estimate": [0.3, 0.4, None],
            "ci_low": [0.2, 0.3, None], "ci_high": [0.4, 0.5, None], "n": [100, 200, 100],
        }
    )  # fmt: skip
    chart = claims(table, provenance=SOURCE)
    assert "not estimable" in words_of(chart)
    assert "do not report" in chart.alt
    with pytest.raises(NotMeasured):
        claims(table.head(0), provenance=SOURCE)


@pytest.mark.parametrize("at", [0.0, 0.2, 1.0])
def test_predictive_values_at_any_response_rate(at: float) -> None:
    table = predictive_values(0.7, 0.6, [i / 200 for i in range(201)])
    chart = figure(table, at=at, observed=float("nan"), provenance=SOURCE)
    assert f"{at:.0%}" in chart.alt
    perfect = figure(predictive_values(1.0, 1.0, [i / 200 for i in range(201)]), at=at, observed=0.3, provenance=SOURCE)
    assert "nan" not in perfect.alt


def test_four_curves_write_their_ratios() -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame(
        {"os_months": rng.exponential(10, 80), "os_event": rng.random(80) < 0.7, "group": ["ICB, high", "ICB, low", "control, high", "control, low"] * 20}
    )
    ratio = Finding(name="ratio: interaction", statistic=1.0, p_value=0.04, effect=0.5, ci95=(0.3, 0.9), n=80, events=50)
    chart = four_curves(kaplan_meier(frame, outcome="os", by="group"), [ratio], provenance=SOURCE, warnings=["Not randomised."])
    assert "Ratio of HRs 0.50 (0.30 to 0.90)" in words_of(chart)
    assert chart.warnings[0] == "Not randomised."


def test_a_checklist_draws_every_item() -> None:
    items = pl.DataFrame({"item": ["1", "2"], "topic": ["A", "B"], "status": ["filled", "missing"], "text": ["Known.", ""]})
    chart = checklist(items, provenance=SOURCE)
    assert "to be written by the authors" in words_of(chart)
    assert "1 filled and 1 missing" in chart.caption
