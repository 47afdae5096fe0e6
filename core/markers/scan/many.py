"""Many: one estimate and test a marker, for thousands of markers at once, and why some have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FINE, CONSTANT, NO_EVENTS, SEPARATED, TOO_FEW = range(5)
REASONS: Mapping[int, str] = {
    FINE: "",
    CONSTANT: "the marker has the same value in every patient, or is a sum of the covariates",
    NO_EVENTS: "no events among the patients with a value, or nothing but events",
    SEPARATED: "the marker separates the outcomes completely: the likelihood has no maximum",
    TOO_FEW: "too few patients with a value",
}
FEWEST = 5
"""Patients with a value that an estimate takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """Estimates of m markers.

    Attributes
    ----------
    estimate : (m,) log hazard or odds ratio, in units of `x`; nan where there is none. se : (m,) its standard error.
    statistic : (m,) Wald z, or the chi-square of a rank test. p_value : (m,) two-sided.
    n, events : (m,) patients with a value, and events (or responders) among them.
    reason : (m,) a key of REASONS; 0 where the estimate is fine.
    """

    estimate: Floats
    se: Floats
    statistic: Floats
    p_value: Floats
    n: Ints
    events: Ints
    reason: Ints

    @property
    def estimable(self) -> Bools:
        return np.asarray(self.reason == FINE)


def two_sided(z: Floats) -> Floats:
    """P(|N(0, 1)| > |z|), exact in the far tail."""
    from scipy.special import erfc

    return np.asarray(erfc(np.abs(z) / np.sqrt(2.0)), dtype=np.float64)


def score_p(score: Floats, variance: Floats) -> Floats:
    """Two-sided p of a score over the square root of its variance; nan where it does not vary."""
    return two_sided(score / np.sqrt(np.where(variance > 0, variance, np.nan)))


def wald(beta: Floats, se: Floats, *, counts: tuple[Ints, Ints], reason: Ints) -> Many:
    """Wald tests of coefficients; those with a reason against them become nan."""
    fine = reason == FINE
    estimate, error = np.where(fine, beta, np.nan), np.where(fine, se, np.nan)
    z = estimate / error
    return Many(
        estimate=estimate, se=error, statistic=z, p_value=two_sided(z), n=counts[0], events=counts[1], reason=reason
    )


PART = 1024
"""Columns looked at together, so that their passes stay in the processor's cache."""


def moments(x: Floats) -> tuple[Ints, Floats, Floats]:
    """Values, mean and standard deviation of each column.

    Parameters
    ----------
    x : (n, m), nan = missing.

    Returns
    -------
    n, mean, sd (n - 1; nan with fewer than two values, 0 where all are equal) : (m,).
    """
    m = x.shape[1]
    n, mean, sd = np.zeros(m, dtype=np.int64), np.zeros(m), np.full(m, np.nan)
    for start in range(0, m, PART):
        part = slice(start, min(start + PART, m))
        block = np.array(x[:, part], dtype=np.float64, order="C")
        known = np.isfinite(block)
        n[part] = known.sum(axis=0)
        if not known.all():
            block[~known] = 0.0
        mean[part] = block.sum(axis=0) / np.maximum(n[part], 1)
        largest = np.abs(block).max(axis=0, initial=0.0)
        block = block - mean[part]
        if not known.all():
            block[~known] = 0.0
        found = np.sqrt(np.einsum("ij,ij->j", block, block) / np.maximum(n[part] - 1, 1))
        found[found <= 1e-12 * np.maximum(largest, 1e-300)] = 0.0
        sd[part] = np.where(n[part] > 1, found, np.nan)
    return n, mean, sd


def spread(x: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and share not explained by the covariates of each column.

    Parameters
    ----------
    x : (n, m), nan = missing. z : (n, q) covariates, complete.

    Returns
    -------
    mean, sd (see `moments`), free : (m,); `free` is 1 - R2 of the column on the covariates.
    """
    _, mean, sd = moments(x)
    free = np.ones(x.shape[1])
    if z.shape[1]:
        known = np.isfinite(x)
        whole = known.all(axis=0)
        centred = np.where(known, x, mean) - mean
        square = (centred**2).sum(axis=0)
        basis = np.linalg.qr(np.column_stack((np.ones(z.shape[0]), z)))[0]
        left = centred[:, whole] - basis @ (basis.T @ centred[:, whole])
        free[whole] = (left**2).sum(axis=0) / np.maximum(square[whole], 1e-300)
        for j in np.flatnonzero(~whole):
            rows = known[:, j]
            design = np.column_stack((np.ones(int(rows.sum())), z[rows]))
            fitted = design @ np.linalg.lstsq(design, centred[rows, j], rcond=None)[0]
            free[j] = ((centred[rows, j] - fitted) ** 2).sum() / max(square[j], 1e-300)
    return mean, sd, free


def full_rank(z: Floats) -> Floats:
    """Covariates centred and scaled, without those that are constant or a sum of earlier ones."""
    kept: list[Floats] = []
    basis = np.ones((z.shape[0], 1)) / np.sqrt(max(z.shape[0], 1))
    for column in z.T:
        centred = column - column.mean()
        left = centred - basis @ (basis.T @ centred)
        left = left - basis @ (basis.T @ left)
        if float(np.linalg.norm(left)) > 1e-8 * float(np.linalg.norm(column)):
            kept.append(centred / centred.std())
            basis = np.column_stack((basis, left / np.linalg.norm(left)))
    return np.column_stack(kept) if kept else np.zeros((z.shape[0], 0))
