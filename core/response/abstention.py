"""Abstention: which patients are unlike those that a model was trained on, and what leaving them unpredicted changes.

Distance to the training patients: Mahalanobis with a shrunken covariance (Ledoit & Wolf 2004,
doi 10.1016/S0047-259X(03)00096-4; as a detector: Lee 2018, doi 10.48550/arXiv.1807.03888) and the mean distance to the
nearest neighbours (Sun 2022, doi 10.48550/arXiv.2204.06507); threshold from the training patients' own leave-one-out
distances, a conformal test (Bates 2023, doi 10.1214/22-AOS2244). Risk and coverage: El-Yaniv & Wiener 2010.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.errors import TooFewPatients
from core.response.conformal import quantile
from core.response.outcome import Bools, Floats
from core.response.paired import covariance_within
from core.survival.kaplan_meier import Z95

REFERENCE = "10.1214/22-AOS2244"
ALARM = 0.95
"""Share of the training patients that lie within the threshold."""
NEIGHBOURS = 10
FEWEST = 20
"""Training patients, and patients kept, from which anything is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """What is learnt from the training patients.

    Attributes
    ----------
    centre, spread : (p,) mean and standard deviation; a column that does not vary has spread 1.
    precision : (p, p) inverse of the shrunken covariance of the standardised columns. shrinkage : 0 to 1, towards a
        multiple of the identity. train : (n, p) standardised training patients.
    scale : the two distances' own `ALARM` quantile, which makes them comparable. own : (n,) leave-one-out strangeness of the
        training patients. threshold : its conformal `ALARM` quantile.
    """

    centre: Floats
    spread: Floats
    precision: Floats
    shrinkage: float
    train: Floats
    scale: tuple[float, float]
    own: Floats
    threshold: float

    @property
    def n(self) -> int:
        return int(self.train.shape[0])

    def strangeness(self, x: Floats) -> Floats:
        """(n,) of other patients (n, p): the larger of the two distances, each relative to the training patients' own."""
        z = (x - self.centre) / self.spread
        mahalanobis = np.sqrt(np.einsum("ij,jk,ik->i", z, self.precision, z))
        return np.asarray(np.maximum(mahalanobis / self.scale[0], neighbours(z, self.train) / self.scale[1]), dtype=np.float64)

    def p_value(self, x: Floats) -> Floats:
        """(n,) share of training patients, each patient added, that are at least as strange; null: one of their population."""
        own = np.sort(self.own)
        return np.asarray((1 + own.size - np.searchsorted(own, self.strangeness(x), side="left")) / (own.size + 1), dtype=np.float64)


def detector(train: Floats) -> Detector:
    """Learn from training patients.

    Parameters
    ----------
    train : (n, p) features or an embedding, no nan.

    Raises
    ------
    TooFewPatients
        Fewer than FEWEST, or no column varies.

    References
    ----------
    Ledoit & Wolf 2004, doi 10.1016/S0047-259X(03)00096-4; Bates 2023, doi 10.1214/22-AOS2244.
    """
    n = train.shape[0]
    if n < FEWEST:
        raise TooFewPatients(f"{n} training patients are too few to say who is unlike them; it takes {FEWEST}")
    centre, spread = train.mean(axis=0), train.std(axis=0)
    if not (spread > 1e-12).any():
        raise TooFewPatients("no feature varies among the training patients, so nobody can be unlike them")
    spread = np.where(spread > 1e-12, spread, 1.0)
    z = (train - centre) / spread
    sample = z.T @ z / n
    shrinkage = _ledoit_wolf(z, sample)
    target = float(np.trace(sample)) / sample.shape[0]
    one = np.eye(sample.shape[0])
    precision = np.linalg.inv((1 - shrinkage) * sample + shrinkage * target * one + 1e-9 * one)
    own = np.column_stack((_left_out(z, sample, shrinkage=shrinkage, target=target), neighbours(z, z, itself=True)))
    scale = np.maximum(np.quantile(own, ALARM, axis=0), 1e-12)
    strange = (own / scale).max(axis=1)
    return Detector(
        centre=centre, spread=spread, precision=precision, shrinkage=shrinkage, train=z, scale=(float(scale[0]), float(scale[1])), own=strange,
        threshold=quantile(strange, ALARM),
    )  # fmt: skip


def neighbours(z: Floats, train: Floats, *, itself: bool = False) -> Floats:
    """(m,) mean distance of (m, p) patients to their NEIGHBOURS nearest of (n, p); itself : they are the same, leave each out."""
    k = min(NEIGHBOURS, train.shape[0] - itself)
    out = np.empty(z.shape[0])
    squares = (train**2).sum(axis=1)
    for start in range(0, z.shape[0], 1024):
        block = z[start : start + 1024]
        d = np.maximum((block**2).sum(axis=1)[:, None] + squares - 2 * block @ train.T, 0.0)
        if itself:
            d[np.arange(block.shape[0]), start + np.arange(block.shape[0])] = np.inf
        out[start : start + 1024] = np.sqrt(np.partition(d, k - 1, axis=1)[:, :k]).mean(axis=1)
    return out


def risk_coverage(
    score: Floats, response: Bools, strangeness: Floats, *, strata: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None, steps: int = 30
) -> pl.DataFrame:
    """AUC of the patients kept when the strangest are left unpredicted.

    Parameters
    ----------
    score, response, strangeness : (n,). strata : (n,) cohorts, AUCs compare patients of one; None = all together.
    steps : shares kept, evenly spaced from 100% down to where an AUC exists no more (FEWEST patients, 5 of each class).

    Estimand: the AUC among the share kept, most typical first, DeLong 95% interval; no test.

    Returns
    -------
    kept (share), n, responders, limit (strangeness of the last one kept), auc, ci_low, ci_high.

    References
    ----------
    El-Yaniv & Wiener 2010, J Mach Learn Res 11:1605; DeLong 1988, doi 10.2307/2531595.
    """
    order = np.argsort(strangeness, kind="stable")
    layer = np.zeros(score.size, dtype=np.int64) if strata is None else strata
    rows = []
    for share in np.linspace(1, 1 / steps, steps):
        mine = order[: round(float(share) * score.size)]
        hits = int(response[mine].sum())
        if mine.size < FEWEST or min(hits, mine.size - hits) < 5:
            break
        value, se = area(score[mine], response[mine], layer[mine])
        ends = (max(0.0, value - Z95 * se), min(1.0, value + Z95 * se))
        rows.append((mine.size / score.size, int(mine.size), hits, float(strangeness[mine[-1]]), value, *ends))
    return pl.DataFrame(rows, schema=["kept", "n", "responders", "limit", "auc", "ci_low", "ci_high"], orient="row").with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def area(score: Floats, response: Bools, strata: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[float, float]:
    """AUC within strata and its standard error (DeLong); nan where none exists."""
    auc, spread = covariance_within(score[:, None], response, strata)
    return float(auc[0]), float(np.sqrt(spread[0, 0]))


def _ledoit_wolf(z: Floats, sample: Floats) -> float:
    """Shrinkage towards a multiple of the identity. Equals sklearn.covariance.ledoit_wolf_shrinkage."""
    n, p = z.shape
    mu = float(np.trace(sample)) / p
    apart = float(((sample - mu * np.eye(p)) ** 2).sum())
    if apart <= 0:
        return 1.0
    squares = z**2
    noise = (float((squares.T @ squares).sum()) / n - float((sample**2).sum())) / n
    return float(min(max(noise, 0.0), apart) / apart)


def _left_out(z: Floats, sample: Floats, *, shrinkage: float, target: float) -> Floats:
    """(n,) Mahalanobis distance of each patient from the others, shrinkage and target held (Sherman-Morrison)."""
    n, p = z.shape
    whole = (1 - shrinkage) * n / (n - 1) * sample + (shrinkage * target + 1e-9) * np.eye(p)
    q = np.einsum("ij,jk,ik->i", z, np.linalg.inv(whole), z)
    lost = (1 - shrinkage) * n / (n - 1) ** 2
    return np.asarray(np.sqrt(q / np.maximum(1 - lost * q, 1e-12)) * n / (n - 1), dtype=np.float64)
