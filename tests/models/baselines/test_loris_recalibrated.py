"""Recalibration: the two numbers of R's glm, and the order of patients untouched."""

from __future__ import annotations

import numpy as np
import pytest

from models.baselines import loris_recalibrated
from models.card import ModelError

REFERENCE = (-0.230333519962, 0.643907254738)


def test_equals_glm() -> None:
    # Rscript -e 'x <- seq(-2, 2, length.out = 20); y <- c(0,0,1,0,0,0,1,0,0,1,0,1,1,0,1,0,1,1,0,1);
    #             print(coef(glm(y ~ x, family = binomial, control = list(epsilon = 1e-14))), digits = 12)'
    x = np.linspace(-2, 2, 20)
    y = np.array([0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1], dtype=bool)
    fitted = loris_recalibrated.fit(x, y)
    assert fitted.intercept == pytest.approx(REFERENCE[0], abs=1e-8)
    assert fitted.slope == pytest.approx(REFERENCE[1], abs=1e-8)
    mean = fitted.probability(x).mean()
    assert mean == pytest.approx(y.mean(), abs=1e-12)
    assert (np.diff(fitted.probability(x)) > 0).all()


def test_one_class_cannot_be_calibrated() -> None:
    with pytest.raises(ModelError, match="both outcomes"):
        loris_recalibrated.fit(np.arange(20.0), np.ones(20, dtype=bool))
