"""Stability: do features keep their rank when the model is fitted again, or other patients are drawn?

Agreement of each draw with the reference ranking: Kendall's tau-b (Kendall 1945, doi 10.1093/biomet/33.3.239), and the
share of the strongest features that stay among the strongest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """Agreement over draws.

    Attributes
    ----------
    tau, overlap : (mean, 2.5%, 97.5%) over draws; overlap is the share of the `top` strongest that stay so.
    rank_low, rank_high : (f,) 95% of the draws rank the feature between these; 1 = strongest.
    in_top : (f,) share of the draws in which the feature is among the `top` strongest and not 0. draws : how many.
    """

    tau: tuple[float, float, float]
    overlap: tuple[float, float, float]
    top: int
    rank_low: Floats
    rank_high: Floats
    in_top: Floats
    draws: int


def agreement(reference: Floats, draws: Floats) -> Stability:
    """Agreement of rankings with a reference.

    Parameters
    ----------
    reference : (f,) importance of each feature, 0 = not used. draws : (b, f) the same of each refit or resample.
        Features that are 0 everywhere have no rank and take no part. The strongest are the first 10, or the first half of
        fewer than 20 features, so that the overlap can fail.

    Raises
    ------
    ModelError
        Fewer than two features with a rank, or no draw.
    """
    used = np.flatnonzero((reference > 0) | (draws > 0).any(axis=0)) if draws.size else np.flatnonzero(reference > 0)
    if used.size < 2 or draws.shape[0] == 0:
        raise ModelError(f"a ranking needs two features and one draw; there are {used.size} and {draws.shape[0]}")
    ours, theirs = reference[used], draws[:, used]
    top = min(10, max(1, used.size // 2))
    strongest = np.argsort(-ours, kind="stable")[:top]
    rank = _ranks(theirs)
    among = (rank <= top) & (theirs > 0)
    full_low, full_high, full_top = (np.full(reference.size, np.nan) for _ in range(3))
    full_low[used], full_high[used] = np.quantile(rank, (0.025, 0.975), axis=0)
    full_top[used] = among.mean(axis=0)
    return Stability(
        tau=_spread(kendall(ours, theirs)), overlap=_spread(among[:, strongest].mean(axis=1)), top=top,
        rank_low=full_low, rank_high=full_high, in_top=full_top, draws=draws.shape[0],
    )  # fmt: skip


def resampled(size: Floats, *, draws: int = 200, seed: int = 0) -> Floats:
    """(draws, f) mean of (n, f) |SHAP| over patients drawn with replacement: for a formula that no refit changes."""
    n = size.shape[0]
    weights = np.random.default_rng([seed, 31]).multinomial(n, np.full(n, 1.0 / n), size=draws) / n
    return np.asarray(weights @ size, dtype=np.float64)


def kendall(reference: Floats, draws: Floats) -> Floats:
    """Kendall's tau-b of each draw with the reference, (b,); 0 where a ranking is all ties."""
    upper = np.triu_indices(reference.size, 1)
    ours = np.sign(reference[upper[0]] - reference[upper[1]])
    made = np.zeros(draws.shape[0])
    for number, draw in enumerate(draws):
        theirs = np.sign(draw[upper[0]] - draw[upper[1]])
        scale = np.sqrt(np.abs(ours).sum() * np.abs(theirs).sum())
        made[number] = (ours * theirs).sum() / scale if scale > 0 else 0.0
    return made


def _ranks(values: Floats) -> Floats:
    """Rank of each feature in each row, 1 = largest, ties at their mean rank."""
    above = (values[:, None, :] > values[:, :, None]).sum(axis=2)
    equal = (values[:, None, :] == values[:, :, None]).sum(axis=2)
    return np.asarray(above + (equal + 1) / 2, dtype=np.float64)


def _spread(values: Floats) -> tuple[float, float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)
