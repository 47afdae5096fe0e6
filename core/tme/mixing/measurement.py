"""Measurement: how well cohorts mix, and how much outcome signal is left, before and after every correction.

The rule by which one correction becomes the default was written down before anything was computed: the highest mean of
two numbers between 0 and 1, the mixing (iLISI between that of complete separation, 1, and that of patients dealt to
cohorts at random) and the outcome signal retained (leave-one-cohort-out AUC above .5 as a share of the uncorrected
within-cohort one's). Within .01 of the best, the correction that changes least is taken.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.tme import naming
from core.tme.clustering import principal_components
from core.tme.mixing import CORRECTIONS, kbet, outcome_signal
from core.tme.mixing.lisi import lisi, size, weights
from core.tme.projection import nearest

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HALVES = 30
"""Random halves of every cohort that the intervals come from."""
SHUFFLES = 20
TIE = 0.01
MEASURES = {
    "kbet": "kBET acceptance",
    "ilisi": "iLISI, effective cohorts in a neighbourhood",
    "mixing": "Mixing (iLISI from 0, separate, to 1, random)",
    "clisi": "cLISI, effective kinds of microenvironment in a neighbourhood",
    "auc": "AUC for response, leave one cohort out",
    "retained": "Outcome signal retained",
    "score": "Mean of mixing and outcome signal retained",
}
REFERENCE = "reference"
"""Stands for a correction in the rows of the AUC within cohorts, uncorrected."""
SCHEMA = {
    "correction": pl.String, "measure": pl.String, "study": pl.String, "value": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64,
    "null_value": pl.Float64, "n": pl.Int64, "chosen": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The patients of several cohorts on features that all of them have.

    Attributes
    ----------
    patients, studies : (n,). features : (p,) names. x : (n, p) scores in their own unit, none missing. response : (n,) 1,
        0 or nan (not evaluable, or no RECIST). n_missing : patients left out because a feature is missing.
    """

    patients: tuple[str, ...]
    studies: tuple[str, ...]
    features: tuple[str, ...]
    x: Floats
    response: Floats
    n_missing: int = 0

    @property
    def batch(self) -> Ints:
        """(n,) codes of the studies, in alphabetical order."""
        return np.asarray(np.unique(np.array(self.studies), return_inverse=True)[1], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Every correction of a pool, measured. table : SCHEMA; study '' = the pool. chosen : the default. features : (n, p) by it."""

    table: pl.DataFrame
    chosen: str
    features: Floats


def corrected(name: str, x: Floats, batch: Ints, *, seed: int = 0) -> Floats:
    """Features (n, p) after a listed correction, on a common unit; x : (n, p) without missing values, batch : (n,) codes.

    Raises
    ------
    UnknownName
        No such correction is listed.
    """
    from core.errors import UnknownName

    if name not in CORRECTIONS:
        raise UnknownName(f"there is no correction '{name}'; there are {', '.join(CORRECTIONS)}")
    module, _, function = CORRECTIONS[name].partition(":")
    correct: Callable[..., Floats] = getattr(importlib.import_module(module), function)
    seeded = {"seed": seed} if "seed" in inspect.signature(correct).parameters else {}
    return correct(x, batch, **seeded)


def measure(pool: Pool, *, seed: int = 0, halves: int = HALVES) -> Measured:
    """Mixing and outcome signal of a pool of at least two cohorts, before and after every listed correction.

    halves : random halves of each cohort that the intervals of the mixing measures come from.

    Neighbours are exact, in the weighted principal components that the map uses. Intervals: of mixing measures from random
    halves of each cohort (normal, by the spread of the halves); of the AUC random effects over cohorts. `null_value`: the
    same measure with patients dealt to cohorts at random (mixing), or .5 (AUC).
    """
    batch = pool.batch
    kinds = archetypes(pool)
    reference = outcome_signal.inside(_common(pool.x), pool.response, batch)
    names = sorted(set(pool.studies))
    rows = _signal_rows(REFERENCE, reference, names=names)
    made: dict[str, Floats] = {}
    score: dict[str, float] = {}
    for name in CORRECTIONS:
        made[name] = corrected(name, pool.x, batch, seed=seed)
        points = principal_components(_common(made[name]), weights=naming.balance(pool.features))
        mixing = _mixing(points, batch, kinds, seed=seed, halves=halves)
        signal = outcome_signal.between(made[name], pool.response, batch)
        kept = outcome_signal.retained(signal, reference) if signal.cohorts else math.nan
        rows += [{"correction": name, "study": "", "n": batch.size, **row} for row in mixing]
        rows += _signal_rows(name, signal, names=names)
        mixed = next(float(str(row["value"])) for row in mixing if row["measure"] == "mixing")
        score[name] = float(np.mean([v for v in (mixed, kept) if math.isfinite(v)]))
        n = sum(signal.n)
        rows.append({"correction": name, "measure": "retained", "study": "", "value": kept, "n": n})
        rows.append({"correction": name, "measure": "score", "study": "", "value": score[name], "n": n})
    chosen = default(score)
    table = pl.DataFrame([{**row, "chosen": row["correction"] == chosen} for row in rows], schema=SCHEMA)
    return Measured(table=table.with_columns(pl.col(pl.Float64).fill_nan(None)), chosen=chosen, features=made[chosen])


def default(score: dict[str, float]) -> str:
    """The correction with the best score; of those within .01 of it the first, which changes least. score : in the order of CORRECTIONS."""
    best = max(score.values())
    return next(name for name, value in score.items() if value >= best - TIE)


def archetypes(pool: Pool) -> Ints:
    """Kind of microenvironment of each patient, (n,) 0 to 3: T-cell theme above or below the cohort's mean, and stroma likewise.

    Made within each cohort from uncorrected scores, so that a correction cannot move it; no outcome is seen.
    """
    from core.tme.mixing.standardisation import within

    z = within(pool.x, pool.batch)
    members = naming.themes(pool.features)
    sides = [z[:, members[t]].mean(axis=1) >= 0 if t in members else np.zeros(z.shape[0], dtype=bool) for t in naming.AXES]
    return np.asarray(sides[0].astype(np.int64) * 2 + sides[1], dtype=np.int64)


def _common(x: Floats) -> Floats:
    from core.tme.mixing.standardisation import scaled

    return scaled(x)


def _mixing(points: Floats, batch: Ints, kinds: Ints, *, seed: int, halves: int) -> list[dict[str, object]]:
    """kbet, ilisi, mixing and clisi with interval and null."""
    rng = np.random.default_rng([seed, 11])
    around = kbet.size(batch)
    shuffles = [rng.permutation(batch.size) for _ in range(SHUFFLES)]
    whole = _values(points, batch, kinds, around=around, shuffles=shuffles)
    drawn = []
    for _ in range(halves):
        rows = np.sort(np.concatenate([rng.permutation(own)[: (own.size + 1) // 2] for own in _cohorts(batch)]))
        drawn.append(_values(points[rows], batch[rows], kinds[rows], around=min(around, rows.size)))
    found: list[dict[str, object]] = []
    for name in ("kbet", "ilisi", "mixing", "clisi"):
        value, null = whole[name]
        if name == "mixing":
            base = whole["ilisi"][1] - 1
            spread = [(h["ilisi"][0] - 1) / base for h in drawn] if base > 0 else []
        else:
            spread = [h[name][0] for h in drawn]
        half = 1.96 * float(np.std(spread, ddof=1)) if len(spread) > 1 else math.nan
        least, most = (0.0, 1.0) if name in {"kbet", "mixing"} else (1.0, math.inf)
        ends = {"ci_low": max(value - half, least), "ci_high": min(value + half, most)}
        found.append({"measure": name, "value": value, **ends, "null_value": null})
    return found


def _values(
    points: Floats, batch: Ints, kinds: Ints, *, around: int, shuffles: Sequence[Ints] = ()
) -> dict[str, tuple[float, float]]:
    """Each measure with its value under shuffled labels (nan without shuffles)."""
    perplexity, k = size(batch.size)
    index, distance = nearest(points, max(k, around))
    share = weights(distance[:, 1:k], perplexity)
    others = index[:, 1:k]

    def all_of(cohorts: Ints, types: Ints) -> tuple[float, float, float]:
        return (
            float(kbet.accepted(index[:, :around], cohorts).mean()), float(lisi(others, share, cohorts).mean()),
            float(lisi(others, share, types).mean()),
        )  # fmt: skip

    now = all_of(batch, kinds)
    drawn = np.array([all_of(batch[s], kinds[s]) for s in shuffles], dtype=np.float64).reshape(-1, 3)
    null = drawn.mean(axis=0) if len(drawn) else np.full(3, np.nan)
    mixed = float(np.clip((now[1] - 1) / (null[1] - 1), 0.0, 1.0)) if null[1] > 1 else math.nan
    return {
        "kbet": (now[0], float(null[0])), "ilisi": (now[1], float(null[1])), "clisi": (now[2], float(null[2])), "mixing": (mixed, 1.0),
    }  # fmt: skip


def _cohorts(batch: Ints) -> list[Ints]:
    return [np.flatnonzero(batch == code) for code in np.unique(batch)]


def _signal_rows(name: str, signal: outcome_signal.Signal, *, names: Sequence[str]) -> list[dict[str, object]]:
    common: dict[str, object] = {"correction": name, "measure": "auc", "null_value": 0.5}
    low, high = signal.ci95
    rows = [{**common, "study": "", "value": signal.auc, "ci_low": low, "ci_high": high, "n": sum(signal.n)}]
    for code, (value, lower, upper), n in zip(signal.cohorts, signal.each.tolist(), signal.n, strict=True):
        rows.append({**common, "study": names[code], "value": value, "ci_low": lower, "ci_high": upper, "n": n})
    return rows
