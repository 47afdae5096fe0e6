"""Difference between the AUCs of two predictors on the same patients, by DeLong's paired test.

DeLong, DeLong & Clarke-Pearson 1988, doi 10.2307/2531595.
"""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.groups import require
from core.response.outcome import Bools, Floats
from core.response.roc import placement_values
from core.survival.kaplan_meier import Z95

REFERENCE = "10.2307/2531595"
NAME = "difference in AUC, same patients (DeLong)"


def covariance(scores: Floats, response: Bools) -> tuple[Floats, Floats]:
    """AUC of several scores of the same patients, and their covariance.

    Parameters
    ----------
    scores : (n, k) float, no nan. response : (n,) bool, both values present.

    Returns
    -------
    auc : (k,). covariance : (k, k), DeLong's; nan with fewer than two patients in a class.

    References
    ----------
    DeLong 1988, doi 10.2307/2531595. Equals R pROC::cov for each pair.
    """
    pairs = [placement_values(scores[:, j], response) for j in range(scores.shape[1])]
    positive = np.column_stack([p for p, _ in pairs])
    negative = np.column_stack([n for _, n in pairs])
    if min(positive.shape[0], negative.shape[0]) < 2:
        k = scores.shape[1]
        return positive.mean(axis=0), np.full((k, k), np.nan)
    spread = sum(np.atleast_2d(np.cov(v, rowvar=False)) / v.shape[0] for v in (positive, negative))
    return positive.mean(axis=0), np.asarray(spread, dtype=np.float64)


def covariance_within(scores: Floats, response: Bools, strata: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """AUC of several scores among pairs of the same stratum, and their covariance.

    Parameters
    ----------
    scores : (n, k) float, no nan. response : (n,) bool. strata : (n,) int. A stratum with under two responders or two
        non-responders does not count; strata weigh by their pairs.

    Returns
    -------
    auc : (k,). covariance : (k, k); nan where no stratum counts. One stratum: as `covariance`.

    References
    ----------
    Janes & Pepe 2009, doi 10.1093/biomet/asp002; DeLong 1988, doi 10.2307/2531595.
    """
    k = scores.shape[1]
    value, spread, pairs = np.zeros(k), np.zeros((k, k)), 0.0
    for stratum in np.unique(strata):
        mine = strata == stratum
        hits = int(response[mine].sum())
        others = int(mine.sum()) - hits
        if min(hits, others) < 2:
            continue
        auc, cov = covariance(scores[mine], response[mine])
        weight = float(hits * others)
        value, spread, pairs = value + weight * auc, spread + weight**2 * cov, pairs + weight
    if not pairs:
        return np.full(k, np.nan), np.full((k, k), np.nan)
    return value / pairs, spread / pairs**2


def compare_within(scores: Floats, response: Bools, strata: npt.NDArray[np.int64]) -> Finding:
    """Paired DeLong test of two scores, comparing patients of the same stratum only.

    Parameters
    ----------
    scores : (n, 2) float, no nan. response, strata : as `covariance_within`.

    Estimand: AUC of the first less AUC of the second among pairs of one stratum. Null hypothesis: it is 0 (two-sided, normal).

    References
    ----------
    DeLong 1988, doi 10.2307/2531595; Janes & Pepe 2009, doi 10.1093/biomet/asp002.
    """
    auc, spread = covariance_within(scores, response, strata)
    variance = float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])
    se = float(np.sqrt(variance)) if variance > 1e-16 else float("nan")
    note = f"AUC {auc[0]:.3f} against {auc[1]:.3f}" if np.isfinite(auc).all() else "no stratum has two patients of each class"
    return _finding((float(auc[0] - auc[1]), se), (int(response.size), 0), note=note)


def compare(first: Floats, second: Floats, response: Bools) -> Finding:
    """Paired DeLong test of two scores.

    Parameters
    ----------
    first, second : (n,) float, higher = more likely to respond; nan or infinite = the patient is left out of both.
    response : (n,) bool.

    Estimand: AUC of the first less AUC of the second, in the patients who have both. Null hypothesis: it is 0
    (two-sided, normal).

    Returns
    -------
    Finding
        statistic = z, effect = difference, ci95 = normal interval; nan with a note where a class is empty, or where
        the two scores rank the patients alike.

    References
    ----------
    DeLong 1988, doi 10.2307/2531595. Equals R pROC::roc.test(paired = TRUE, method = "delong").
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    known = np.isfinite(one) & np.isfinite(two)
    y = np.asarray(response, dtype=np.bool_)[known]
    n, m = int(known.sum()), int(y.sum())
    nothing = float("nan")
    if m in {0, n}:
        lacking = "patient has both scores and a response" if n == 0 else "responders" if m == 0 else "non-responders"
        return _finding((nothing, nothing), (n, int((~known).sum())), note=f"no {lacking}: the AUCs do not exist")
    auc, spread = covariance(np.column_stack((one[known], two[known])), y)
    variance = float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])
    counts = (n, int((~known).sum()))
    difference = float(auc[0] - auc[1])
    said = f"{m} responders, {n - m} non-responders; AUC {auc[0]:.3f} against {auc[1]:.3f}"
    if not np.isfinite(variance):
        return _finding((difference, nothing), counts, note=f"{said}; no variance with one patient in a class")
    if variance < 1e-16:
        return _finding(
            (difference, nothing), counts, note=f"{said}; no test: the difference does not vary between patients"
        )
    return _finding((difference, float(np.sqrt(variance))), counts, note=said)


def standard_error(found: Finding) -> float:
    """Standard error of the difference of `compare`; nan where it has none."""
    low, high = found.ci95 or (np.nan, np.nan)
    return float((high - low) / (2 * Z95))


def paired_auc(frame: pl.DataFrame, *, first: str, second: str, response: str = "response") -> Finding:
    """Paired DeLong test between two columns of a frame; see `compare` for the estimand and the null hypothesis.

    Parameters
    ----------
    frame : one row a patient with `response` (null = not evaluable) and both scores; a patient who lacks any is left
        out and counted in `n_missing`.

    Raises
    ------
    NotMeasured
        The frame lacks a column.
    TooFewPatients
        No patient has both scores and a response.

    References
    ----------
    DeLong 1988, doi 10.2307/2531595.
    """
    require(frame, response, first, second)
    usable = frame.filter(pl.col(response).is_not_null())
    one, two = (usable[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in (first, second))
    found = compare(one, two, usable[response].cast(pl.Boolean).to_numpy())
    if found.n == 0:
        raise TooFewPatients(
            f"no patient has {first}, {second} and a response; choose predictors scored on the same study"
        )
    return Finding(
        name=found.name,
        statistic=found.statistic,
        p_value=found.p_value,
        effect=found.effect,
        ci95=found.ci95,
        n=found.n,
        n_missing=frame.height - found.n,
        note=found.note,
        reference=REFERENCE,
    )


def _finding(estimate: tuple[float, float], counts: tuple[int, int], *, note: str) -> Finding:
    value, se = estimate
    z = value / se if se > 0 else float("nan")
    return Finding(
        name=NAME,
        statistic=z,
        p_value=erfc(abs(z) / sqrt(2)) if np.isfinite(z) else float("nan"),
        effect=value,
        ci95=(value - Z95 * se, value + Z95 * se),
        n=counts[0],
        n_missing=counts[1],
        note=note,
        reference=REFERENCE,
    )
