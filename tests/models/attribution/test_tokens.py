"""Tokens: sums stay exact when genes become gene sets and levels become variables."""

from __future__ import annotations

import numpy as np
import pytest

from models.attribution.tokens import readable, tokens
from models.card import ModelError
from models.inputs import Inputs
from models.vocabulary import OTHER_GENES, Category, Number, Vocabulary

WORDS = Vocabulary(
    sets=("a", "b", OTHER_GENES), genes=("G1", "G2", "G3", "G4"),
    numbers=(Number(name="tmb_per_mb", modality="genome", logged=True, centre=3.0, spread=2.0),),
    categories=(Category(name="sex", modality="clinical", levels=("female", "male")),),
    mutated=("TP53",), copied=("TP53",), slide_features=("f1", "f2"), slide_groups=("cells", "cells"), tile_dim=2,
)  # fmt: skip
MEMBERSHIP = np.array([[True, True, False, False], [False, True, False, False], [False, False, True, False]])


def test_names_and_sums():
    found = tokens(WORDS, MEMBERSHIP)
    assert found.names == ("a", "b", OTHER_GENES, "tmb_per_mb", "sex", "mutation:TP53", "copy_number:TP53", "slide:cells", "slide:tiles")
    rng = np.random.default_rng(0)
    widths = {"expression": 4, "numbers": 1, "categories": 2, "mutated": 1, "copied": 1, "slide": 2, "tiles": 2}
    parts = {key: rng.normal(size=(5, width)) for key, width in widths.items()}
    gathered = found.gather(parts)
    np.testing.assert_allclose(gathered.sum(axis=1), sum(p.sum(axis=1) for p in parts.values()))
    np.testing.assert_allclose(gathered[:, 0], parts["expression"][:, 0] + parts["expression"][:, 1] / 2)
    np.testing.assert_allclose(gathered[:, 2], parts["expression"][:, 2:].sum(axis=1))  # G4 is in no set
    with pytest.raises(ModelError, match="wide"):
        found.gather({"numbers": np.zeros((5, 3))})
    with pytest.raises(ModelError, match="membership"):
        tokens(WORDS, MEMBERSHIP[:2])


def test_scatter_keeps_shares():
    found = tokens(WORDS, MEMBERSHIP)
    keep = np.ones((1, len(found.names)), dtype=bool)
    assert all((part == 1).all() for part in found.scatter(keep).values())
    keep[0, 0] = False
    np.testing.assert_allclose(found.scatter(keep)["expression"], [[0, 0.5, 1, 1]])


def test_values_are_in_their_own_units():
    nan = np.nan
    inputs = Inputs(
        patients=("p",), cohorts=("c",), expression=np.array([[1.0, 3.0, nan, nan]], dtype=np.float32), membership=MEMBERSHIP,
        numbers=np.array([[0.5]], dtype=np.float32), categories=np.array([[1]]), mutated=np.array([[1.0]], dtype=np.float32),
        copied=np.array([[nan]], dtype=np.float32), slide=np.array([[1.0, 3.0]], dtype=np.float32), tiles=np.full((1, 2), nan, dtype=np.float32),
    )  # fmt: skip
    shown = dict(zip(tokens(WORDS, MEMBERSHIP).names, readable(WORDS, inputs, tokens(WORDS, MEMBERSHIP))[0], strict=True))
    assert shown["tmb_per_mb"] == pytest.approx(15.0)  # 2^(0.5 * 2 + 3) - 1
    assert shown["a"] == pytest.approx((1.0 + 3.0 / 2) / 1.5)
    assert shown["mutation:TP53"] == 1.0
    assert shown["slide:cells"] == 2.0
    assert np.isnan(shown["sex"])
    assert np.isnan(shown["copy_number:TP53"])
    assert np.isnan(shown[OTHER_GENES])
