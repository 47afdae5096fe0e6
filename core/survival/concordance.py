"""Harrell's concordance index with an infinitesimal-jackknife interval."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.groups import require
from core.survival.endpoint import Bools, Floats, endpoint, label
from core.survival.kaplan_meier import Z95
from core.survival.ordered_pairs import ordered_pairs

REFERENCE = "10.1001/jama.1982.03320430047030"


def concordant_pairs(
    time: Floats, event: Bools, score: Floats, *, entry: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Of each patient: concordant, discordant and score-tied comparable pairs that it is part of.

    A pair is comparable when the earlier time is an event; at equal times, when one is an event and the other is
    censored (the censored one lives longer); with late entry, when the other had entered before that event. Concordant:
    who lives longer has the higher score.
    """
    rank = np.unique(score, return_inverse=True)[1].astype(np.int64)
    discordant, concordant, tied = (v.astype(np.float64) for v in ordered_pairs(time, event, rank, entry=entry))
    return concordant, discordant, tied


def concordance(frame: pl.DataFrame, *, outcome: str = "os", score: str) -> Finding:
    """C-index of a score: higher score, longer survival.

    Estimand: the probability that, of two patients whose order of events is known, the one who lives longer has the
    higher score; ties of the score count one half. Null hypothesis of the p value: it is one half (two-sided, normal).

    Returns
    -------
    Finding
        `effect` = C; nan with a note when no pair is comparable.

    Raises
    ------
    TooFewPatients
        No patient has a time and the score.

    References
    ----------
    Harrell 1982, doi 10.1001/jama.1982.03320430047030. Equals R survival::concordance(Surv(...) ~ score).
    """
    require(frame, score)
    values = frame[score].cast(pl.Float64).fill_null(np.nan).to_numpy()
    data = endpoint(frame, outcome, extra=~np.isnan(values))
    n = int(data.time.size)
    if n == 0:
        raise TooFewPatients(
            f"no patient has both {label(outcome).lower()} and {score}; choose another predictor or study"
        )
    c, d, t = concordant_pairs(data.time, data.event, values[data.rows], entry=data.entry)
    pairs = float((c + d + t).sum()) / 2
    if pairs == 0:
        value, se = float("nan"), float("nan")
    else:
        value = float((c + t / 2).sum()) / 2 / pairs
        influence = (c + t / 2 - value * (c + d + t)) / pairs
        se = float(np.sqrt((influence**2).sum()))
    z = (value - 0.5) / se if se > 0 else float("nan")
    return Finding(
        name="concordance index (Harrell)",
        statistic=z,
        p_value=erfc(abs(z) / sqrt(2)) if np.isfinite(z) else float("nan"),
        effect=value,
        ci95=(max(0.0, value - Z95 * se), min(1.0, value + Z95 * se)) if np.isfinite(se) else (np.nan, np.nan),
        n=n,
        n_missing=data.total - n,
        events=int(data.event.sum()),
        note="" if pairs else "no pair of patients can be compared (no events)",
        reference=REFERENCE,
    )
