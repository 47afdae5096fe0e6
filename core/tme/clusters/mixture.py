"""Gaussian mixture with full covariances, own or common, fitted to many resamples of one table at once.

Expectation and maximisation are two matrix products: the log density of a Gaussian is linear in (1, x, x x'), so that all
clusters of all resamples are one product with that table, and the sums for the next step are another.
Each covariance is a posterior mode under the weak prior of Fraley and Raftery (2007, doi 10.1007/s00357-007-0004-5), without
its pull on the means, so that no cluster collapses onto a point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.floating]

STEPS, TOLERANCE = 150, 1e-5
RIDGE = 1e-3
"""Least variance of a cluster in any direction, in squared standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Mixtures, one a resample.

    Attributes
    ----------
    weight : (m, k). mean : (m, k, p). covariance : (m, k, p, p). loglik : (m,) of the rows that each was fitted to.
    common : all clusters have one covariance.
    """

    weight: Floats
    mean: Floats
    covariance: Floats
    loglik: Floats
    common: bool = False

    def take(self, rows: Ints | list[int]) -> Mixture:
        """Some of the resamples."""
        return replace(
            self, weight=self.weight[rows], mean=self.mean[rows], covariance=self.covariance[rows], loglik=self.loglik[rows]
        )

    def reordered(self, order: Ints) -> Mixture:
        """The clusters in another order."""
        return replace(self, weight=self.weight[:, order], mean=self.mean[:, order], covariance=self.covariance[:, order])

    @property
    def parameters(self) -> int:
        """Free numbers of one mixture."""
        k, p = self.mean.shape[1:]
        return int(k * p + (1 if self.common else k) * p * (p + 1) // 2 + k - 1)


def moments(points: Floats, *, dtype: type[np.floating] = np.float64) -> Numbers:
    """The table (n, 1 + p + p(p+1)/2) of 1, x and the products x_i x_j with i <= j."""
    first, second = np.triu_indices(points.shape[1])
    table = np.hstack([np.ones((points.shape[0], 1)), points, points[:, first] * points[:, second]])
    return np.ascontiguousarray(table, dtype=dtype)


def fit(
    points: Floats, start: Mixture | Ints, *, rows: npt.NDArray[np.bool_] | None = None, k: int = 0, steps: int = STEPS, common: bool = False
) -> Mixture:
    """Maximise the likelihood of the rows from a start.

    Parameters
    ----------
    points : (n, p). start : mixtures, or labels (m, n) 0..k-1 to begin from (k says how many). rows : (m, n) which rows
        each is fitted to, default all. steps : at most so many. common : one covariance (from labels; mixtures know).
    """
    small = points.shape[0] * points.shape[1] < 200_000 and steps <= STEPS
    table = moments(points, dtype=np.float32 if small else np.float64)
    total = np.cov(points.T, bias=True).reshape(points.shape[1], points.shape[1])
    if isinstance(start, Mixture):
        m, k = start.weight.shape
        mixture = start
        inside = _inside(rows, (m, points.shape[0]), table.dtype)
    else:
        m = start.shape[0]
        inside = _inside(rows, (m, points.shape[0]), table.dtype)
        share = np.zeros((m, k, points.shape[0]), dtype=table.dtype)
        np.put_along_axis(share, start[:, None, :], 1.0, axis=1)
        mixture = _maximise(share * inside[:, None, :], table, total, common=common)
    before = np.full(m, -np.inf)
    done = mixture
    active = np.arange(m)
    scale = np.maximum(inside.sum(axis=1), 1.0)
    for _ in range(steps):
        share, loglik = _expect(mixture, table, inside[active])
        gain = (loglik - before[active]) / scale[active]
        before[active] = loglik
        going = gain > TOLERANCE
        if not going.all():
            done = _placed(done, mixture, active)
            if not going.any():
                active = active[:0]
                break
            share, active = share[going], active[going]
        mixture = _maximise(share, table, total, common=mixture.common)
    if active.size:
        done = _placed(done, mixture, active)
    return replace(done, loglik=before)


def log_density(mixture: Mixture, points: Floats) -> Floats:
    """Log of weight times density of every cluster, (m, k, n)."""
    return np.asarray(_joint(mixture, moments(points)), dtype=np.float64)


def posterior(mixture: Mixture, points: Floats) -> Floats:
    """Posterior of every cluster under the first mixture, (n, k)."""
    joint = log_density(mixture, points)[0].T
    share = np.exp(joint - joint.max(axis=1, keepdims=True))
    return np.asarray(share / share.sum(axis=1, keepdims=True), dtype=np.float64)


def bic(mixture: Mixture, n: int) -> Floats:
    """Bayesian information criterion of each mixture, lower is better (Schwarz 1978)."""
    return np.asarray(-2.0 * mixture.loglik + mixture.parameters * np.log(n))


def describe(points: Floats, labels: Ints, *, k: int) -> float:
    """BIC of a partition as Gaussians: with round clusters of one size, one covariance for all, or one for each; the lowest.

    One scale for every method: a partition is good where it says much about the table for the numbers that it needs.
    """
    n, p = points.shape
    table = moments(points)
    share = np.zeros((1, k, n))
    share[0, labels, np.arange(n)] = 1.0
    own = _maximise(share, table, np.cov(points.T, bias=True).reshape(p, p))
    common = (own.weight[..., None, None] * own.covariance).sum(axis=1, keepdims=True)
    round_ = np.trace(common[0, 0]) / p * np.eye(p)[None, None]
    found = []
    for covariance, numbers in ((own.covariance, k * p * (p + 1) // 2), (common, p * (p + 1) // 2), (round_, 1)):
        tried = Mixture(weight=own.weight, mean=own.mean, covariance=np.broadcast_to(covariance, (1, k, p, p)), loglik=own.loglik)
        loglik = _expect(tried, table, np.ones((1, n)))[1][0]
        found.append(float(-2.0 * loglik + (k * p + k - 1 + numbers) * np.log(n)))
    return min(found)


def _inside(rows: npt.NDArray[np.bool_] | None, shape: tuple[int, int], dtype: np.dtype[np.floating]) -> Numbers:
    return np.ones(shape, dtype=dtype) if rows is None else rows.astype(dtype)


def _placed(done: Mixture, part: Mixture, active: Ints) -> Mixture:
    """`done` with some of its resamples replaced."""
    weight, mean, covariance = done.weight.copy(), done.mean.copy(), done.covariance.copy()
    weight[active], mean[active], covariance[active] = part.weight, part.mean, part.covariance
    return replace(done, weight=weight, mean=mean, covariance=covariance)


def _joint(mixture: Mixture, table: Numbers) -> Numbers:
    m, k, p = mixture.mean.shape
    precision = np.linalg.inv(mixture.covariance)
    first, second = np.triu_indices(p)
    quadratic = precision[..., first, second] * np.where(first == second, -0.5, -1.0)
    linear = np.einsum("mkij,mkj->mki", precision, mixture.mean)
    logdet = np.linalg.slogdet(mixture.covariance)[1]
    constant = np.log(np.maximum(mixture.weight, 1e-300)) - 0.5 * (
        (linear * mixture.mean).sum(axis=-1) + logdet + p * np.log(2 * np.pi)
    )
    coefficient = np.concatenate([constant[..., None], linear, quadratic], axis=-1).reshape(m * k, -1)
    joint: Numbers = (coefficient.astype(table.dtype) @ table.T).reshape(m, k, -1)
    return joint


def _expect(mixture: Mixture, table: Numbers, inside: Numbers) -> tuple[Numbers, Floats]:
    joint = _joint(mixture, table)
    top = joint.max(axis=1, keepdims=True)
    joint -= top
    np.exp(joint, out=joint)
    total = joint.sum(axis=1, keepdims=True)
    loglik = ((top + np.log(total))[:, 0] * inside).sum(axis=1, dtype=np.float64)
    joint *= inside[:, None, :] / total
    return joint, np.asarray(loglik, dtype=np.float64)


def _maximise(share: Numbers, table: Numbers, total: Floats, *, common: bool = False) -> Mixture:
    m, k, n = share.shape
    p = total.shape[0]
    sums = (share.reshape(m * k, n) @ table).reshape(m, k, -1).astype(np.float64)
    count = np.maximum(sums[..., 0], 1e-9)
    mean = sums[..., 1 : p + 1] / count[..., None]
    first, second = np.triu_indices(p)
    scatter = np.empty((m, k, p, p))
    scatter[..., first, second] = scatter[..., second, first] = sums[..., p + 1 :]
    scatter -= count[..., None, None] * mean[..., :, None] * mean[..., None, :]
    freedom = p + 2.0
    prior = total / k ** (2.0 / p)
    covariance = (scatter + prior) / (count + freedom + p + 2.0)[..., None, None]
    weight = count / count.sum(axis=1, keepdims=True)
    if common:
        one = (scatter.sum(axis=1) + total) / (count.sum(axis=1) + 2.0 * p + 4.0)[:, None, None]
        covariance = np.repeat(one[:, None], k, axis=1)
    covariance += RIDGE * np.eye(p)
    return Mixture(weight=weight, mean=mean, covariance=covariance, loglik=np.full(m, -np.inf), common=common)
