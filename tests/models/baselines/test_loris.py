"""LORIS: the published formula, its caps, its table of cancer types, and what it does without an input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.baselines import loris
from models.card import ModelError


def patient(**changes: float) -> dict[str, np.ndarray]:
    values = {
        "tmb_per_mb": 10.0,
        "prior_systemic_therapy": 1.0,
        "albumin_g_per_dl": 4.0,
        "nlr": 3.0,
        "age_years": 60.0,
    } | changes
    return {name: np.array([value]) for name, value in values.items()}


def test_one_patient_by_hand() -> None:
    # .0371*10 - .8775*1 + .5382*4 - .033*3 + .0049*60 + .0008 - 2.0886
    s = 0.371 - 0.8775 + 2.1528 - 0.099 + 0.294 + 0.0008 - 2.0886
    found = loris.terms(patient(), ["NSCLC"])
    assert found.log_odds[0] == pytest.approx(s, abs=1e-12)
    assert found.score[0] == pytest.approx(1 / (1 + math.exp(-s)), abs=1e-12)
    assert found.intercept + found.terms[0].sum() == pytest.approx(s, abs=1e-12)


@pytest.mark.parametrize(("name", "ceiling"), [("tmb_per_mb", 50.0), ("nlr", 25.0), ("age_years", 85.0)])
def test_values_above_a_ceiling_count_as_the_ceiling(name: str, ceiling: float) -> None:
    at, above = (loris.score(patient(**{name: value}), ["Renal"])[0] for value in (ceiling, ceiling * 3))
    assert at == above


def test_a_cancer_type_outside_the_table_has_no_score() -> None:
    for unknown in ("CNS", "Unknown primary", "", None):
        assert np.isnan(loris.score(patient(), [unknown])[0])
    assert loris.cancer_term(["head and neck", "Head & Neck"]).tolist() == [0.0678, 0.0678]


@pytest.mark.parametrize("name", list(loris.SLOPES))
def test_a_missing_input_gives_no_score(name: str) -> None:
    assert np.isnan(loris.score(patient(**{name: np.nan}), ["Melanoma"])[0])


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ModelError, match="albumin"):
        loris.score({k: v for k, v in patient().items() if k != "albumin_g_per_dl"}, ["Renal"])
    with pytest.raises(ModelError, match="lengths"):
        loris.score(patient(), ["Renal", "Renal"])
