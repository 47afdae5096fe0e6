"""Additive fusion: a few immune signatures, mutational burden and clinical variables, each kind with its own ridge penalty.

It learns from every treated cohort that has any of them, so that clinical cohorts without expression teach the clinical part.
Everything is centred within its cohort and a missing value sits at the centre: only differences between patients of one
cohort teach, and only such differences are scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from models.card import Card, ModelError
from models.ridge import Floats, Linear, logistic

CARD = Card(
    name="additive_fusion",
    label="Additive fusion (signatures + TMB + clinical)",
    kind="probability",
    inputs=("signature:gep", "signature:cd8_teff", "signature:cyt", "signature:f_tbrs", "signature:ifng6", "tmb_per_mb",
            "clinical variables known before the first dose"),
    unit="log-odds of response, up to a constant for each cohort",
    protocol="leave_one_cohort_out",
    reference="van de Wiel et al., Stat Med 2016 (group-wise ridge)",
    doi="10.1002/sim.6732",
    licence="own code",
    intended_use="The simplest model that learns from cohorts with and without expression: what a deep model has to beat.",
    limits="Effects add up and are the same in every cancer. It ranks the patients of one cohort; its value cannot be "
    "compared between cohorts, nor read as a probability.",
)  # fmt: skip

PENALTIES = (3.0, 30.0, 300.0)
"""Penalties that are tried for each kind of feature, on features of about unit variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Coefficients on centred features.

    Attributes
    ----------
    names : (p,) features. coefficients : (p,) log-odds for each unit. spread : (p,) unit. centres : (p,) of each cohort of
    the training, nan = unknown there. penalties : by kind of feature. tried : held-out loss of each choice of penalties.
    """

    names: tuple[str, ...]
    coefficients: Floats
    spread: Floats
    centres: Mapping[str, Floats]
    penalties: Mapping[str, float]
    tried: Mapping[tuple[float, ...], float]

    def score(self, x: Floats, cohorts: Sequence[str]) -> Floats:
        """(n,) log-odds less the cohort's own constant; nan where nothing of a patient is known.

        Patients of a cohort of the training are centred as it was then, others within the patients given.
        """
        scored = prepare(x, cohorts, self.spread, centres=self.centres) @ self.coefficients
        return np.where(np.isfinite(x).any(axis=1), scored, np.nan)


def prepare(x: Floats, cohorts: Sequence[str], spread: Floats, *, centres: Mapping[str, Floats] | None = None) -> Floats:
    """Centre (n, p) within cohorts over the known, divide by `spread`; missing = 0. centres: of cohorts that have one already."""
    made = np.zeros(x.shape)
    names = np.asarray(cohorts)
    for name in dict.fromkeys(cohorts):
        rows = names == name
        own = centre(x[rows])
        if centres is not None and name in centres:
            own = np.where(np.isfinite(centres[name]), centres[name], own)
        moved = x[rows] - own
        made[rows] = np.where(np.isfinite(moved), moved, 0.0)
    return made / spread


def centre(x: Floats) -> Floats:
    """(p,) means of the known values of (n, p); nan where none is."""
    known = np.isfinite(x)
    n = known.sum(axis=0)
    return np.where(n > 0, np.where(known, x, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)


def spread_within(x: Floats, cohorts: Sequence[str]) -> Floats:
    """(p,) pooled SD within cohorts; 1 where a column never varies."""
    centred = prepare(x, cohorts, np.ones(x.shape[1]))
    known = np.isfinite(x)
    varies = np.zeros(x.shape, dtype=bool)
    names = np.asarray(cohorts)
    for name in dict.fromkeys(cohorts):
        rows = names == name
        varies[rows] = known[rows] & (np.abs(centred[rows]).max(axis=0) > 0)
    sd = np.sqrt((centred**2).sum(axis=0) / np.maximum(varies.sum(axis=0), 1))
    return np.where(sd > 1e-9, sd, 1.0)


def fit(
    x: Floats, response: Floats, *, names: Sequence[str], kinds: Sequence[str], cohorts: Sequence[str], tuned_on: Sequence[str],
    seed: int = 0,
) -> Added:  # fmt: skip
    """Fit on all cohorts given; the penalty of each kind of feature by leaving one cohort out.

    Parameters
    ----------
    x : (n, p), nan = missing. response : (n,) 0 or 1. names, kinds : (p,). cohorts : (n,).
    tuned_on : cohorts that are left out in turn to choose the penalties, by their log loss with a constant of their own.
    seed : not used; nothing is drawn.

    Raises
    ------
    ModelError
        Fewer than two cohorts to tune on.
    """
    names_of = np.asarray(cohorts)
    kind_names = tuple(dict.fromkeys(kinds))
    left_out = [name for name in tuned_on if 0 < response[names_of == name].sum() < (names_of == name).sum()]
    if len(left_out) < 2:
        raise ModelError(f"additive fusion tunes on cohorts left out; it has {len(left_out)} with both classes, and needs two")
    spread = spread_within(x, cohorts)
    design = prepare(x, cohorts, spread)
    kind = np.asarray([kind_names.index(k) for k in kinds], dtype=np.int64)
    tried = dict.fromkeys(product(PENALTIES, repeat=len(kind_names)), 0.0)
    for name in left_out:
        held = names_of == name
        start: Linear | None = None
        for choice in tried:
            start = _solve(design[~held], response[~held], names_of[~held], penalties=np.asarray(choice)[kind], start=start, small=1e-3)
            tried[choice] += _profiled_loss(design[held] @ start.coefficients[: x.shape[1]], response[held])
    best = min(tried, key=lambda choice: tried[choice])
    fitted = _solve(design, response, names_of, penalties=np.asarray(best)[kind], start=None)
    return Added(
        names=tuple(names), coefficients=fitted.coefficients[: x.shape[1]], spread=spread,
        centres={name: centre(x[names_of == name]) for name in dict.fromkeys(cohorts)},
        penalties=dict(zip(kind_names, best, strict=True)), tried=tried,
    )  # fmt: skip


COHORT_PENALTY = 0.1


def _solve(
    design: Floats, response: Floats, cohorts: npt.NDArray[np.str_], *, penalties: Floats, start: Linear | None, small: float = 1e-10
) -> Linear:
    """Ridge with a constant for each cohort (penalised a little, so that a cohort of one class stays finite)."""
    names = list(dict.fromkeys(cohorts.tolist()))
    own = np.column_stack([(cohorts == name).astype(np.float64) for name in names[1:]]) if len(names) > 1 else np.empty((design.shape[0], 0))
    return logistic(
        np.hstack([design, own]), response, penalties=np.append(penalties, np.full(own.shape[1], COHORT_PENALTY)),
        start=start, small=small,
    )


def _profiled_loss(eta: Floats, response: Floats) -> float:
    """Log loss with the best constant added: how well the order and spread of the scores fit a cohort of any response rate."""
    constant = 0.0
    for _ in range(50):
        chance = 0.5 * (1 + np.tanh(0.5 * (eta + constant)))
        step = (response - chance).sum() / max((chance * (1 - chance)).sum(), 1e-9)
        constant += float(np.clip(step, -2, 2))
        if abs(step) < 1e-9:
            break
    shifted = eta + constant
    return float((np.logaddexp(0.0, shifted) - response * shifted).sum())
