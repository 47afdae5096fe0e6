"""The figure of a slide's attention says what it is not, and its colours are the table's."""

from __future__ import annotations

import numpy as np

from core.figures import Provenance
from tests.core.figures.slide_charts import drawn, vector

ORIGIN = Provenance(cohort="slide", n=1)


def test_caption_says_what_attention_is_not() -> None:
    caption = drawn(ORIGIN).caption
    assert "not importance" in caption
    assert "not trained on pathology" in caption
    assert "learnt without labels" in caption
    assert "2 tiles out of focus" in caption
    assert "told, not in the file" in caption
    even = drawn(ORIGIN, trained=False).caption
    assert "every tile weighs the same" in even
    assert "learnt without labels" not in even


def test_colours_are_the_attention_over_an_even_share() -> None:
    chart = drawn(ORIGIN)
    heat = chart.figure.data[1]
    values = np.asarray(heat.z)
    assert np.isnan(values).sum() == 1  # the corner without a tile
    expected = np.clip(np.log2(vector().attention * 11), -3, 3)
    np.testing.assert_allclose(np.sort(values[np.isfinite(values)]), np.sort(expected), atol=1e-5)
    assert chart.table["attention"].sum() == np.float32(1) or abs(chart.table["attention"].sum() - 1) < 1e-5
    np.testing.assert_allclose(chart.table["x_mm"].to_numpy(), vector().tiles.tiling.x * 0.0005)
