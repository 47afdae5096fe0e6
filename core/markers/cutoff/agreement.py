"""Agreement of two assays' calls on the same patients: positive, negative and overall agreement, and Cohen's kappa.

Cohen 1960, doi 10.1177/001316446002000104; Fleiss, Cohen & Everitt 1969, doi 10.1037/h0028106.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.finding import Finding
from core.response.confusion import Measure, proportion
from core.survival.kaplan_meier import Z95

NAN = float("nan")
KAPPA = "10.1037/h0028106"
FDA = "10.1177/001316446002000104"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two assays' calls, neither of which is the truth.

    Attributes
    ----------
    both, first_only, second_only, neither : patients that both call positive, the first alone, the second alone, none.
    ppa, npa, opa : share of the comparator's positives that the first calls positive, of its negatives that the first
        calls negative, and of all patients called alike; Wilson's interval.
    kappa : Finding, agreement beyond chance. mcnemar : Finding, exact test of equal shares of positives.
    n, n_missing : patients with both calls; the others. note : what does not exist and why.
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    ppa: Measure
    npa: Measure
    opa: Measure
    kappa: Finding
    mcnemar: Finding
    n: int
    n_missing: int
    note: str = ""

    def table(self) -> pl.DataFrame:
        """One row a measure: measure, estimate, ci_low, ci_high; null where it does not exist."""
        low, high = self.kappa.ci95 or (NAN, NAN)
        rows = [
            ("Positive agreement (PPA)", *self.ppa),
            ("Negative agreement (NPA)", *self.npa),
            ("Overall agreement", *self.opa),
            ("Cohen's kappa", NAN if self.kappa.effect is None else self.kappa.effect, low, high),
        ]
        schema = {"measure": pl.String, "estimate": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
            pl.col("estimate", "ci_low", "ci_high").fill_nan(None)
        )


def agreement(first: npt.ArrayLike, comparator: npt.ArrayLike) -> Agreement:
    """Agreement of an assay's calls with a comparator assay's on the same patients.

    Parameters
    ----------
    first, comparator : (n,) float, 1 = positive, 0 = negative, nan = not called. A patient counts where both are known.

    Estimands: P(first + | comparator +), P(first - | comparator -), P(alike), and kappa = (P(alike) - chance) / (1 -
    chance), with chance from the margins. Null hypothesis of kappa's p value: no agreement beyond chance (its variance
    under that hypothesis); its interval takes the variance at the estimate. Null hypothesis of McNemar's exact test: the
    two call the same share positive. The comparator is no truth: agreement is neither sensitivity nor specificity.

    Returns
    -------
    Agreement
        nan with a note where a margin is empty.

    References
    ----------
    Cohen 1960, doi 10.1177/001316446002000104; Fleiss, Cohen & Everitt 1969, doi 10.1037/h0028106; Wilson 1927,
    doi 10.1080/01621459.1927.10502953. Equals R epiR::epi.kappa (estimate, test), prop.test and binom.test.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(comparator, dtype=np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    x, y = a[known] > 0.5, b[known] > 0.5
    both, first_only = int((x & y).sum()), int((x & ~y).sum())
    second_only, neither = int((~x & y).sum()), int((~x & ~y).sum())
    n, missing = int(known.sum()), int((~known).sum())
    said = []
    if n == 0:
        said.append("no patient was called by both assays: agreement cannot be computed")
    elif both + second_only == 0:
        said.append("the comparator calls nobody positive: positive agreement does not exist")
    elif first_only + neither == 0:
        said.append("the comparator calls nobody negative: negative agreement does not exist")
    kappa = _kappa((both, first_only, second_only, neither), missing)
    if n and kappa.note:
        said.append(kappa.note)
    return Agreement(
        both=both, first_only=first_only, second_only=second_only, neither=neither,
        ppa=proportion(both, both + second_only), npa=proportion(neither, neither + first_only),
        opa=proportion(both + neither, n), kappa=kappa, mcnemar=_mcnemar(first_only, second_only, counts=(n, missing)),
        n=n, n_missing=missing, note="; ".join(said),
    )  # fmt: skip


def _kappa(cells: tuple[int, int, int, int], missing: int) -> Finding:
    """Kappa with the interval of Fleiss, Cohen & Everitt, and z from the variance without agreement."""
    n = sum(cells)
    value, low, high, z, note = NAN, NAN, NAN, NAN, ""
    p = np.asarray(cells, dtype=np.float64).reshape(2, 2) / max(n, 1)
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    alike, chance = float(np.trace(p)), float(rows @ columns)
    if n == 0 or chance >= 1 - 1e-12:
        note = "both assays call every patient alike and the same: kappa does not exist" if n else "no patient"
    else:
        value = (alike - chance) / (1 - chance)
        pair = rows[None, :] + columns[:, None]  # entry (i, j): column total of i + row total of j
        own = np.diag(p) * (1 - np.diag(pair) * (1 - value)) ** 2
        across = (1 - value) ** 2 * ((p * pair**2).sum() - (np.diag(p) * np.diag(pair) ** 2).sum())
        variance = (own.sum() + across - (value - chance * (1 - value)) ** 2) / ((1 - chance) ** 2 * n)
        if variance > 1e-15:
            se = math.sqrt(variance)
            low, high = max(-1.0, value - Z95 * se), min(1.0, value + Z95 * se)
        else:
            note = "the calls agree, or disagree, fully: kappa has no interval"
        under = (chance + chance**2 - float((rows * columns * (rows + columns)).sum())) / ((1 - chance) ** 2 * n)
        z = value / math.sqrt(under) if under > 0 else NAN
    from scipy.special import ndtr

    return Finding(
        name="Cohen's kappa", statistic=z, p_value=float(2 * ndtr(-abs(z))) if z == z else NAN, effect=value,
        ci95=(low, high), n=n, n_missing=missing, note=note, reference=KAPPA,
    )  # fmt: skip


def _mcnemar(first_only: int, second_only: int, *, counts: tuple[int, int]) -> Finding:
    """Exact test of equal shares of positives from the patients called differently."""
    from scipy.special import bdtr

    split = first_only + second_only
    p = min(1.0, 2 * float(bdtr(min(first_only, second_only), split, 0.5))) if split else NAN
    n, missing = counts
    return Finding(
        name="McNemar's test, exact", statistic=float(first_only - second_only), p_value=p,
        effect=(first_only - second_only) / n if n else NAN, ci95=(NAN, NAN), n=n, n_missing=missing,
        note="" if split else "no patient is called differently: nothing to test", reference="10.1007/BF02295996",
    )  # fmt: skip
