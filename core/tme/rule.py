"""Rule: a named group of patients as a few readable conditions, with how faithfully they describe it, and its fate elsewhere.

`learn` turns a group (selected by hand, or a cluster) into at most three conditions on features standardised within
the cohort; `transfer` sorts the patients of other cohorts by them and asks whether response and survival differ there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import BadLink, NotMeasured, TooFewPatients
from core.figures import words
from core.tme import rule_search
from core.tme.naming import label
from core.tme.rule_effect import Transfer, moved
from core.tme.signature_frame import signature_frame
from data.store import Store

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Features = pl.DataFrame | Floats

LEAST = 5
"""Fewest patients inside, and outside, a group that a rule can be learnt from."""
FAITHFUL = 0.75
"""Cross-validated balanced accuracy from which a rule is said to describe its group."""
REFERENCE = "10.1016/0005-2795(75)90109-9"
__all__ = ["Condition", "Fidelity", "Rule", "Transfer", "learn", "transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition. feature : stored name. at_least : value >= cut, else value < cut. cut : SD from the cohort's mean."""

    feature: str
    at_least: bool
    cut: float

    @property
    def sentence(self) -> str:
        """The condition in words: "T-cell-inflamed GEP at least 0.5 SD above the mean"."""
        where = "the mean" if self.cut == 0 else f"{abs(self.cut):g} SD {'above' if self.cut > 0 else 'below'} the mean"
        return f"{label(self.feature)} {'at least' if self.at_least else 'under'} {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How well a rule finds its group.

    Attributes
    ----------
    sensitivity : share of the group that the rule finds; precision : share of those it calls who are of the group, nan
        where it calls nobody; balanced_accuracy : mean of sensitivity and specificity, 0.5 = a coin. Each with its 95%
        interval (Wilson; normal for the mean). n, n_group, n_called : patients looked at, in the group, called.
    """

    sensitivity: float
    sensitivity_ci: tuple[float, float]
    precision: float
    precision_ci: tuple[float, float]
    balanced_accuracy: float
    balanced_accuracy_ci: tuple[float, float]
    n: int
    n_group: int
    n_called: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A group as a conjunction of conditions.

    Attributes
    ----------
    name : of the group. conditions : all must hold. in_sample : fidelity on the patients that made the rule (flattering).
    cross_validated : fidelity of rules made, length and all, without the fold they are judged on. features : that the
        search could use. n_missing : patients left out because a feature of the rule is not known for them.
    """

    name: str
    conditions: tuple[Condition, ...]
    in_sample: Fidelity
    cross_validated: Fidelity
    features: tuple[str, ...]
    n_missing: int = 0

    @property
    def faithful(self) -> bool:
        """Whether the rule describes the group: cross-validated balanced accuracy of at least FAITHFUL."""
        return self.cross_validated.balanced_accuracy >= FAITHFUL

    @property
    def words(self) -> str:
        """The conditions in words, joined by "and"."""
        return words.listing([condition.sentence for condition in self.conditions])

    @property
    def sentence(self) -> str:
        """The rule with its cross-validated fidelity, n and interval, in one sentence."""
        fold, own = self.cross_validated, self.in_sample
        verdict = "" if self.faithful else "; a poor description of the group"
        return (
            f"{self.name}: {self.words}. Cross-validated, it finds {words.percent(fold.sensitivity)} of the group "
            f"(95% CI {words.percent(fold.sensitivity_ci[0])} to {words.percent(fold.sensitivity_ci[1])}; n = {fold.n_group:,} of "
            f"{fold.n:,}) and {words.percent(fold.precision)} of those it calls belong to it; balanced accuracy "
            f"{words.ratio(fold.balanced_accuracy)} ({words.interval(fold.balanced_accuracy_ci)}; in-sample "
            f"{words.ratio(own.balanced_accuracy)}, a coin 0.50){verdict}."
        )

    def known(self, features: Features) -> Bools:
        """(n,) patients for whom every feature of the rule is known; features as for `applies`."""
        return np.asarray(np.isfinite(self._columns(features)).all(axis=1), dtype=bool)

    def applies(self, features: Features) -> Bools:
        """(n,) patients who fall in; a patient without one of the rule's features does not, see `known`.

        Parameters
        ----------
        features : a frame with the rule's features as columns, or (n, p) in the order of `self.features`; standardised
            within their own cohort.

        Raises
        ------
        NotMeasured
            A feature of the rule is not there.
        """
        return _met(self._columns(features), self.conditions)

    def key(self) -> str:
        """The name and the conditions as text, for an address; `conditions_of` reads it back."""
        pieces = [[c.feature, c.at_least, c.cut] for c in self.conditions]
        return json.dumps([self.name, pieces], separators=(",", ":"), ensure_ascii=False)

    def _columns(self, features: Features) -> Floats:
        wanted = [condition.feature for condition in self.conditions]
        if isinstance(features, pl.DataFrame):
            absent = [name for name in wanted if name not in features.columns]
            if absent:
                raise NotMeasured(
                    f"the rule needs {words.listing([label(a) for a in absent])}, which this cohort does not have; "
                    "learn the rule again from features that both cohorts have"
                )
            return features.select(wanted).cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(features.height, len(wanted))
        if features.ndim != 2 or features.shape[1] != len(self.features):
            raise NotMeasured(
                f"the rule reads {len(self.features)} features in their order, not an array of shape {features.shape}; "
                "give a frame with named columns"
            )
        return np.asarray(features[:, [self.features.index(name) for name in wanted]], dtype=np.float64)


def conditions_of(text: str) -> tuple[str, tuple[Condition, ...]]:
    """The name and conditions in a rule's key.

    Raises
    ------
    BadLink
        The text is no rule.
    """
    try:
        name, pieces = json.loads(text)
        found = tuple(Condition(feature=str(f), at_least=bool(a), cut=float(c)) for f, a, c in pieces)
    except (ValueError, TypeError) as error:
        raise BadLink(f"the rule '{text[:80]}' cannot be read; select the group again and copy its link anew") from error
    if not found or not all(math.isfinite(c.cut) for c in found):
        raise BadLink(f"the rule '{text[:80]}' has no usable condition; select the group again and copy its link anew")
    return str(name), found


def learn(
    features: Features, member: npt.ArrayLike, *, names: Sequence[str] | None = None, seed: int = 0, name: str = "The group", most: int = 3
) -> Rule:
    """Describe a group by at most three conditions.

    Parameters
    ----------
    features : (n, p) values standardised within the cohort, or a frame of them (other columns are left out by `names`).
    member : (n,) bool, who is in the group. names : (p,) of the columns; needed for an array, for a frame the columns to
        use (all numeric ones where None). name : of the group. most : conditions, 1 to 3.

    Patients with fewer than half of the features are left out. The length of the rule is chosen by 5-fold
    cross-validation, and the stated fidelity comes from an outer 5-fold loop around all of it. It says how well the
    conditions reproduce membership, not whether the group means anything; no outcome is looked at.

    Raises
    ------
    TooFewPatients
        Fewer than 5 patients inside or outside the group.
    NotMeasured
        No feature, or none that splits these patients; or `names` is missing or does not fit.

    References
    ----------
    Matthews 1975, doi 10.1016/0005-2795(75)90109-9 (the search's criterion).
    """
    x, columns = _matrix(features, names)
    inside = np.asarray(member, dtype=bool)
    if inside.shape != (x.shape[0],):
        raise NotMeasured(f"the group is marked for {inside.size:,} patients, but there are {x.shape[0]:,}; select it again")
    usable = np.isfinite(x).mean(axis=1) >= 0.5
    known, own = x[usable], inside[usable]
    if min(own.sum(), (~own).sum()) < LEAST:
        raise TooFewPatients(
            f"{name} holds {int(own.sum()):,} of {own.size:,} patients with features; a rule needs {LEAST} inside and {LEAST} outside: "
            "select more, or fewer, patients"
        )
    found, rows, said = rule_search.search(known, own, most=min(max(most, 1), 3), seed=seed)
    if not found:
        raise NotMeasured("no feature tells the group from the others; choose a cohort whose signatures vary")
    conditions = tuple(Condition(feature=columns[j], at_least=at_least, cut=cut) for j, at_least, cut in found)
    called = _met(known[:, [j for j, _, _ in found]], conditions)
    return Rule(
        name=name, conditions=conditions, in_sample=fidelity(called, own), cross_validated=fidelity(said, own[rows]),
        features=tuple(columns), n_missing=int((~usable).sum()),
    )  # fmt: skip


def _met(values: Floats, conditions: Sequence[Condition]) -> Bools:
    """(n,) rows of values (n, c), one column a condition, that meet all; a missing value meets none."""
    met = np.ones(values.shape[0], dtype=bool)
    for column, condition in zip(values.T, conditions, strict=True):
        with np.errstate(invalid="ignore"):
            met &= (column >= condition.cut) if condition.at_least else (column < condition.cut)
    return met


def fidelity(called: Bools, member: Bools) -> Fidelity:
    """How well calls (n,) find a group (n,); at least one patient inside and one outside it."""
    from core.response.rate import wilson

    hits, n_group, n_called = int((called & member).sum()), int(member.sum()), int(called.sum())
    outside = member.size - n_group
    right = outside - (n_called - hits)
    sensitivity, specificity = hits / n_group, right / outside
    spread = math.sqrt(sensitivity * (1 - sensitivity) / n_group + specificity * (1 - specificity) / outside) / 2
    balanced = (sensitivity + specificity) / 2
    return Fidelity(
        sensitivity=sensitivity, sensitivity_ci=wilson(hits, n_group), precision=hits / n_called if n_called else math.nan,
        precision_ci=wilson(hits, n_called), balanced_accuracy=balanced,
        balanced_accuracy_ci=(max(balanced - 1.96 * spread, 0.0), min(balanced + 1.96 * spread, 1.0)),
        n=int(member.size), n_group=n_group, n_called=n_called,
    )  # fmt: skip


def transfer(store: Store, rule: Rule, *, studies: Sequence[str], home: str = "") -> Transfer:
    """Sort the patients of other cohorts by a rule, and compare response and survival of those who fall in and the rest.

    Parameters
    ----------
    studies : to apply it to. home : the study that the rule comes from; shown where it is among them, never pooled.

    See `core.tme.rule_effect.moved` for the estimands, intervals and pooling.

    Raises
    ------
    NotMeasured
        None of the studies has the rule's features.
    """
    wanted = tuple(dict.fromkeys(condition.feature for condition in rule.conditions))
    table = signature_frame(store, tuple(dict.fromkeys(studies)), signatures=wanted)
    calls = pl.DataFrame(schema={"patient_id": pl.String, "inside": pl.Boolean})
    if table.height and set(wanted) <= set(table.columns):
        known = pl.Series(rule.known(table))
        calls = table.select("patient_id", inside=pl.Series(rule.applies(table))).filter(known)
    return moved(store, calls, studies=tuple(dict.fromkeys(studies)), home=home)


def _matrix(features: Features, names: Sequence[str] | None) -> tuple[Floats, list[str]]:
    if isinstance(features, pl.DataFrame):
        columns = list(names) if names is not None else [c for c, kind in features.schema.items() if kind.is_numeric()]
        absent = [c for c in columns if c not in features.columns]
        if absent or not columns:
            raise NotMeasured(f"there is no feature {', '.join(absent) or 'at all'} here; choose a cohort with signature scores")
        x = features.select(columns).cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(features.height, len(columns))
        return x.astype(np.float64), columns
    if names is None or features.ndim != 2 or features.shape[1] != len(names) or not len(names):
        raise NotMeasured(f"an array of features of shape {features.shape} needs as many names as columns; pass names=")
    return np.asarray(features, dtype=np.float64), list(names)
