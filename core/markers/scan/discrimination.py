"""Discrimination: the AUC for response of every marker, with DeLong's standard error.

DeLong, DeLong & Clarke-Pearson 1988, doi 10.2307/2531595.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.markers.scan.many import Bools, Floats
from core.survival.kaplan_meier import Z95

BLOCK = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Areas:
    """AUC of m markers.

    Attributes
    ----------
    auc, se, ci_low, ci_high : (m,), nan where a class has no patient (se: fewer than two).
    """

    auc: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats


def auc_many(response: Bools, x: Floats) -> Areas:
    """AUC of every column.

    Parameters
    ----------
    response : (n,) bool. x : (n, m) float, nan = missing.

    Estimand: the probability that a responder has a higher value than a non-responder, ties one half.

    References
    ----------
    DeLong 1988, doi 10.2307/2531595. Equals `core.response.roc.delong` column by column.
    """
    m = x.shape[1]
    area, variance = np.full(m, np.nan), np.full(m, np.nan)
    for start in range(0, m, BLOCK):
        part = slice(start, start + BLOCK)
        area[part], variance[part] = _delong(x[response, part].T, x[~response, part].T)
    se = np.sqrt(variance)
    return Areas(auc=area, se=se, ci_low=np.maximum(0.0, area - Z95 * se), ci_high=np.minimum(1.0, area + Z95 * se))


def _delong(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """AUC and variance of every row; nan = missing."""
    m = (~np.isnan(positive)).sum(axis=1)
    n = (~np.isnan(negative)).sum(axis=1)
    rank = midranks(np.concatenate((positive, negative), axis=1))
    size = positive.shape[1]
    with np.errstate(all="ignore"):
        above = (rank[:, :size] - midranks(positive)) / n[:, None]
        below = 1.0 - (rank[:, size:] - midranks(negative)) / m[:, None]
        mean = np.nansum(above, axis=1) / m
        variance = np.zeros(mean.size)
        for values, count in ((above, m), (below, n)):
            square = np.nansum((values - (np.nansum(values, axis=1) / count)[:, None]) ** 2, axis=1)
            variance += np.where(count > 1, square / (count - 1) / count, np.nan)
    return np.where((m > 0) & (n > 0), mean, np.nan), np.where((m > 1) & (n > 1), variance, np.nan)


def midranks(x: Floats) -> Floats:
    """Ranks from 1 along each row, ties averaged; nan stays nan."""
    rows, size = x.shape
    if size == 0:
        return np.zeros(x.shape)
    order = np.argsort(x, axis=1, kind="stable")
    ranked = np.take_along_axis(x, order, axis=1)
    place = np.arange(size)
    new = np.ones((rows, size), dtype=bool)
    new[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    end = np.ones((rows, size), dtype=bool)
    end[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(end, place, size)[:, ::-1], axis=1)[:, ::-1]
    result = np.empty((rows, size))
    np.put_along_axis(result, order, (first + last) / 2 + 1, axis=1)
    return np.where(np.isnan(x), np.nan, result)
