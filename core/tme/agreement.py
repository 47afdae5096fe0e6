"""Agreement of two measurements: Spearman's rank correlation with its interval, by group and pooled over groups.

Bonett & Wright 2000, doi 10.1007/BF02294183; pooled on Fisher's scale by `core.pooling`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from core.finding import Finding
from core.pooling import random_effects
from core.tme.group_tests import Z95, average_ranks

Floats = npt.NDArray[np.float64]

LEAST = 10
"""Patients with both measurements that a group needs for a correlation."""
POOLED = "All of these, pooled"
REFERENCE = "10.1007/BF02294183"
SCHEMA = {"group": pl.String, "n": pl.Int64, "n_missing": pl.Int64, "rho": pl.Float64, "low": pl.Float64, "high": pl.Float64, "se": pl.Float64, "pooled": pl.Boolean}


def spearman(first: Floats, second: Floats) -> Finding:
    """Rank correlation of two measurements of the same patients.

    Estimand: Spearman's rho. Interval: Fisher's transform with the standard error sqrt((1 + rho^2 / 2) / (n - 3)).

    Parameters
    ----------
    first, second : (n,); patients with nan in either are left out and counted as missing.

    Returns
    -------
    Finding
        effect and interval nan under LEAST patients or where a measurement does not vary; no p value (that of no correlation
        at all is not the question).

    References
    ----------
    Bonett & Wright 2000, doi 10.1007/BF02294183. rho equals R cor(method = "spearman").
    """
    known = np.isfinite(first) & np.isfinite(second)
    n, nan = int(known.sum()), float("nan")
    rho, low, high, note = nan, nan, nan, ""
    if n < LEAST:
        note = f"fewer than {LEAST} patients with both"
    else:
        a, b = average_ranks(first[known])[0], average_ranks(second[known])[0]
        a, b = a - a.mean(), b - b.mean()
        size = float(np.sqrt((a**2).sum() * (b**2).sum()))
        if size <= 0:
            note = "a measurement is the same in every patient"
        else:
            rho = float(np.clip((a * b).sum() / size, -1.0, 1.0))
            low, high = _interval(rho, _error(rho, n))
    return Finding(
        name="Spearman's rank correlation", statistic=rho, p_value=nan, effect=rho, ci95=(low, high), n=n, n_missing=int(known.size - n), note=note, reference=REFERENCE
    )


def agreement(first: Floats, second: Floats, *, groups: Sequence[str | None]) -> pl.DataFrame:
    """Spearman's rho in each group, and their random-effects mean where there are three groups or more.

    Parameters
    ----------
    first, second : (n,). groups : (n,), null = left out.

    Returns
    -------
    DataFrame, one row a group by name, the pooled one last: group, n (patients with both), n_missing (with one of them only),
    rho, low, high (95%), se (on Fisher's scale), pooled. Null where a group has too few patients.
    """
    names = np.asarray([name if name is not None else "" for name in groups], dtype=object)
    rows: list[dict[str, object]] = []
    for name in sorted({str(n) for n in names if n}):
        own = names == name
        either = own & (np.isfinite(first) | np.isfinite(second))
        if not either.any():
            continue
        found = spearman(first[either], second[either])
        known = found.effect is not None and np.isfinite(found.effect)
        low, high = found.ci95 if found.ci95 is not None else (float("nan"), float("nan"))
        rows.append(
            {
                "group": name, "n": found.n, "n_missing": found.n_missing, "rho": found.effect if known else None, "low": low if known else None,
                "high": high if known else None, "se": _error(float(found.effect or 0.0), found.n) if known else None, "pooled": False,
            }
        )  # fmt: skip
    table = pl.DataFrame(rows, schema=SCHEMA)
    known_rows = table.drop_nulls("rho")
    if known_rows.height < 3:
        return table
    rho = np.clip(known_rows["rho"].to_numpy(), -0.9999, 0.9999)
    mean = random_effects(np.arctanh(rho), known_rows["se"].to_numpy())
    low, high = (float(np.tanh(v)) for v in mean.ci95)
    row = {"group": POOLED, "n": int(known_rows["n"].sum()), "n_missing": int(known_rows["n_missing"].sum()), "rho": float(np.tanh(mean.estimate)), "low": low, "high": high, "se": float(mean.se), "pooled": True}
    return pl.concat([table, pl.DataFrame([row], schema=SCHEMA)])


def _error(rho: float, n: int) -> float:
    """Standard error of Fisher's transform of a rank correlation."""
    return float(np.sqrt((1.0 + rho**2 / 2.0) / (n - 3.0)))


def _interval(rho: float, error: float) -> tuple[float, float]:
    if abs(rho) >= 1.0:
        return rho, rho
    middle = np.arctanh(rho)
    return float(np.tanh(middle - Z95 * error)), float(np.tanh(middle + Z95 * error))
