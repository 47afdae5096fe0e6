"""Outcome: response and survival by cluster, with p values corrected for how many clusterings were on offer.

One clustering that was chosen without the outcome needs no correction: the patients' outcomes are exchangeable given the
clusters. A person who may look at several clusterings picks the one that splits best; the corrected p value compares it
with the best of all of them in every permutation of the outcomes (max-type, Westfall and Young 1993).
Test: the groups' mean scores are equal (Kruskal-Wallis form on scores, permutation p value). Score: response 0 or 1, or the
martingale residual of one pooled curve, whose sum by group is observed less expected of the log-rank test.
Pairs: Dunn's form (1964, doi 10.1080/00401706.1964.10490181), normal p values, Holm's correction within a clustering.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured, TooFewPatients
from core.response.rate import wilson
from core.survival.kaplan_meier import kaplan_meier
from core.survival.rank_tests import holm

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PERMUTATIONS = 4999
LEAST_KNOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCluster:
    """An outcome by cluster, for every clustering on offer.

    Attributes
    ----------
    groups : clustering, cluster (1..k), n, then responders, rate, ci_low, ci_high (Wilson 95%), or events, median, ci_low,
        ci_high (months, Kaplan-Meier).
    tests : clustering, k, n, n_missing, statistic, df, p_value (permutation, this clustering alone), p_corrected (best of all on offer).
    pairs : clustering, a, b, difference (of mean scores), z, p_value, p_holm. name : of the test. note : what p_corrected corrects.
    """

    outcome: str
    groups: pl.DataFrame
    tests: pl.DataFrame
    pairs: pl.DataFrame
    name: str
    note: str


def response_by_cluster(
    response: Floats, clusterings: Mapping[str, Ints], *, permutations: int = PERMUTATIONS, seed: int = 0
) -> ByCluster:
    """Response rate by cluster.

    Null hypothesis: response does not go with the clusters; corrected: with none of the clusterings.

    Parameters
    ----------
    response : (n,) 1, 0 or nan. clusterings : name -> (n,) labels 0..k-1, -1 = in none.

    Raises
    ------
    TooFewPatients
        Fewer than 10 patients have a response, or all have the same; or no clustering has two clusters.
    """
    rows = []
    for name, labels in clusterings.items():
        for cluster in range(int(labels.max()) + 1):
            own = response[(labels == cluster) & np.isfinite(response)]
            n, responders = own.size, int(own.sum())
            low, high = wilson(responders, n)
            rows.append((name, cluster + 1, n, responders, responders / n if n else float("nan"), low, high))
    groups = pl.DataFrame(rows, schema=["clustering", "cluster", "n", "responders", "rate", "ci_low", "ci_high"], orient="row")
    tests, pairs = _tested(response, clusterings, permutations=permutations, seed=seed)
    return ByCluster(
        outcome="response", groups=groups, tests=tests, pairs=pairs, name="Pearson's chi-squared statistic, permutation p value", note=_note(clusterings, permutations)
    )


def survival_by_cluster(
    frame: pl.DataFrame, clusterings: Mapping[str, Ints], *, outcome: str = "os", permutations: int = PERMUTATIONS, seed: int = 0
) -> ByCluster:
    """Survival by cluster: medians, and the log-rank comparison by permutation.

    Null hypothesis: the hazards of the clusters are equal; corrected: in every clustering. Censoring must not go with them.

    Parameters
    ----------
    frame : n rows with `<outcome>_months` and `<outcome>_event`. clusterings : name -> (n,) labels 0..k-1, -1 = in none.

    Raises
    ------
    NotMeasured
        The columns are not there. TooFewPatients: as `response_by_cluster`.
    """
    months, flag = f"{outcome}_months", f"{outcome}_event"
    for column in (months, flag):
        if column not in frame.columns:
            raise NotMeasured(f"this table has no column {column}; bring months and event of the endpoint, or choose another")
    time = frame[months].cast(pl.Float64).fill_null(np.nan).to_numpy()
    event = frame[flag].cast(pl.Float64).fill_null(np.nan).to_numpy()
    scores = martingale_residuals(time, event)
    parts = []
    for name, labels in clusterings.items():
        words = [None if label < 0 else f"{label + 1:02d}" for label in labels]
        grouped = frame.select(months, flag).with_columns(cluster=pl.Series(words, dtype=pl.String))
        medians = kaplan_meier(grouped, outcome=outcome, by="cluster").medians()
        parts.append(
            medians.select(
                pl.lit(name).alias("clustering"), pl.col("group").cast(pl.Int64).alias("cluster"), pl.exclude("group")
            )
        )
    tests, pairs = _tested(scores, clusterings, permutations=permutations, seed=seed)
    return ByCluster(
        outcome=outcome, groups=pl.concat(parts), tests=tests, pairs=pairs, name="log-rank scores, permutation p value", note=_note(clusterings, permutations)
    )


def martingale_residuals(time: Floats, event: Floats) -> Floats:
    """Event less cumulative hazard (Nelson-Aalen of all patients) at each time, (n,); nan where either is unknown."""
    known = np.isfinite(time) & np.isfinite(event)
    residual = np.full(time.size, np.nan)
    if not known.any():
        return residual
    t, d = time[known], event[known]
    place = np.unique(t, return_inverse=True)[1]
    deaths = np.bincount(place, weights=d)
    at_risk = np.cumsum(np.bincount(place)[::-1])[::-1]
    hazard = np.cumsum(deaths / at_risk)
    residual[known] = d - hazard[place]
    return residual


def _tested(
    scores: Floats, clusterings: Mapping[str, Ints], *, permutations: int, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    known = np.flatnonzero(np.isfinite(scores))
    if known.size < LEAST_KNOWN or np.ptp(scores[known]) == 0:
        raise TooFewPatients(
            f"{known.size} patients have this outcome{' and all of them the same' if known.size >= LEAST_KNOWN else ''}; "
            f"at least {LEAST_KNOWN} with both outcomes are needed: choose another endpoint or a larger cohort"
        )
    value = scores[known] - scores[known].mean()
    offered = {name: labels[known] for name, labels in clusterings.items() if np.unique(labels[known][labels[known] >= 0]).size > 1}
    if not offered:
        raise TooFewPatients("no clustering has two clusters among the patients with this outcome; there is nothing to compare")
    rng = np.random.default_rng([seed, 43])
    shuffled = np.stack([value, *(rng.permutation(value) for _ in range(permutations))], axis=1)
    own_p = {}
    for name, labels in offered.items():
        statistic = _statistic(labels, shuffled)
        order = np.searchsorted(np.sort(statistic), statistic * (1 - 1e-12))
        own_p[name] = (statistic, (statistic.size - order) / statistic.size)
    least = np.min([p for _, p in own_p.values()], axis=0)
    tests, pairs = [], []
    for name, (statistic, p) in own_p.items():
        labels = offered[name]
        k = np.unique(labels[labels >= 0]).size
        corrected = float((least <= p[0] + 1e-12).mean())
        n = int((labels >= 0).sum())
        tests.append((name, k, n, scores.size - n, float(statistic[0]), k - 1, float(p[0]), corrected))
        pairs += _pairs(name, labels, value)
    schema = ["clustering", "k", "n", "n_missing", "statistic", "df", "p_value", "p_corrected"]
    pair_schema = ["clustering", "a", "b", "difference", "z", "p_value", "p_holm"]
    return pl.DataFrame(tests, schema=schema, orient="row"), pl.DataFrame(pairs, schema=pair_schema, orient="row")


def _statistic(labels: Ints, scores: Floats) -> Floats:
    """Sum over groups of (sum of scores)^2 / n, over the variance of the scores, of each column of (n, m) scores."""
    inside = labels >= 0
    codes = np.unique(labels[inside], return_inverse=True)[1]
    member = np.eye(int(codes.max()) + 1)[codes]
    part = scores[inside] - scores[inside].mean(axis=0)
    sums = member.T @ part
    variance = (part**2).sum(axis=0) / max(part.shape[0] - 1, 1)
    return np.asarray((sums**2 / member.sum(axis=0)[:, None]).sum(axis=0) / np.maximum(variance, 1e-300), dtype=np.float64)


def _pairs(name: str, labels: Ints, scores: Floats) -> list[tuple[object, ...]]:
    inside = labels >= 0
    spread = float(scores[inside].std(ddof=1))
    present = np.unique(labels[inside])
    found: list[tuple[str, int, int, float, float, float]] = []
    for i, a in enumerate(present):
        for b in present[i + 1 :]:
            one, other = scores[labels == a], scores[labels == b]
            difference = float(one.mean() - other.mean())
            z = difference / (spread * np.sqrt(1 / one.size + 1 / other.size))
            found.append((name, int(a) + 1, int(b) + 1, difference, float(z), 2 * NormalDist().cdf(-abs(z))))
    adjusted = holm(np.array([pair[5] for pair in found]))
    return [(*pair, float(p)) for pair, p in zip(found, adjusted, strict=True)]


def _note(clusterings: Mapping[str, Ints], permutations: int) -> str:
    if len(clusterings) == 1:
        return f"One clustering, chosen without the outcome: nothing to correct for ({permutations:,} permutations)"
    return f"Corrected for the best of {len(clusterings)} clusterings on offer (max-type, {permutations:,} permutations)"
