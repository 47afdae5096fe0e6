"""Attributions: SHAP values of a cohort as rows, with correlated groups, intervals and the shuffled-label null."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from core.markers.attribution import feature_label
from core.pipeline import trust
from core.pipeline.explained import Explained
from core.pipeline.staging import Frames, Staging
from models.card import ModelError

EXPLAINED = ("attribution", "attribution_summary", "attribution_curve", "attribution_measure", "counterfactual")
"""Tables of attributions and of how far they can be trusted."""
Floats = npt.NDArray[np.float64]

CORRELATED = 0.7
RESAMPLES = 500


def frames(patients: pl.DataFrame, explained: Explained, *, trusted: Frames | None = None, seed: int = 0) -> Frames:
    """Rows of `attribution` and `attribution_summary`, and those of `core.pipeline.trust`.

    Features that no patient's score uses are left out of the first. In-sample attributions are not asked how far they hold.
    trusted : rows of `trust` made beforehand (a model that is not additive); None = made here.
    """
    n, f = explained.shap.shape
    groups = correlated_groups(explained.values, explained.names)
    identity = patients.select("study", "cohort").row(0)
    used = np.flatnonzero(np.abs(explained.shap).max(axis=0) > 0) if n else np.empty(0, dtype=np.int64)
    position = np.repeat(np.arange(n), used.size)
    feature = np.tile(used, n)
    rows = pl.DataFrame(
        {
            "patient_id": patients["patient_id"].gather(position),
            "study": pl.Series([identity[0]] * position.size, dtype=pl.String),
            "cohort": pl.Series([identity[1]] * position.size, dtype=pl.String),
            "predictor": pl.Series([explained.predictor] * position.size, dtype=pl.String),
            "protocol": pl.Series([explained.protocol] * position.size, dtype=pl.String),
            "feature": pl.Series(list(explained.names), dtype=pl.String).gather(feature),
            "feature_group": pl.Series(groups, dtype=pl.String).gather(feature),
            "value": pl.Series(explained.values[position, feature]).cast(pl.Float64).fill_nan(None),
            "shap": explained.shap[position, feature],
            "base": explained.base[position],
            "output": explained.output[position],
        }
    )
    size = np.abs(explained.shap)
    low, high = _bootstrap(size, seed=seed)
    null = np.quantile(explained.null, 0.95, axis=0) if explained.null is not None else np.full(f, np.nan)
    mean = size.mean(axis=0)
    summary = pl.DataFrame(
        {
            "feature": pl.Series(list(explained.names), dtype=pl.String),
            "feature_group": pl.Series(groups, dtype=pl.String),
            "n": [n] * f,
            "mean_abs_shap": mean,
            "ci_low": low,
            "ci_high": high,
            "null_95": pl.Series(null).fill_nan(None),
            "beats_null": pl.Series(
                [None if np.isnan(t) else bool(m > t) for m, t in zip(mean, null, strict=True)], dtype=pl.Boolean
            ),
            **_ranks_of(explained, seed=seed),
            "attention": pl.Series(explained.attention if explained.attention is not None else [None] * f, dtype=pl.Float64).fill_nan(None),
        }
    ).with_columns(
        study=pl.lit(identity[0]),
        cohort=pl.lit(identity[1]),
        predictor=pl.lit(explained.predictor),
        protocol=pl.lit(explained.protocol),
    )
    if trusted is None:
        trusted = trust.trust(patients, explained, seed=seed) if explained.protocol != "in_sample" else {}
    return {"attribution": rows, "attribution_summary": summary, **trusted}


def write(staging: Staging, made: Frames) -> None:
    """Put the rows that `frames` made into a database that is being built."""
    if "attribution_summary" not in made:
        return
    words = {name: feature_label(name) for name in made["attribution_summary"]["feature"]}
    summary = made["attribution_summary"].with_columns(pl.col("feature").replace(words).alias("label"))
    for name, rows in {**made, "attribution_summary": summary}.items():
        if name in EXPLAINED:
            staging.append(name, rows)


def _ranks_of(explained: Explained, *, seed: int) -> dict[str, pl.Series]:
    """How far each feature's rank holds; null for features without one."""
    try:
        found = trust.ranking(explained, seed=seed)
    except ModelError:
        none = pl.Series([None] * len(explained.names), dtype=pl.Float64)
        return {"rank_low": none, "rank_high": none, "in_top": none}
    parts = {"rank_low": found.rank_low, "rank_high": found.rank_high, "in_top": found.in_top}
    return {name: pl.Series(values).fill_nan(None) for name, values in parts.items()}


__all__ = ["EXPLAINED", "Explained", "correlated_groups", "frames", "write"]


def correlated_groups(values: Floats, names: tuple[str, ...]) -> list[str]:
    """The group of each feature, (f,): features all of whose pairs have |Spearman's rho| above .7 (complete linkage).

    A group bears the name of its member with the highest mean correlation to the others; a feature alone, its own.
    """
    f = len(names)
    known = np.isfinite(values)
    usable = np.flatnonzero((known.sum(axis=0) >= 10) & (np.nanmax(np.where(known, values, -np.inf), axis=0, initial=-np.inf)
                                                         > np.nanmin(np.where(known, values, np.inf), axis=0, initial=np.inf)))  # fmt: skip
    groups = list(names)
    if usable.size < 2:
        return groups
    from scipy.cluster.hierarchy import fcluster, linkage

    ranks = np.column_stack([_ranks(values[:, j]) for j in usable])
    rho = np.abs((ranks.T @ ranks) / np.maximum(np.outer(*[np.linalg.norm(ranks, axis=0)] * 2), 1e-12))
    np.fill_diagonal(rho, 1.0)
    distance = np.clip(1.0 - rho, 0.0, 1.0)[np.triu_indices(usable.size, 1)]
    label = fcluster(linkage(distance, method="complete"), 1.0 - CORRELATED, criterion="distance")
    for number in np.unique(label):
        members = np.flatnonzero(label == number)
        centre = members[int(rho[np.ix_(members, members)].mean(axis=0).argmax())]
        for member in members:
            groups[usable[member]] = names[usable[centre]]
    return groups[:f]


def _ranks(column: Floats) -> Floats:
    """Centred ranks; a missing value sits at the centre, 0."""
    known = np.isfinite(column)
    ranked = np.zeros(column.size)
    _, inverse, counts = np.unique(column[known], return_inverse=True, return_counts=True)
    ranked[known] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ranked[known] -= ranked[known].mean()
    return ranked


def _bootstrap(size: Floats, *, seed: int) -> tuple[Floats, Floats]:
    """95% percentile interval of the column means of (n, f) over resampled patients."""
    n = size.shape[0]
    draws = np.random.default_rng([seed, 3]).multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES) / n
    means = draws @ size
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
