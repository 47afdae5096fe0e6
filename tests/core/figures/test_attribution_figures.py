"""What the figures of the attribution page say."""

from __future__ import annotations

import pytest

from core import figures
from core.figures import Provenance
from tests.core.figures.attribution_charts import WEIGHTS, faithful, flipped, shares


def test_an_additive_models_curves_say_what_they_are(provenance: Provenance) -> None:
    assert "right by construction" in figures.deletion(faithful(), provenance=provenance).caption
    assert "right by construction" not in figures.deletion(faithful(additive=False), provenance=provenance).caption
    assert "1.52 (1.40 to 1.64)" in str(figures.deletion(faithful(), provenance=provenance).figure.layout.annotations)


def test_a_counterfactual_is_no_advice(provenance: Provenance) -> None:
    chart = figures.counterfactual(flipped(), provenance=provenance)
    assert "no advice on treatment" in chart.caption
    assert "No smaller change" in chart.caption
    assert "The smallest that a search found" in figures.counterfactual(flipped(exact=False), provenance=provenance).caption


def test_kinds_that_are_absent_are_named(provenance: Provenance) -> None:
    chart = figures.modality_share(shares(), provenance=provenance)
    assert "pathology" in chart.caption
    assert next(bar.x for bar in chart.figure.data) == pytest.approx((0.35, 0.25, 0.40))


def test_attention_is_not_called_importance(provenance: Provenance) -> None:
    chart = figures.attention(WEIGHTS, provenance=provenance, model="the multimodal model")
    assert "Attention is not importance" in chart.caption
    assert "Rank correlation of the two over 3 tokens: −0.50" in chart.caption
    assert "importance" not in chart.title
