"""Elastic net: penalised logistic regression on whatever a cohort has, with everything that is learnt kept inside the fold.

Imputation, missing-value indicators, scaling and the penalty come from the training patients of each fold alone.
Fits that share a design matrix (inner folds, penalties, shuffled labels) are solved together (`models.proximal`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import Card, ModelError
from models.folds import stratified_folds
from models.proximal import solve

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

L1_RATIO = 0.5
N_PENALTIES = 8
INNER_FOLDS = 5

CARD = Card(
    name="elastic_net",
    label="Elastic net (signatures, TMB, clinical)",
    kind="probability",
    inputs=("signatures", "tmb_per_mb", "baseline clinical columns"),
    unit="probability of response",
    protocol="out_of_fold",
    reference="Zou & Hastie, J R Stat Soc B 2005",
    doi="10.1111/j.1467-9868.2005.00503.x",
    licence="Apache-2.0 (fitted here)",
    intended_use="Ask how much response information a cohort's baseline measurements carry together.",
    limits="No fixed formula: each patient is scored by models that never saw them, and the coefficients differ between "
    "folds. Cohorts with few responders give unstable scores, and where nothing predicts, cross-fitting tends to an AUC under .5. Missing values are imputed by the training mean and "
    "flagged, so that a centre's habit of measuring can enter the score.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What was learnt about the columns of a training fold.

    Attributes
    ----------
    mean, scale : (p,) training mean and standard deviation; scale 0 marks a column that carries nothing.
    flagged : (q,) columns that get a missing-value indicator.
    flag_mean, flag_scale : (q,) mean and standard deviation of the indicators.
    """

    mean: Floats
    scale: Floats
    flagged: Ints
    flag_mean: Floats
    flag_scale: Floats

    def transform(self, features: Floats) -> Floats:
        """(n, p) values, nan = missing, to (n, p + q) standardised values; missing sits at the training mean, 0."""
        missing = ~np.isfinite(features)
        safe = np.where(self.scale > 0, self.scale, 1.0)
        z = np.where(missing, 0.0, (np.where(missing, 0.0, features) - self.mean) / safe) * (self.scale > 0)
        flags = (missing[:, self.flagged] - self.flag_mean) / self.flag_scale
        return np.asarray(np.hstack([z, flags]), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One fitted model: log-odds = intercept + z @ coefficients, z = scaling.transform(features)."""

    scaling: Scaling
    coefficients: Floats
    intercept: float
    penalty: float

    def log_odds(self, features: Floats) -> Floats:
        return np.asarray(self.intercept + self.scaling.transform(features) @ self.coefficients, dtype=np.float64)

    def contributions(self, features: Floats) -> tuple[Floats, float]:
        """Exact SHAP values of a linear model, background = the training fold's mean: ((n, p), base).

        The share of a missing-value indicator is added to its own feature, so that the sum stays exact.
        """
        parts = self.scaling.transform(features) * self.coefficients
        p = features.shape[1]
        shap = parts[:, :p].copy()
        for position, column in enumerate(self.scaling.flagged):
            shap[:, column] += parts[:, p + position]
        return shap, self.intercept

    def slopes(self) -> Floats:
        """(p,) log-odds per unit of each column where its value is known."""
        used = self.scaling.scale > 0
        return np.where(used, self.coefficients[: used.size] / np.where(used, self.scaling.scale, 1.0), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFitted:
    """Every patient scored by models that never saw them (mean over repeats).

    Attributes
    ----------
    log_odds : (n,). shap : (n, p), base : (n,); base + shap.sum(1) = log_odds.
    null : (b, p) mean absolute SHAP of each feature when labels are shuffled, b shuffles, at the same penalties.
    penalties : chosen penalty of each outer fit. slopes : (n, p) log-odds per unit of each column, of the models that scored a patient.
    others_* : the same for patients who were in no fold (no outcome, or another arm): mean over all fits.
    """

    log_odds: Floats
    shap: Floats
    base: Floats
    null: Floats
    penalties: tuple[float, ...]
    others_log_odds: Floats
    others_shap: Floats
    others_base: Floats
    slopes: Floats
    others_slopes: Floats

    @property
    def probability(self) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds)), dtype=np.float64)


def learn_scaling(features: Floats, *, flaggable: Bools | None = None, flag_share: float = 0.05) -> Scaling:
    """Means, deviations and indicators of a training fold.

    flaggable : (p,) columns that may get a missing-value indicator (None = all); columns with the same pattern of missing
    values share the first one's. flag_share : least share of missing values to flag.
    """
    missing = ~np.isfinite(features)
    known = (~missing).sum(axis=0)
    filled = np.where(missing, 0.0, features)
    mean = filled.sum(axis=0) / np.maximum(known, 1)
    spread = np.where(missing, 0.0, filled - mean)
    scale = np.sqrt((spread**2).sum(axis=0) / features.shape[0])
    scale[(known < 3) | (scale < 1e-9 * np.maximum(1.0, np.abs(mean)))] = 0.0
    share = missing.mean(axis=0)
    candidates = (share >= flag_share) & (share <= 1 - flag_share) & (scale > 0)
    candidates &= np.ones(share.size, dtype=bool) if flaggable is None else flaggable
    flagged = np.flatnonzero(candidates)
    if flagged.size:
        flagged = np.sort(flagged[np.unique(missing[:, flagged], axis=1, return_index=True)[1]])
    flag_mean = share[flagged]
    return Scaling(
        mean=mean, scale=scale, flagged=flagged, flag_mean=flag_mean, flag_scale=np.sqrt(flag_mean * (1 - flag_mean))
    )


def fit(features: Floats, response: Bools, *, flaggable: Bools | None = None, seed: int = 0) -> Fitted:
    """Fit on all patients given; the penalty is chosen by inner stratified cross-validation.

    Parameters
    ----------
    features : (n, p), nan = missing. response : (n,). flaggable : see `learn_scaling`.

    Raises
    ------
    ModelError
        Fewer than ten patients or fewer than two of a class.
    """
    _check(features, response)
    scaling = learn_scaling(features, flaggable=flaggable)
    design = scaling.transform(features)
    penalty = _choose_penalty(design, response, seed=seed)
    coefficients, intercepts = solve(
        design,
        response.astype(np.float64)[:, None],
        weights=np.full((design.shape[0], 1), 1.0 / design.shape[0]),
        penalties=np.array([penalty]),
        l1_ratio=L1_RATIO,
    )
    return Fitted(scaling=scaling, coefficients=coefficients[:, 0], intercept=float(intercepts[0]), penalty=penalty)


def cross_fit(
    features: Floats,
    response: Bools,
    *,
    groups: Sequence[str] | None = None,
    others: Floats | None = None,
    flaggable: Bools | None = None,
    folds: int = 5,
    repeats: int = 3,
    shuffles: int = 0,
    seed: int = 0,
) -> CrossFitted:
    """Out-of-fold log-odds and SHAP values of every patient; nested inner folds choose the penalty.

    Parameters
    ----------
    features : (n, p), nan = missing. response : (n,). groups : (n,) patient ids where a patient has several rows.
    others : (m, p) patients who are scored by every fitted model and train none.
    flaggable : see `learn_scaling`.
    shuffles : label permutations for the null of the SHAP values (first repeat's folds and penalties).
    """
    _check(features, response)
    n, p = features.shape
    rng = np.random.default_rng([seed, 1])
    permuted = np.column_stack([rng.permutation(response) for _ in range(shuffles)]) if shuffles else np.empty((n, 0))
    log_odds, base, shap, null = np.zeros(n), np.zeros(n), np.zeros((n, p)), np.zeros((shuffles, p))
    penalties: list[float] = []
    outside = np.empty((0, p)) if others is None else others
    outside_shap, outside_base, fits = np.zeros(outside.shape), np.zeros(outside.shape[0]), 0
    slopes, outside_slopes = np.zeros((n, p)), np.zeros(p)
    for repeat in range(repeats):
        fold_of = stratified_folds(response, groups=groups, folds=folds, seed=seed * 1000 + repeat)
        for fold in range(folds):
            train, test = fold_of != fold, fold_of == fold
            if not test.any():
                continue
            model = fit(features[train], response[train], flaggable=flaggable, seed=seed * 1000 + repeat * 10 + fold)
            parts, start = model.contributions(features[test])
            shap[test] += parts / repeats
            base[test] += start / repeats
            slopes[test] += model.slopes() / repeats
            outside_slopes = outside_slopes + model.slopes()
            log_odds[test] += (start + parts.sum(axis=1)) / repeats
            penalties.append(model.penalty)
            parts, start = model.contributions(outside)
            outside_shap, outside_base, fits = outside_shap + parts, outside_base + start, fits + 1
            if repeat == 0 and shuffles:
                null += _null_contributions(model, features[train], features[test], labels=permuted[train]) / n
    outside_shap, outside_base = outside_shap / max(fits, 1), outside_base / max(fits, 1)
    return CrossFitted(
        log_odds=log_odds,
        shap=shap,
        base=base,
        null=null,
        penalties=tuple(penalties),
        others_log_odds=outside_base + outside_shap.sum(axis=1),
        others_shap=outside_shap,
        others_base=outside_base,
        slopes=slopes,
        others_slopes=np.tile(outside_slopes / max(fits, 1), (outside.shape[0], 1)),
    )


def refits(
    features: Floats, response: Bools, *, penalty: float, flaggable: Bools | None = None, draws: int = 50, seed: int = 0
) -> Iterator[Floats]:
    """SHAP values, (n, p), of models fitted to bootstrap samples of the patients at a fixed penalty: how far a ranking holds."""
    _check(features, response)
    scaling = learn_scaling(features, flaggable=flaggable)
    design, n = scaling.transform(features), features.shape[0]
    weights = np.random.default_rng([seed, 41]).multinomial(n, np.full(n, 1.0 / n), size=draws).T / n
    labels = np.tile(response.astype(np.float64)[:, None], (1, draws))
    coefficients, intercepts = solve(
        design, labels, weights=weights, penalties=np.full(draws, penalty), l1_ratio=L1_RATIO, iterations=200, tolerance=1e-4
    )
    for column in range(draws):
        fitted = Fitted(
            scaling=scaling, coefficients=coefficients[:, column], intercept=float(intercepts[column]), penalty=penalty
        )
        yield fitted.contributions(features)[0]


def _null_contributions(model: Fitted, train: Floats, test: Floats, *, labels: npt.NDArray[np.generic]) -> Floats:
    """Summed |SHAP| of the test patients, (b, p), of models fitted to shuffled labels at the same penalty."""
    design, p = model.scaling.transform(train), test.shape[1]
    b = labels.shape[1]
    coefficients, _ = solve(
        design,
        labels.astype(np.float64),
        weights=np.full((design.shape[0], b), 1.0 / design.shape[0]),
        penalties=np.full(b, model.penalty),
        l1_ratio=L1_RATIO,
        iterations=200,
        tolerance=1e-4,
    )
    z = model.scaling.transform(test)
    total = np.abs(z[:, :p]).sum(axis=0)[:, None] * np.abs(coefficients[:p])
    for position, column in enumerate(model.scaling.flagged):
        both = z[:, [column]] * coefficients[column] + z[:, [p + position]] * coefficients[p + position]
        total[column] = np.abs(both).sum(axis=0)
    return np.asarray(total.T, dtype=np.float64)


def _choose_penalty(design: Floats, response: Bools, *, seed: int) -> float:
    """Penalty with the least held-out log loss over the inner folds; the largest still leaves one feature in."""
    y = response.astype(np.float64)
    n = y.size
    largest = float(np.abs(design.T @ (y - y.mean())).max()) / (n * L1_RATIO) if design.shape[1] else 1.0
    grid = max(largest, 1e-6) * np.geomspace(0.7, 0.01, N_PENALTIES)
    folds = min(INNER_FOLDS, int(min(response.sum(), (~response).sum())))
    if folds < 2:
        return float(grid[0])
    fold_of = stratified_folds(response, folds=folds, seed=seed)
    held = np.repeat(fold_of[:, None] == np.arange(folds), N_PENALTIES, axis=1)
    weights = (~held).astype(np.float64)
    weights /= weights.sum(axis=0)
    labels = np.tile(y[:, None], (1, held.shape[1]))
    coefficients, intercepts = solve(
        design,
        labels,
        weights=weights,
        penalties=np.tile(grid, folds),
        l1_ratio=L1_RATIO,
        iterations=200,
        tolerance=1e-3,
    )
    scores = design @ coefficients + intercepts
    loss = np.where(held, np.logaddexp(0.0, scores) - labels * scores, 0.0).sum(axis=0)
    return float(grid[int(loss.reshape(folds, N_PENALTIES).sum(axis=0).argmin())])


def _check(features: Floats, response: Bools) -> None:
    if features.ndim != 2 or features.shape[0] != response.size:
        raise ModelError(f"features {features.shape} and {response.size} responses do not fit together")
    if response.size < 10 or min(response.sum(), (~response).sum()) < 2:
        raise ModelError(
            f"an elastic net needs ten patients and two of each class; there are {response.size} with {int(response.sum())} responders"
        )
