"""Decision curve: net benefit of treating by a probability, against treating everybody and nobody.

Vickers & Elkin 2006, doi 10.1177/0272989X06295361; intervals: Pfeiffer & Gail 2020, doi 10.1002/bimj.201800240.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured, TooFewPatients
from core.response.outcome import Bools, Floats, probabilities
from core.survival.kaplan_meier import Z95

REFERENCE = "10.1177/0272989X06295361"
THRESHOLDS = tuple(round(0.01 * i, 2) for i in range(1, 100))
"""Every per cent; a figure draws the part that a decision could use."""


def decision_curve(
    probability: npt.ArrayLike, response: npt.ArrayLike, *, thresholds: Sequence[float] | Floats = THRESHOLDS
) -> pl.DataFrame:
    """Net benefit at each threshold probability.

    Parameters
    ----------
    probability : (n,) of response, 0 to 1; nan = missing. response : (n,) bool, or float with nan = not evaluable.
    thresholds : each over 0 and under 1; a patient is treated when the probability is at or above it.

    Estimand: P(treated and responded) - P(treated and did not respond) x t / (1 - t), in units of responders per
    patient, without counting harm or cost other than through the threshold t. No test.

    Returns
    -------
    threshold, treated (share), tp, fp (counts), net_benefit, ci_low, ci_high; treat_all, treat_all_low,
    treat_all_high; treat_none (0); over_all, over_all_low, over_all_high: net benefit less that of treating everybody,
    paired on the same patients. Intervals are 95%, normal, from the variance of the patients' contributions; they take
    the thresholds one at a time.

    Raises
    ------
    NotMeasured
        A value lies outside 0 to 1: the score is not a probability; or a threshold is not between 0 and 1.
    TooFewPatients
        Fewer than two patients have both.

    References
    ----------
    Vickers & Elkin 2006, doi 10.1177/0272989X06295361; Pfeiffer & Gail 2020, doi 10.1002/bimj.201800240.
    """
    p, y, _ = probabilities(probability, response, purpose="a decision curve")
    at = np.asarray(thresholds, dtype=np.float64)
    if not ((at > 0) & (at < 1)).all():
        raise NotMeasured("every threshold of a decision curve must lie between 0 and 1, ends excluded")
    if p.size < 2:
        raise TooFewPatients("a decision curve takes at least two patients with a probability and a response")
    treated = p[None, :] >= at[:, None]
    odds = (at / (1 - at))[:, None]
    worth = np.where(y[None, :], 1.0, -odds)  # of treating this patient, at each threshold
    model, everybody = np.where(treated, worth, 0.0), np.broadcast_to(worth, treated.shape)
    net, net_se = _mean(model)
    every, every_se = _mean(everybody)
    over, over_se = _mean(model - everybody)
    return pl.DataFrame(
        {
            "threshold": at,
            "treated": treated.mean(axis=1),
            "tp": _count(treated, y),
            "fp": _count(treated, ~y),
            "net_benefit": net,
            "ci_low": net - Z95 * net_se,
            "ci_high": net + Z95 * net_se,
            "treat_all": every,
            "treat_all_low": every - Z95 * every_se,
            "treat_all_high": every + Z95 * every_se,
            "treat_none": np.zeros(at.size),
            "over_all": over,
            "over_all_low": over - Z95 * over_se,
            "over_all_high": over + Z95 * over_se,
        }
    )


def useful_range(curve: pl.DataFrame) -> tuple[float, float] | None:
    """Lowest and highest threshold at which the net benefit is above that of treating everybody and of treating nobody.

    Point estimates only; None where there is none. The range may hold thresholds where it is not above: a sampled
    curve crosses more than once.
    """
    above = curve.filter((pl.col("net_benefit") > pl.col("treat_all")) & (pl.col("net_benefit") > 0))
    if above.is_empty():
        return None
    ends = above["threshold"].to_numpy()
    return float(ends.min()), float(ends.max())


def _mean(values: Floats) -> tuple[Floats, Floats]:
    """Mean over patients and its standard error."""
    return values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])


def _count(treated: Bools, kind: Bools) -> npt.NDArray[np.int64]:
    return np.asarray((treated & kind[None, :]).sum(axis=1), dtype=np.int64)
