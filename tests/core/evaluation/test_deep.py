"""The multimodal model as one more entry: it learns from who may teach and scores the judged patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.evaluation import compare as comparing
from core.evaluation import deep
from core.evaluation.compare import Material
from core.evaluation.protocol import out_of_fold
from models.config import Config
from tests.core.evaluation.conftest import WORDS

TINY = Config(dim=8, layers=1, heads=2, inner=8, pretrain_epochs=1, tune_epochs=1, seeds=1)


@pytest.mark.parametrize(("name", "make"), [("unseen_cohorts", deep.multimodal), ("imvigor_survival", deep.without_pretraining)])
def test_the_deep_model_enters_by_the_same_door(name: str, make, material: Material) -> None:  # type: ignore[no-untyped-def]
    made = comparing.evaluation(name, material, repeats=1)
    one_fit = replace(made, splits=made.splits[:1])
    entry = make(WORDS, made.endpoint, config=TINY)
    assert not entry.simple
    runs = [out_of_fold(entry, material.inputs, material.labels, evaluation=one_fit, seed=1) for _ in range(2)]
    np.testing.assert_array_equal(*runs)
    judged = np.flatnonzero(made.judged)
    own = np.isin(judged, made.splits[0].test)
    assert np.isfinite(runs[0][0, own]).all()
    assert np.isnan(runs[0][0, ~own]).all()
