"""Composition: how TME types and outcomes go together, with a test of independence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.finding import Finding
from core.response.rate import wilson
from core.tme import map as tme_map
from data.schema import PATIENT
from data.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """TME types crossed with one patient column.

    Attributes
    ----------
    table : type, group, n, share_of_group, share_of_type; every pair, also those with n = 0.
    types, groups : in drawing order. by, label : the column and its words.
    test : independence of type and group. rates : type, n, responders, rate, low, high (Wilson 95%), only
        where response is known; empty otherwise.
    n, n_missing : patients used; patients on the map without a value.
    """

    table: pl.DataFrame
    types: tuple[str, ...]
    groups: tuple[str, ...]
    by: str
    label: str
    test: Finding
    rates: pl.DataFrame
    n: int
    n_missing: int


def composition(
    store: Store, query: CohortQuery, *, by: str = "response", space: str = tme_map.SPACE, seed: int = 0
) -> Composition:
    """Cross TME types with a category or flag column.

    Null hypothesis: type and group are independent. Test: Fisher's exact for 2 x 2; else Pearson's chi-squared, with a
    p value from 10,000 permutations where an expected count is under 5.

    Raises
    ------
    NotMeasured
        No TME types, or no values of the column, here; or the column is a number. TooFewPatients: a single type or group.
    """
    column = PATIENT.column(by)
    if column.kind not in {"category", "flag", "event"}:
        raise NotMeasured(
            f"{column.label} is a number; composition needs groups: pick response, phenotype or another category"
        )
    drawn = tme_map.tme_map(store, query, colour=by, space=space)
    frame = drawn.frame.filter(pl.col("type").is_not_null())
    known = frame.filter(pl.col("value").is_not_null())
    if known.is_empty():
        raise cohort_frame.not_measured(column.label, query, elsewhere=cohort_frame.studies_with(store, by))
    types = tuple(known.sort("cluster")["type"].unique(maintain_order=True))
    groups = tuple(known["value"].unique().sort())
    if len(types) < 2 or len(groups) < 2:
        raise TooFewPatients(
            f"{query.describe()} has {len(types)} TME type(s) and {len(groups)} value(s) of {column.label.lower()}; two of each are needed"
        )
    counted = known.group_by("type", "value").len("n").rename({"value": "group"})
    grid = pl.DataFrame({"type": types}).join(pl.DataFrame({"group": groups}), how="cross")
    table = (
        grid.join(counted, on=["type", "group"], how="left", maintain_order="left")
        .with_columns(pl.col("n").fill_null(0).cast(pl.Int64))
        .with_columns(
            (pl.col("n") / pl.col("n").sum().over("group")).alias("share_of_group"),
            (pl.col("n") / pl.col("n").sum().over("type")).alias("share_of_type"),
        )
    )
    counts = table["n"].to_numpy().reshape(len(types), len(groups))
    return Composition(
        table=table,
        types=types,
        groups=groups,
        by=by,
        label=column.label,
        test=independence(counts, n_missing=frame.height - known.height, seed=seed),
        rates=_rates(frame, types),
        n=known.height,
        n_missing=frame.height - known.height,
    )


def independence(counts: npt.NDArray[np.int64], *, n_missing: int = 0, seed: int = 0) -> Finding:
    """Test independence of the rows and columns of a table of counts, (r, c); effect = Cramer's V (not for 2 x 2 odds)."""
    from scipy import stats

    n = int(counts.sum())
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    statistic = float(((counts - expected) ** 2 / expected).sum())
    v = float(np.sqrt(statistic / (n * (min(counts.shape) - 1))))
    if counts.shape == (2, 2):
        p = float(stats.fisher_exact(counts)[1])
        return Finding(name="Fisher's exact test", statistic=statistic, p_value=p, effect=v, ci95=None, n=n, n_missing=n_missing,
                       note="effect: Cramér's V")  # fmt: skip
    if expected.min() >= 5:
        p = float(stats.chi2.sf(statistic, (counts.shape[0] - 1) * (counts.shape[1] - 1)))
        note, name = "effect: Cramér's V", "Pearson's chi-squared test"
    else:
        p = _permutation_p(counts, statistic, seed=seed)
        name = "Pearson's chi-squared test, permutation p value"
        note = "effect: Cramér's V; an expected count is under 5, so that the p value comes from 10,000 permutations"
    return Finding(name=name, statistic=statistic, p_value=p, effect=v, ci95=None, n=n, n_missing=n_missing, note=note)


def _permutation_p(counts: npt.NDArray[np.int64], statistic: float, *, seed: int, permutations: int = 10_000) -> float:
    from scipy import stats

    tables = stats.random_table(counts.sum(axis=1), counts.sum(axis=0), seed=seed).rvs(permutations)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    drawn = ((tables - expected) ** 2 / expected).sum(axis=(1, 2))
    return float((1 + (drawn >= statistic - 1e-9).sum()) / (permutations + 1))


def _rates(frame: pl.DataFrame, types: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for name in types:
        answers = frame.filter(pl.col("type") == name)["response"].drop_nulls()
        n, responders = answers.len(), int(answers.sum())
        if n:
            low, high = wilson(responders, n)
            rows.append(
                {"type": name, "n": n, "responders": responders, "rate": responders / n, "low": low, "high": high}
            )
    schema = {
        "type": pl.String,
        "n": pl.Int64,
        "responders": pl.Int64,
        "rate": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)
