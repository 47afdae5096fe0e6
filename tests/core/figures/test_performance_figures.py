"""Figures of the performance page: what is drawn is what was computed, and hard inputs stay sentences."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from core import figures
from core.errors import NotMeasured
from core.figures import Provenance
from core.figures.rows import Axis, Row, numbers, rows
from core.response.calibration import calibrate
from core.response.decision_curve import decision_curve
from core.response.precision_recall import curve
from tests.core.figures.performance_charts import PROBABILITY, RESPONSE, cohorts

AXIS = Axis(title="AUC", null=0.5, low=0.4, high=0.8, least=0.0, most=1.0)


def text_of(figure: object) -> str:
    return json.dumps(json.loads(figure.to_json()), ensure_ascii=False)  # type: ignore[attr-defined]


def test_rows_draw_every_estimate_and_arrowheads_beyond_the_axis() -> None:
    lines = [
        Row(label="Head"),
        Row(label="inside", estimate=0.7, low=0.6, high=0.8, columns=("0.70",)),
        Row(label="beyond", estimate=0.9, low=0.5, high=1.4, columns=("0.90",)),
        Row(label="nothing", columns=("not estimable",)),
        Row(label="Pooled", estimate=0.75, low=0.7, high=0.8, pooled=True, outer=(0.5, 0.9), columns=("0.75",)),
    ]
    figure = rows(lines, axis=AXIS, headers=("AUC (95% CI)",))
    squares = next(t for t in figure.data if t.mode == "markers")
    assert list(squares.x) == [0.7, 0.9]
    symbols = [s for t in figure.data if t.mode == "lines+markers" for s in t.marker.symbol]
    assert symbols.count("triangle-right") == 1
    diamond = next(t for t in figure.data if t.fill == "toself")
    assert min(diamond.x) == 0.7
    assert max(diamond.x) == 0.8
    assert figure.layout.xaxis.range[1] <= 1.0
    assert len(figure.layout.xaxis.tickvals) <= 6


def test_numbers_that_do_not_exist_are_words() -> None:
    assert numbers(None, None, None) == "not estimable"
    assert numbers(float("nan"), 0.1, 0.2) == "not estimable"
    assert numbers(0.7, None, float("nan")) == "0.70"
    assert numbers(0.7, 0.6, 0.8) == "0.70 (0.60 to 0.80)"


def test_precision_recall_draws_the_curve(provenance: Provenance) -> None:
    found = curve(PROBABILITY, RESPONSE)
    chart = figures.precision_recall([("LORIS", found)], provenance=provenance)
    drawn = chart.figure.data[1]
    np.testing.assert_allclose(np.asarray(drawn.x)[1:], found.points["recall"].to_numpy())
    np.testing.assert_allclose(np.asarray(drawn.y)[1:], found.points["precision"].to_numpy())
    assert drawn.line.shape == "vh"  # the area under it is the average precision
    assert f"{found.average_precision.effect:.2f}" in text_of(chart.figure)


def test_the_decision_curve_is_drawn_as_computed(provenance: Provenance) -> None:
    table = decision_curve(PROBABILITY, RESPONSE)
    chart = figures.decision_curve([("LORIS", table)], provenance=provenance)
    by_name = {t.name: t for t in chart.figure.data}
    np.testing.assert_allclose(by_name["LORIS"].y, table["net_benefit"].to_numpy())
    np.testing.assert_allclose(by_name["Treat all"].y, table["treat_all"].to_numpy())
    assert set(by_name["Treat none"].y) == {0.0}
    with pytest.raises(NotMeasured):
        figures.decision_curve([], provenance=provenance)


def test_both_diagrams_of_a_recalibration_show_the_same_patients(provenance: Provenance) -> None:
    before, after = calibrate(PROBABILITY, RESPONSE), calibrate(PROBABILITY**2, RESPONSE)
    chart = figures.recalibration(before, after, provenance=provenance)
    assert chart.table.group_by("probability").agg(pl.col("n").sum())["n"].to_list() == [before.n, before.n]
    assert f"{before.brier:.3f}" in text_of(chart.figure)
    assert f"{after.brier:.3f}" in text_of(chart.figure)


def test_nothing_to_draw_is_a_sentence(provenance: Provenance) -> None:
    with pytest.raises(NotMeasured, match="another predictor"):
        figures.transport(cohorts("a", 0.7).clear(), [], provenance=provenance)
    with pytest.raises(NotMeasured, match="larger study"):
        figures.subgroups(cohorts("a", 0.7).clear(), provenance=provenance)
    empty = pl.DataFrame({"patient_id": ["a"], "change": [None], "recist": ["PD"]}, schema_overrides={"change": pl.Float64})
    with pytest.raises(NotMeasured, match="change of target lesions"):
        figures.tumour_change(empty, provenance=provenance)


def test_a_waterfall_falls_and_keeps_growth_beyond_the_axis(provenance: Provenance) -> None:
    frame = pl.DataFrame({"patient_id": ["a", "b", "c"], "change": [-100.0, 340.0, 5.0], "recist": ["CR", "PD", "SD"]})
    chart = figures.tumour_change(frame, provenance=provenance)
    assert chart.table["change"].to_list() == [340.0, 5.0, -100.0]
    assert max(max(t.y) for t in chart.figure.data if t.type == "bar") == 100.0
    assert any(t.name == "beyond the axis" for t in chart.figure.data)
    assert {s.y0 for s in chart.figure.layout.shapes} == {0.0, 20.0, -30.0}
