"""Standardisation: features on one scale, over everybody (no correction) or within each cohort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def none(x: Floats, batch: Ints) -> Floats:
    """Every feature to mean 0 and SD 1 over all cohorts together: no correction, only a common unit.

    Parameters
    ----------
    x : (n, p) features without missing values. batch : (n,) codes of the cohorts; not used.
    """
    return scaled(x)


def within(x: Floats, batch: Ints) -> Floats:
    """Every feature to mean 0 and SD 1 within each cohort.

    Parameters
    ----------
    x : (n, p) features without missing values. batch : (n,) codes of the cohorts.

    It takes away any true difference between cohorts, such as a cancer that is more inflamed. A feature that does not
    vary within a cohort becomes 0 there.
    """
    out = np.empty_like(x, dtype=np.float64)
    for code in np.unique(batch):
        out[batch == code] = scaled(x[batch == code])
    return out


def scaled(x: Floats) -> Floats:
    """(n, p) columns to mean 0 and sample SD 1; a column that does not vary becomes 0."""
    centred = x - x.mean(axis=0)
    spread = centred.std(axis=0, ddof=1) if x.shape[0] > 1 else np.zeros(x.shape[1])
    varies = spread > 1e-12
    return np.asarray(np.where(varies, centred / np.where(varies, spread, 1.0), 0.0), dtype=np.float64)
