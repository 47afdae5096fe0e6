"""The scan's figures hold what the table says: who is called, who is clipped, who could not be estimated."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from core import figures
from core.errors import NotMeasured
from core.figures import Provenance
from tests.core.figures.scan_charts import markers


def test_the_volcano_draws_every_marker_that_is_called_and_thins_the_cloud(provenance: Provenance) -> None:
    table = markers()
    chart = figures.volcano(table, provenance=provenance)
    marks = {kind: sum(len(t.x) for t in chart.figure.data if t.name == kind) for kind in ("full", "open", "grey")}
    known = table.drop_nulls(["effect", "p_value"])
    assert marks["full"] == known.filter(pl.col("q_value") <= 0.05).height
    assert marks["open"] == known.filter((pl.col("q_value") > 0.05) & (pl.col("q_value") <= 0.1)).height
    assert 30 < marks["grey"] < known.filter(pl.col("q_value") > 0.1).height / 2
    assert f"{known.height - sum(marks.values()):,} grey marks that lie under others are not drawn" in chart.caption
    # every grey mark that is not drawn lies within a mark's width of one that is
    drawn = np.vstack([np.column_stack([t.x, t.y]) for t in chart.figure.data])
    (left, right), (bottom, top) = (chart.figure.layout[axis].range for axis in ("xaxis", "yaxis"))
    everyone = np.column_stack([known["effect"].log10().clip(left / 1.04, right / 1.04), -known["p_value"].clip(1e-300).log10()])
    pixels = np.array([1000.0 / (right - left), (chart.figure.layout.height - 112) / (top - bottom)])
    apart = np.sqrt((((everyone[:, None, :] - drawn[None]) * pixels) ** 2).sum(axis=2)).min(axis=1)
    assert apart.max() < 13  # the diagonal of a cell of 9 pixels
    assert chart.table.height == table.height
    # the wild effect is at the edge, marked as lying beyond it
    symbols = [s for t in chart.figure.data for s in t.marker.symbol]
    assert any(str(s).startswith("triangle-right") for s in symbols)


def test_nothing_called_says_so(provenance: Provenance) -> None:
    chart = figures.volcano(markers(signal=0.0).filter(pl.col("p_value") > 0.02).with_columns(pl.lit(0.9).alias("q_value")), provenance=provenance)
    assert "nothing is called" in json.dumps(chart.figure.to_dict(), default=str)


def test_the_ranked_figure_lists_in_order_with_n_and_missing(provenance: Provenance) -> None:
    chart = figures.ranked(markers(), provenance=provenance, top=12)
    assert chart.figure.layout.yaxis.ticktext[0].startswith("1  ")
    assert len(chart.figure.layout.yaxis.ticktext) == 12
    written = [a.text for a in chart.figure.layout.annotations]
    assert written.count("200 (12)") == 12
    assert any("†" in name for name in chart.figure.layout.yaxis.ticktext)


@pytest.mark.parametrize("draw", [figures.volcano, figures.ranked])
def test_no_marker_is_a_sentence(draw, provenance: Provenance) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotMeasured):
        draw(markers().head(0), provenance=provenance)


def test_no_hits_at_all_can_be_drawn(provenance: Provenance) -> None:
    import numpy as np

    chart = figures.null_hits(np.zeros(50, dtype=np.int64), 0, provenance=provenance, what="markers with p < .001")
    assert "observed 0" in chart.alt
