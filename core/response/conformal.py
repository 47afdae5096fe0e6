"""Conformal sets: from a probability to {responder}, {non-responder}, either or none, with a promised coverage.

Vovk, Gammerman & Shafer 2005, doi 10.1007/b106715; class-conditional: Vovk 2012, doi 10.1007/978-3-642-28395-6_3, and
Sadinle 2019, doi 10.1080/01621459.2017.1395341; Romano, Sesia & Candes 2020, doi 10.48550/arXiv.2006.02544;
Angelopoulos & Bates 2023, doi 10.1561/2200000101.

The sets promise coverage on average, whatever the probabilities are worth, as long as the patients of the calibration
and the new ones come from one population. Poor probabilities cost decisions, not coverage; another population costs
coverage, which is why it is measured on patients who took no part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured, TooFewPatients
from core.response.outcome import Bools, Floats, probabilities
from core.response.rate import wilson

REFERENCE = "10.1561/2200000101"
LEVEL = 0.9
KINDS = ("responder", "non-responder", "either", "none")
"""What a set says. Decided: one of the first two. None: the patient looks like neither class."""
FEWEST_OF_EACH = 10
"""Calibration patients of a class: with fewer than level / (1 - level), no value of the probability is excluded."""
WHO = ("all", "responder", "non-responder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Learnt from calibration patients.

    Attributes
    ----------
    responder, other : a class is in the set when its nonconformity, 1 - its probability, is at most this; infinite where too few
        patients were there to exclude it. level : promised. by_class : one threshold a class (Mondrian), else one for both.
    n, responders : calibration patients.
    """

    responder: float
    other: float
    level: float
    by_class: bool
    n: int
    responders: int

    def sets(self, probability: Floats) -> Bools:
        """(n, 2) whether "responder" and "non-responder" are in each patient's set."""
        return np.column_stack((1 - probability <= self.responder, probability <= self.other))


def quantile(scores: Floats, level: float) -> float:
    """The conformal quantile: the ceil((n + 1) level)-th smallest of (n,) scores; infinite where there is none.

    Raises
    ------
    NotMeasured
        The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise NotMeasured(f"the level is {level:g}; give a share between 0 and 1, such as 0.9")
    place = math.ceil((scores.size + 1) * level - 1e-9)
    return float(np.partition(scores, place - 1)[place - 1]) if place <= scores.size else math.inf


def calibrated(
    probability: npt.ArrayLike, response: npt.ArrayLike, *, level: float = LEVEL, by_class: bool = True
) -> Thresholds:
    """Thresholds from patients who neither trained the probabilities nor are to be tested.

    Parameters
    ----------
    probability : (n,) 0 to 1, out-of-sample; nan = missing. response : (n,) bool, or float with nan = not evaluable.
    by_class : promise the coverage in responders and in non-responders each (Mondrian), not only over all.

    Raises
    ------
    NotMeasured
        The score is not a probability, or the level is not between 0 and 1.
    TooFewPatients
        Nobody has both.

    References
    ----------
    Vovk 2012, doi 10.1007/978-3-642-28395-6_3.
    """
    p, y, _ = probabilities(probability, response, purpose="a conformal set")
    if p.size == 0:
        raise TooFewPatients("no patient has both a probability and a response; calibrate on another cohort")
    own = np.where(y, 1 - p, p)
    one = [quantile(own[y], level), quantile(own[~y], level)] if by_class else [quantile(own, level)] * 2
    return Thresholds(responder=one[0], other=one[1], level=level, by_class=by_class, n=p.size, responders=int(y.sum()))


def crossed(
    probability: Floats, response: Bools, *, folds: npt.NDArray[np.int64], level: float = LEVEL, by_class: bool = True
) -> Bools:
    """(n, 2) sets of a cohort's own patients, each calibrated on the other folds (cross-conformal).

    Parameters
    ----------
    probability, response : (n,), no nan. folds : (n,) fold of each patient.

    References
    ----------
    Vovk 2015, doi 10.1007/s10472-013-9368-4: nearly valid; over the whole cohort its coverage is close to the level by
    construction, so that it says how many are decided, and little about coverage elsewhere.
    """
    made = np.zeros((probability.size, 2), dtype=bool)
    for fold in np.unique(folds):
        mine = folds == fold
        made[mine] = calibrated(probability[~mine], response[~mine], level=level, by_class=by_class).sets(probability[mine])
    return made


def kind(sets: Bools) -> npt.NDArray[np.int64]:
    """(n,) place in KINDS of each patient's set."""
    return np.where(sets.all(axis=1), 2, np.where(sets[:, 0], 0, np.where(sets[:, 1], 1, 3))).astype(np.int64)


def covered(sets: Bools, response: Bools) -> Bools:
    """(n,) whether the set holds what was observed."""
    return np.asarray(np.where(response, sets[:, 0], sets[:, 1]), dtype=np.bool_)


def coverage(sets: Bools, response: Bools) -> pl.DataFrame:
    """Coverage and what the sets say, of all patients and of each class.

    Parameters
    ----------
    sets : (n, 2). response : (n,) bool, of patients who did not calibrate the sets.

    Estimand: P(the set holds the outcome), over all and within each class; no test. Intervals: Wilson, 95%, for the
    patients tested, the thresholds as they are.

    Returns
    -------
    who (WHO), n, coverage, ci_low, ci_high, responder, non_responder, either, none (shares of the sets), decided,
    decided_low, decided_high, right (share right of those decided), right_low, right_high.

    References
    ----------
    Angelopoulos & Bates 2023, doi 10.1561/2200000101.
    """
    held, says = covered(sets, response), kind(sets)
    rows = []
    for who, mine in zip(WHO, (np.ones(response.size, dtype=bool), response, ~response), strict=True):
        n = int(mine.sum())
        shares = [float((says[mine] == k).mean()) if n else float("nan") for k in range(len(KINDS))]
        good, decided = int(held[mine].sum()), int((says[mine] < 2).sum())
        right = int((held & (says < 2))[mine].sum())
        rows.append(
            (
                who, n, good / n if n else float("nan"), *wilson(good, n), *shares, decided / n if n else float("nan"), *wilson(decided, n),
                right / decided if decided else float("nan"), *wilson(right, decided),
            )
        )  # fmt: skip
    names = [
        "who", "n", "coverage", "ci_low", "ci_high", "responder", "non_responder", "either", "none", "decided", "decided_low", "decided_high",
        "right", "right_low", "right_high",
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def expected(n: int, level: float) -> tuple[float, float]:
    """Where the coverage of new patients lies in 95% of calibrations with n patients (of a class), probabilities untied.

    Beta(k, n + 1 - k) with k = ceil((n + 1) level); (1, 1) where nothing can be excluded.

    References
    ----------
    Vovk 2012, doi 10.1007/978-3-642-28395-6_3.
    """
    from scipy.special import betaincinv

    k = math.ceil((n + 1) * level - 1e-9)
    if k > n:
        return 1.0, 1.0
    return float(betaincinv(k, n + 1 - k, 0.025)), float(betaincinv(k, n + 1 - k, 0.975))
