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
from core.response import exact
from core.response.rate import wilson
from core.tme import map as tme_map
from data.schema import PATIENT
from data.store import Store

PERMUTATIONS = 10_000
WITHIN = "types are found within each study; open one study to test"
"""Why no test is made over several studies: types of the same name are different clusters, so type goes with study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """TME types crossed with one patient column.

    Attributes
    ----------
    table : type, group, n, share_of_group, share_of_type; every pair, also those with n = 0.
    types, groups : in drawing order. by, label : the column and its words.
    test : independence of type and group; p value nan over several studies (see WITHIN). rates : type, n, responders, rate, low, high (Wilson 95%), only
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
    p value from 10,000 permutations where an expected count is under 5. Patients of several studies: no test.

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
    frame = drawn.frame.filter(pl.col("type").is_not_null()).with_columns(pl.col("type", "value").cast(pl.String))
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
    n_missing = frame.height - known.height
    counts = table["n"].to_numpy().reshape(len(types), len(groups))
    return Composition(
        table=table,
        types=types,
        groups=groups,
        by=by,
        label=column.label,
        test=_untested(known.height, n_missing)
        if known["study"].n_unique() > 1
        else independence(counts, n_missing=n_missing, seed=seed),
        rates=_rates(frame, types),
        n=known.height,
        n_missing=n_missing,
    )


def independence(counts: npt.NDArray[np.int64], *, n_missing: int = 0, seed: int = 0) -> Finding:
    """Test independence of the rows and columns of a table of counts.

    Parameters
    ----------
    counts : (r, c), every row and column with at least one count.

    Returns
    -------
    Finding
        effect = Cramer's V, statistic = Pearson's chi-squared; for 2 x 2 the p value is Fisher's. Equals R chisq.test
        (correct = FALSE) and fisher.test.
    """
    from scipy.special import chdtrc

    n = int(counts.sum())
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    statistic = float(((counts - expected) ** 2 / expected).sum())
    note = "effect: Cramér's V"
    if counts.shape == (2, 2):
        name, p = "Fisher's exact test", exact.fisher(counts)
    elif expected.min() >= 5:
        name = "Pearson's chi-squared test"
        p = float(chdtrc((counts.shape[0] - 1) * (counts.shape[1] - 1), statistic))
    else:
        name = "Pearson's chi-squared test, permutation p value"
        note += f"; an expected count is under 5, so that the p value comes from {PERMUTATIONS:,} permutations"
        drawn = exact.random_tables(counts.sum(axis=1), counts.sum(axis=0), draws=PERMUTATIONS, seed=seed)
        larger = (((drawn - expected) ** 2 / expected).sum(axis=(1, 2)) >= statistic - 1e-9).sum()
        p = float((1 + larger) / (PERMUTATIONS + 1))
    effect = float(np.sqrt(statistic / (n * (min(counts.shape) - 1))))
    return Finding(
        name=name, statistic=statistic, p_value=p, effect=effect, ci95=None, n=n, n_missing=n_missing, note=note
    )


def _untested(n: int, n_missing: int) -> Finding:
    """The finding over several studies: no test, and why."""
    nan = float("nan")
    return Finding(name="no test", statistic=nan, p_value=nan, effect=nan, ci95=None, n=n, n_missing=n_missing, note=WITHIN)


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
