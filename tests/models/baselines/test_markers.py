"""Markers: the score is the measurement; what is missing stays missing."""

from __future__ import annotations

import numpy as np
import pytest

from models.baselines import cd8, cyt, gep, pdl1, tmb
from models.card import ModelError


@pytest.mark.parametrize("marker", [tmb, cyt, gep, cd8])
def test_the_score_is_the_value_and_nan_stays(marker: object) -> None:
    values = np.array([3.0, np.nan, 0.0])
    found = marker.score(values)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(found, values)
    found[0] = 99.0
    assert values[0] == 3.0


def test_pdl1_levels_are_ordered_and_bound_below() -> None:
    assert pdl1.from_levels(["IC0", "IC1", "IC2+", "ic3", "TC2+"]).tolist() == [0.0, 1.0, 5.0, 10.0, 5.0]
    assert np.isnan(pdl1.from_levels([None, "", "high"])).all()


def test_pdl1_never_mixes_two_scores_in_one_cohort() -> None:
    tps = np.array([np.nan, 50.0])
    found = pdl1.score(tps_percent=tps, ic=["IC2+", "IC0"])
    assert np.isnan(found[0])
    assert found[1] == 50.0
    nobody = np.full(2, np.nan)
    assert pdl1.score(tps_percent=nobody, ic=["IC2+", None])[0] == 5.0
    with pytest.raises(ModelError, match="PD-L1"):
        pdl1.score()


def test_published_cuts_have_a_source() -> None:
    assert tmb.CARD.published_cut is not None
    assert tmb.CARD.published_cut.value == 10.0
    assert pdl1.CARD.published_cut is not None
    for marker in (cyt, gep, cd8):
        assert marker.CARD.published_cut is None
