"""Against the rest: many features of every type compared with all other patients at once, with effect, interval and FDR.

Mann & Whitney 1947, doi 10.1214/aoms/1177730491; Cliff 1993, doi 10.1037/0033-2909.114.3.494; Hedges 1981,
doi 10.3102/10769986006002107; Benjamini & Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from core.markers.scan.discrimination import auc_many, midranks
from core.markers.scan.multiplicity import benjamini_hochberg

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST = 3
"""Patients with a value that a type, and the rest, need to be tested."""
Z95 = 1.959963984540054
SCHEMA = {
    "type": pl.Int64, "feature": pl.String, "n_in": pl.Int64, "n_out": pl.Int64, "delta": pl.Float64, "smd": pl.Float64, "smd_low": pl.Float64,
    "smd_high": pl.Float64, "p_value": pl.Float64, "q_value": pl.Float64,
}  # fmt: skip


def against_rest(values: Floats, types: Ints, names: Sequence[str]) -> pl.DataFrame:
    """Every feature of every type against all other patients.

    Parameters
    ----------
    values : (n, m), nan = missing. types : (n,) codes from 0. names : (m,) of the features.

    Returns
    -------
    One row a type and feature (SCHEMA): `delta`, Cliff's, share of pairs in which the type's patient is higher minus the share
    in which it is lower, -1 to 1; `smd`, Hedges' g with its 95% interval; `p_value`, Wilcoxon-Mann-Whitney, two-sided, normal
    approximation corrected for ties; `q_value`, Benjamini-Hochberg over all rows. Null where a side has under 3 patients with a
    value, or the feature does not vary.

    Null hypothesis, row by row: the value has the same distribution in the type and in the rest. Where the feature made the
    types the patients were sorted by it, so that this is false by construction, and p and q describe and prove nothing.

    References
    ----------
    doi 10.1214/aoms/1177730491, 10.3102/10769986006002107. p equals R wilcox.test(exact = FALSE, correct = FALSE).
    """
    k = int(types.max()) + 1 if types.size else 0
    data = np.ascontiguousarray(values.T, dtype=np.float64)
    known = np.isfinite(data)
    ranks = np.nan_to_num(midranks(np.where(known, data, np.nan)))
    filled = np.where(known, data, 0.0)
    member = (types[:, None] == np.arange(k)).astype(np.float64)
    inside = known @ member
    total = known.sum(axis=1, keepdims=True).astype(np.float64)
    outside = total - inside
    enough = (inside >= LEAST) & (outside >= LEAST)
    with np.errstate(invalid="ignore", divide="ignore"):
        higher = ranks @ member - inside * (inside + 1) / 2
        delta = 2 * higher / (inside * outside) - 1
        middle = np.where(known, ranks - (total + 1) / 2, 0.0)
        spread = (middle**2).sum(axis=1, keepdims=True) / (total * (total - 1))
        z = (higher - inside * outside / 2) / np.sqrt(inside * outside * spread)
        g, half = _hedges(filled, member, inside, outside=outside)
    p = np.where(enough & np.isfinite(z), _two_sided(np.nan_to_num(z)), np.nan)
    usable = np.isfinite(p)
    delta, g, low, high = (np.where(usable, a, np.nan).T.ravel() for a in (delta, g, g - half, g + half))
    return pl.DataFrame(
        {
            "type": np.repeat(np.arange(k), data.shape[0]), "feature": list(names) * k, "n_in": inside.T.ravel().astype(np.int64),
            "n_out": outside.T.ravel().astype(np.int64), "delta": delta, "smd": g, "smd_low": low, "smd_high": high,
            "p_value": p.T.ravel(), "q_value": benjamini_hochberg(p.T.ravel()),
        },
        schema=SCHEMA,
    ).with_columns(pl.col(pl.Float64).fill_nan(None))  # fmt: skip


def delta_intervals(table: pl.DataFrame, values: Floats, types: Ints, *, names: Sequence[str]) -> pl.DataFrame:
    """Rows of `against_rest` with `delta_low` and `delta_high`, from DeLong's interval of the AUC; arguments as there."""
    place = {name: j for j, name in enumerate(names)}
    parts = []
    for (code,), part in table.group_by("type", maintain_order=True):
        found = auc_many(types == code, values[:, [place[f] for f in part["feature"]]])
        parts.append(part.with_columns(delta_low=pl.Series(2 * found.ci_low - 1), delta_high=pl.Series(2 * found.ci_high - 1)))
    empty = table.with_columns(delta_low=pl.lit(None, dtype=pl.Float64), delta_high=pl.lit(None, dtype=pl.Float64))
    return pl.concat(parts).with_columns(pl.col("delta_low", "delta_high").fill_nan(None)) if parts else empty


def _hedges(filled: Floats, member: Floats, inside: Floats, *, outside: Floats) -> tuple[Floats, Floats]:
    """Hedges' g and half its 95% interval, (m, k); filled : (m, n) values, 0 = missing."""
    sums, squares = filled @ member, (filled**2) @ member
    all_sums, all_squares = filled.sum(axis=1, keepdims=True), (filled**2).sum(axis=1, keepdims=True)
    mean_in, mean_out = sums / inside, (all_sums - sums) / outside
    within = (squares - inside * mean_in**2) + (all_squares - squares - outside * mean_out**2)
    df = inside + outside - 2
    g = (mean_in - mean_out) / np.sqrt(np.maximum(within, 0.0) / df) * (1 - 3 / (4 * df - 1))
    half = Z95 * np.sqrt((inside + outside) / (inside * outside) + g**2 / (2 * (inside + outside)))
    return g, half


def _two_sided(z: Floats) -> Floats:
    from scipy.special import erfc

    return np.asarray(erfc(np.abs(z) / np.sqrt(2.0)), dtype=np.float64)
