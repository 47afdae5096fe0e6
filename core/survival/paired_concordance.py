"""Difference between the c-indices of two scores of the same patients, by the infinitesimal jackknife.

Harrell 1982, doi 10.1001/jama.1982.03320430047030; comparing two of them: Kang 2015, doi 10.1002/sim.6370.
"""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np

from core.finding import Finding
from core.survival.endpoint import Bools, Floats, Ints
from core.survival.kaplan_meier import Z95
from core.survival.ordered_pairs import ordered_pairs

REFERENCE = "10.1002/sim.6370"
NAME = "difference in c-index, same patients"


def covariance(
    scores: Floats, time: Floats, event: Bools, *, entry: Floats | None = None, stratum: Ints | None = None
) -> tuple[Floats, Floats]:
    """C-index of several scores of the same patients, and their covariance.

    Parameters
    ----------
    scores : (n, k) float, no nan; higher = longer survival. time : (n,) months, nearly tied times made equal.
    event : (n,) bool. entry : (n,) months, or None. stratum : (n,) int, 0 or more, or None: pairs are of one stratum, and
        strata weigh by their comparable pairs.

    Returns
    -------
    c : (k,). covariance : (k, k), infinitesimal jackknife; nan where no pair is comparable.

    References
    ----------
    Equals R survival::concordance of two stratified fits, and its `var`.
    """
    n, k = scores.shape
    value, influence = np.full(k, np.nan), np.full((n, k), np.nan)
    for j in range(k):
        rank = np.unique(scores[:, j], return_inverse=True)[1].astype(np.int64)
        discordant, concordant, tied = ordered_pairs(time, event, rank, entry=entry, stratum=stratum)
        right, every = concordant + tied / 2, (discordant + concordant + tied).astype(np.float64)
        pairs = float(every.sum()) / 2
        if pairs:
            value[j] = float(right.sum()) / 2 / pairs
            influence[:, j] = (right - value[j] * every) / pairs
    return value, np.asarray(influence.T @ influence, dtype=np.float64)


def paired_concordance(
    scores: Floats, time: Floats, event: Bools, *, entry: Floats | None = None, stratum: Ints | None = None
) -> Finding:
    """C-index of the first score less that of the second.

    Parameters
    ----------
    scores : (n, 2) float; the rest as `covariance`.

    Estimand: the difference of the two probabilities that, of two patients whose order of events is known, the one who
    lives longer has the higher score. Null hypothesis: it is 0 (two-sided, normal).

    Returns
    -------
    Finding
        statistic = z, effect = difference, ci95 = normal interval; nan with a note where it does not exist.

    References
    ----------
    Kang 2015, doi 10.1002/sim.6370.
    """
    value, spread = covariance(scores, time, event, entry=entry, stratum=stratum)
    difference = float(value[0] - value[1])
    variance = float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])
    se = sqrt(variance) if variance > 1e-16 else float("nan")
    z = difference / se if se > 0 else float("nan")
    note = f"c-index {value[0]:.3f} against {value[1]:.3f}"
    if not np.isfinite(difference):
        note = "no pair of patients can be compared (no events)"
    elif se != se:
        note += "; no test: the difference does not vary between patients"
    return Finding(
        name=NAME, statistic=z, p_value=erfc(abs(z) / sqrt(2)) if np.isfinite(z) else float("nan"), effect=difference,
        ci95=(difference - Z95 * se, difference + Z95 * se), n=int(time.size), events=int(event.sum()), note=note,
        reference=REFERENCE,
    )  # fmt: skip
