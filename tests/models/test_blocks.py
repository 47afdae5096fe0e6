"""Blocks: inputs as columns; unknown stays unknown, and an ablation hides exactly one kind of measurement."""

from __future__ import annotations

import numpy as np
import pytest

from models import blocks
from models.card import ModelError
from models.vocabulary import MODALITIES
from tests.core.evaluation.conftest import WORDS, patients


def test_a_set_is_the_mean_of_its_known_genes_and_missing_with_too_few() -> None:
    inputs, _ = patients()
    one = inputs.take(np.array([0, 1]))
    one.expression[0, :6] = [1, 2, 3, np.nan, np.nan, np.nan]
    one.expression[1, 1:6] = np.nan
    found = blocks.sets(one, WORDS, names=("gep",)).x[:, 0]
    assert found[0] == pytest.approx(2.0)
    assert np.isnan(found[1])  # one gene of six
    assert "other_genes" not in blocks.sets(one, WORDS).names


def test_weights_count_the_known_genes() -> None:
    inputs, _ = patients()
    one = inputs.take(np.array([0]))
    one.expression[0, :3] = [2.0, np.nan, 4.0]
    assert blocks.weighted(one, WORDS, {"G0": 1.0, "G1": 1.0, "G2": -1.0})[0] == pytest.approx((2 - 4) / 2)
    assert np.isnan(blocks.weighted(one, WORDS, {"G1": 1.0})[0])
    assert np.isnan(blocks.weighted(one, WORDS, {"absent": 1.0})[0])


def test_categories_become_columns_and_unknown_stays_unknown() -> None:
    inputs, _ = patients()
    one = inputs.take(np.array([0, 1, 2]))
    one.categories[:, 2] = [-1, 0, 2]
    found = blocks.variables(one, WORDS, names=("pdl1_ic", "sex"))
    assert found.names == ("sex: male", "pdl1_ic: IC0", "pdl1_ic: IC1", "pdl1_ic: IC2+")
    assert np.isnan(found.x[0, 1:]).all()
    np.testing.assert_array_equal(found.x[1:, 1:], [[1, 0, 0], [0, 0, 1]])
    assert blocks.variables(one, WORDS, names=()).x.shape == (3, 0)


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_ablation_hides_one_kind_and_leaves_the_others(modality: str) -> None:
    inputs, _ = patients()
    hidden = blocks.without(inputs, WORDS, (modality,))
    seen, left = inputs.seen(WORDS), hidden.seen(WORDS)
    for j, name in enumerate(MODALITIES):
        if name == modality:
            assert not left[:, j].any()
            assert not np.isfinite(blocks.modality(hidden, WORDS, name).x).any()
        else:
            np.testing.assert_array_equal(left[:, j], seen[:, j])
            np.testing.assert_array_equal(blocks.modality(hidden, WORDS, name).x, blocks.modality(inputs, WORDS, name).x)


def test_a_modality_that_does_not_exist_is_refused() -> None:
    inputs, _ = patients()
    with pytest.raises(ModelError, match="no modality 'sound'"):
        blocks.without(inputs, WORDS, ("sound",))
    with pytest.raises(ModelError, match="no modality 'sound'"):
        blocks.modality(inputs, WORDS, "sound")


def test_z_within_a_group() -> None:
    x = np.array([[1.0], [2.0], [3.0], [10.0], [np.nan]])
    found = blocks.within(x, ["a", "a", "a", "b", "b"])[:, 0]
    np.testing.assert_allclose(found[:3], [-1, 0, 1])
    assert np.isnan(found[3:]).all()
