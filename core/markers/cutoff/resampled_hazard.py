"""Resampled hazard: the Cox hazard ratio of two groups in many bootstrap samples at once."""

from __future__ import annotations

import numpy as np

from core.survival.endpoint import Bools, Floats


def resampled_log_hr(time: Floats, event: Bools, high: Bools, *, weights: Floats) -> Floats:
    """Log hazard ratio (Cox, Efron) of `high` against the rest in many resamples.

    Parameters
    ----------
    time, event : (n,). high : (b, n), each resample's groups. weights : (b, n), whole copies of each patient.

    Returns
    -------
    (b,) float, nan where a group has no event or the likelihood no maximum.

    References
    ----------
    Efron 1977, doi 10.1080/01621459.1977.10480613. Equals a Cox fit on the patients repeated as often as they were drawn.
    """
    b = weights.shape[0]
    order = np.argsort(time, kind="stable")
    died = event[order]
    if b == 0 or not died.any():
        return np.full(b, np.nan)
    ordered, w, up = time[order], weights[:, order], high[:, order]
    moments = np.unique(ordered[died])
    start = np.searchsorted(ordered, moments)
    stop = np.searchsorted(ordered, moments, side="right")

    def rest(v: Floats) -> Floats:
        return np.asarray(v[:, ::-1].cumsum(axis=1)[:, ::-1][:, start])

    def at(v: Floats) -> Floats:
        total = np.concatenate((np.zeros((b, 1)), v.cumsum(axis=1)), axis=1)
        return np.asarray(total[:, stop] - total[:, start])

    risk, part = rest(w), rest(w * up)
    deaths, upper = at(w * died), at(w * up * died)
    which, when = np.nonzero(deaths)
    copies = deaths[which, when].astype(np.int64)
    sample = np.repeat(which, copies)
    share = (np.arange(sample.size) - np.repeat(copies.cumsum() - copies, copies)) / np.repeat(copies, copies)
    a = np.repeat(part[which, when], copies) - share * np.repeat(upper[which, when], copies)
    rest_ = np.repeat(risk[which, when], copies) - share * np.repeat(deaths[which, when], copies) - a
    observed, total = upper.sum(axis=1), deaths.sum(axis=1)
    beta: Floats = np.zeros(b)
    information: Floats = np.zeros(b)
    moving = (observed > 0) & (observed < total)
    for _ in range(40):
        v = a * np.exp(beta)[sample]
        p = v / (v + rest_)
        information = np.bincount(sample, weights=p * (1 - p), minlength=b).astype(np.float64)
        gradient = observed - np.bincount(sample, weights=p, minlength=b)
        step = np.where(moving & (information > 1e-12), gradient / np.maximum(information, 1e-12), 0.0)
        step = np.clip(step, -2, 2)
        beta = beta + step
        moving &= np.abs(beta) < 25
        if np.abs(step).max() < 1e-9:
            break
    good = (observed > 0) & (observed < total) & (information > 1 / 2500) & (np.abs(beta) < 25)
    return np.where(good, beta, np.nan)
