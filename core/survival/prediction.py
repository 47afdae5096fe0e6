"""Predictions of a Cox model: baseline hazard by stratum, survival of any patient, and their influence functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import TooFewPatients
from core.survival.cox_model import CoxModel
from core.survival.endpoint import Floats, Ints

REFERENCE = "10.1080/01621459.1977.10480613"
FARTHEST = 200.0
"""Largest log hazard ratio against the mean patient that predictions are made with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What predictions of a model are made of; rows in the order of its risk sets.

    Attributes
    ----------
    beta : (p,), 0 where not estimable for being collinear. centre : (p,), the patient of the baseline hazard.
    x : (n, p), centred there. weight : (n,) exp(x @ beta).
    jump : (k,) increments of the cumulative baseline hazard at the death times, Efron's.
    slope : (p, k) minus its derivative by beta. square : (k,), own : (k,) sums of 1 / s0 ** 2, and of share / s0 ** 2.
    """

    model: CoxModel
    beta: Floats
    centre: Floats
    x: Floats
    weight: Floats
    jump: Floats
    slope: Floats
    square: Floats
    own: Floats
    mean: Floats
    inverse: Floats

    def hazard(self, times: Floats) -> Floats:
        """(s, m) cumulative baseline hazard of each stratum at the times."""
        sets = self.model.sets
        out = np.zeros((sets.bounds.size - 1, times.size))
        for s, (a, b) in enumerate(zip(sets.death_bounds[:-1].tolist(), sets.death_bounds[1:].tolist(), strict=True)):
            total = np.concatenate(([0.0], np.cumsum(self.jump[a:b])))
            out[s] = total[np.searchsorted(sets.death_time[a:b], times, side="right")]
        return out

    def survival(self, x: Floats, stratum: Ints, times: Floats) -> Floats:
        """(m, t) predicted survival of patients with covariates x (m, p), of strata (m,), at the times (t,)."""
        risk = np.exp(np.clip((x - self.centre) @ self.beta, -FARTHEST, FARTHEST))
        return np.asarray(np.exp(-self.hazard(times)[stratum] * risk[:, None]), dtype=np.float64)

    def beta_influence(self) -> Floats:
        """(n, p) what each patient adds to the error of beta: score residuals times the covariance ("dfbeta")."""
        sets = self.model.sets
        spread = sets.while_at_risk(sets.per_death(self.mean * self.inverse))
        exposure = sets.while_at_risk(self.jump)
        d = sets.dying
        exposure[d] -= sets.per_death(self.inverse * sets.share)[sets.tie]
        spread[:, d] -= sets.per_death(self.mean * self.inverse * sets.share)[:, sets.tie]
        score = -(self.weight * (self.x.T * exposure - spread))
        size = np.bincount(sets.tie, minlength=sets.tie_start.size)
        score[:, d] += self.x[d].T - (sets.per_death(self.mean) / size)[:, sets.tie]
        covariance = np.where(np.isfinite(self.model.fit.covariance), self.model.fit.covariance, 0.0)
        return np.asarray(score.T @ covariance, dtype=np.float64)

    def hazard_influence(self, s: int, times: Floats) -> tuple[Ints, Floats, Floats]:
        """What patients add to the error of one stratum's cumulative baseline hazard, beta held.

        Returns
        -------
        rows : (r,) the stratum's patients. direct : (r, t). slope : (p, t), to be multiplied by `beta_influence` and
        subtracted for every patient.
        """
        sets = self.model.sets
        a, b = int(sets.death_bounds[s]), int(sets.death_bounds[s + 1])
        rows = np.arange(sets.bounds[s], sets.bounds[s + 1])
        upto = a + np.searchsorted(sets.death_time[a:b], times, side="right")
        total = np.concatenate(([0.0], np.cumsum(self.square[a:b])))
        last = np.minimum(sets.until[rows][:, None], upto[None]) - a
        first = np.minimum(sets.before[rows][:, None], upto[None]) - a
        direct = -self.weight[rows][:, None] * (total[last] - total[first])
        size = np.bincount(sets.tie, minlength=sets.tie_start.size)
        inside = np.flatnonzero((sets.dying >= rows[0]) & (sets.dying <= rows[-1])) if rows.size else np.zeros(0, int)
        k = sets.tie[inside]
        place = sets.dying[inside] - (rows[0] if rows.size else 0)
        gain = self.jump[k] / size[k] + self.weight[sets.dying[inside]] * self.own[k]
        direct[place] += np.where(k[:, None] < upto[None], gain[:, None], 0.0)
        sums = np.concatenate((np.zeros((self.beta.size, 1)), np.cumsum(self.slope[:, a:b], axis=1)), axis=1)
        return rows, direct, sums[:, upto - a]


def baseline(model: CoxModel) -> Baseline:
    """Baseline hazard of a Cox model, each stratum's own, by Efron's estimate.

    Estimand: the cumulative hazard of a patient with mean covariates. Efron 1977, doi 10.1080/01621459.1977.10480613.
    Equals R survfit(coxph(ties = "efron")).

    Raises
    ------
    TooFewPatients
        The hazards of the model's patients are further apart than can be computed with: it has no finite estimate.
    """
    sets, fit = model.sets, model.fit
    beta = np.where(np.isfinite(fit.beta), fit.beta, 0.0)
    centre = model.design.x.mean(axis=0)
    x = model.design.x[sets.rows] - centre
    eta = x @ beta
    if eta.size and float(np.abs(eta).max()) > FARTHEST:
        raise TooFewPatients(
            "survival cannot be predicted: the hazard ratios of this model have no finite estimate; "
            "leave out the covariate that separates the patients, or use the penalised model"
        )
    weight = np.exp(eta)
    moments = sets.efron(np.concatenate((weight[None], weight * x.T)))
    inverse = 1 / moments[0]
    mean = moments[1:] * inverse
    return Baseline(
        model=model, beta=beta, centre=centre, x=x, weight=weight, jump=sets.per_death(inverse),
        slope=sets.per_death(mean * inverse), square=sets.per_death(inverse**2),
        own=sets.per_death(inverse**2 * sets.share), mean=mean, inverse=inverse,
    )  # fmt: skip
