"""Fairness: does a call help responders alike in women and men, old and young, of every race, cancer type and site?

Equal opportunity (the same sensitivity in every group): Hardt, Price & Srebro 2016, doi 10.48550/arXiv.1610.02413; that
sensitivity, predictive value and calibration cannot all be equal where response rates differ: Chouldechova 2017,
doi 10.1089/big.2016.0047; difference of proportions: Newcombe 1998,
doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I; Holm 1979, doi 10.2307/4615733.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
import polars as pl

from core.cohort.query import CohortQuery
from core.figures import words
from core.groups import groups, require
from core.response.audit import VARIABLES, heterogeneity, scored
from core.response.calibration import log_odds, logistic
from core.response.closer.compared import holm
from core.response.confusion import Confusion, Measure, counted
from core.response.rate import response_rate
from core.survival.kaplan_meier import Z95
from data.store import Store
from models import card

REFERENCE = "10.48550/arXiv.1610.02413"
FEWEST = 5
"""Responders (non-responders, patients called) of a level, for its sensitivity (specificity, predictive value) to be compared."""
MEASURES: Mapping[str, str] = {
    "sensitivity": "sensitivity", "specificity": "specificity", "ppv": "positive predictive value", "shift": "calibration in the large",
}  # fmt: skip
_F = pl.Float64
SCHEMA = {
    "variable": pl.String, "group": pl.String, "level": pl.String, "reference": pl.Boolean, "n": pl.Int64, "responders": pl.Int64, "called": pl.Int64,
    "sensitivity": _F, "sensitivity_low": _F, "sensitivity_high": _F, "specificity": _F, "specificity_low": _F, "specificity_high": _F,
    "ppv": _F, "ppv_low": _F, "ppv_high": _F, "shift": _F, "shift_low": _F, "shift_high": _F, "gap": _F, "gap_low": _F, "gap_high": _F,
}  # fmt: skip
TESTS = {
    "variable": pl.String, "group": pl.String, "measure": pl.String, "test": pl.String, "levels": pl.Int64, "n": pl.Int64, "p_value": _F,
    "p_holm": _F,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """A predictor's calls in subgroups.

    Attributes
    ----------
    table : one row a level, "" = all patients first: n, responders, called; sensitivity, specificity, ppv with Wilson
        intervals; shift = calibration intercept (observed less predicted log-odds; null where the score is no
        probability); gap = sensitivity less that of the level with most responders (`reference`), Newcombe's interval.
    tests : one row a variable and measure (values of MEASURES): test, levels compared, n, p_value, p_holm (over the
        variables, each measure by itself).
    how : how patients are called, in words. n, responders, cohorts : judged.
    """

    label: str
    table: pl.DataFrame
    tests: pl.DataFrame
    how: str
    n: int
    responders: int
    cohorts: int


def fairness(store: Store, query: CohortQuery, predictor: str) -> Fairness:
    """A predictor's calls in the subgroups of `core.response.audit`.

    Called: at or above the published cut; where none was published, as many patients of each cohort, from the highest score
    down, as responded in it. The latter uses the cohort's response rate, and nothing about who responded.

    Raises
    ------
    UnknownName, EmptyCohort, NotMeasured
        As `core.response.audit.audit`.
    """
    frame, _ = scored(store, query, predictor)
    about = card(predictor)
    if about.published_cut is not None:
        cut = about.published_cut.value
        called = pl.col("score") >= cut
        how = f"called: {about.label} at or above {words.number(cut, unit=about.unit)}, the published cut"
    else:
        wanted = pl.col("response").cast(_F).sum().over("stratum").round().clip(lower_bound=1)
        called = pl.col("score").rank("min", descending=True).over("stratum") <= wanted
        how = "called: in each cohort, as many as responded, from the highest score down"
    frame = frame.with_columns(called.alias("called"))
    probability = "probability" if about.kind == "probability" and frame["probability"].null_count() == 0 else None
    table, tests = by_subgroup(frame, called="called", by=tuple(VARIABLES), probability=probability)
    return Fairness(
        label=about.label, table=table, tests=tests, how=how, n=frame.height, responders=int(frame["response"].sum()),
        cohorts=frame.select("study", "cohort").n_unique(),
    )  # fmt: skip


def by_subgroup(
    frame: pl.DataFrame, *, called: str, by: Sequence[str], response: str = "response", probability: str | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls of a predictor in the levels of several columns, with tests of difference between levels.

    Parameters
    ----------
    frame : one row a patient with `response` and `called` (bool, no null) and the columns of `by` (null = not known, left
        out there). probability : column of probabilities, or None.

    Estimands: P(called | responded), P(not called | did not), P(responded | called) and the calibration intercept in each
    level; gap: sensitivity of a level less that of the level with most responders. Null hypotheses: the levels share one
    sensitivity (equal opportunity), one specificity, one predictive value (Fisher's exact test for two levels, else
    chi-square), one intercept (Cochran's Q). p_holm: Holm's correction over the columns, each measure by itself.

    Returns
    -------
    table (Fairness.table), tests (Fairness.tests).

    References
    ----------
    Hardt 2016, doi 10.48550/arXiv.1610.02413; Newcombe 1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    require(frame, called, response)
    columns = (called, response, probability)
    rows = [_level(frame, ("", "", "All patients"), columns=columns)]
    tests: list[dict[str, object]] = []
    for variable in by:
        if variable not in frame.columns or frame[variable].null_count() == frame.height:
            continue
        part = frame.filter(pl.col(variable).is_not_null())
        found = groups(part, variable)
        if len(found.labels) < 2:
            continue
        name = VARIABLES.get(variable, variable.replace("_", " ").capitalize())
        part = part.with_columns(pl.Series("_level", [found.labels[c] for c in found.codes], dtype=pl.String))
        mine = [_level(part.filter(pl.col("_level") == level), (variable, name, level), columns=columns) for level in found.labels]
        _gaps(mine)
        rows += mine
        tests += _tests(part, mine, columns=columns)
    for measure in MEASURES.values():
        same = [t for t in tests if t["measure"] == measure]
        for test, p in zip(same, holm([float(str(t["p_value"])) for t in same]), strict=True):
            test["p_holm"] = p
    table = pl.DataFrame([{k: r[k] for k in SCHEMA} for r in rows], schema=SCHEMA).with_columns(pl.col(_F).fill_nan(None))
    return table, pl.DataFrame([{k: t[k] for k in TESTS} for t in tests], schema=TESTS).with_columns(pl.col(_F).fill_nan(None))


def difference(first: Measure, second: Measure) -> Measure:
    """First proportion less the second, of independent patients, with Newcombe's hybrid interval; nan where either is."""
    if not (first.known and second.known):
        return Measure(float("nan"), float("nan"), float("nan"))
    value = first.estimate - second.estimate
    below = hypot(first.estimate - first.ci_low, second.ci_high - second.estimate)
    above = hypot(first.ci_high - first.estimate, second.estimate - second.ci_low)
    return Measure(value, max(-1.0, value - below), min(1.0, value + above))


def _counts(part: pl.DataFrame, columns: tuple[str, str, str | None]) -> Confusion:
    call, hit = part[columns[0]].to_numpy().astype(bool), part[columns[1]].to_numpy().astype(bool)
    return counted((int((call & hit).sum()), int((call & ~hit).sum()), int((~call & hit).sum()), int((~call & ~hit).sum())))


def _level(part: pl.DataFrame, names: tuple[str, str, str], *, columns: tuple[str, str, str | None]) -> dict[str, object]:
    variable, group, level = names
    c = _counts(part, columns)
    row: dict[str, object] = {
        "variable": variable, "group": group, "level": level, "reference": False, "n": c.n, "responders": c.tp + c.fn, "called": c.tp + c.fp,
        "gap": float("nan"), "gap_low": float("nan"), "gap_high": float("nan"), "_counts": c,
    }  # fmt: skip
    for name in ("sensitivity", "specificity", "ppv"):
        measure: Measure = getattr(c, name)
        row |= {name: measure.estimate, f"{name}_low": measure.ci_low, f"{name}_high": measure.ci_high}
    value, se = float("nan"), float("nan")
    if columns[2] is not None and min(c.tp + c.fn, c.fp + c.tn) >= FEWEST:
        hit = part[columns[1]].to_numpy().astype(bool)
        offset = log_odds(part[columns[2]].to_numpy().astype(np.float64))
        beta, covariance, ok = logistic(np.ones((c.n, 1)), hit, offset=offset)
        value, se = (float(beta[0]), float(np.sqrt(covariance[0, 0]))) if ok else (value, se)
    return row | {"shift": value, "shift_low": value - Z95 * se, "shift_high": value + Z95 * se, "_se": se}


def _gaps(levels: list[dict[str, object]]) -> None:
    """Differences in sensitivity from the level with most responders."""
    reference = max(levels, key=lambda r: int(str(r["responders"])))
    reference["reference"] = True
    for row in levels:
        if row is reference or min(int(str(r["responders"])) for r in (row, reference)) < FEWEST:
            continue
        mine, other = row["_counts"], reference["_counts"]
        if isinstance(mine, Confusion) and isinstance(other, Confusion):
            gap = difference(mine.sensitivity, other.sensitivity)
            row |= {"gap": gap.estimate, "gap_low": gap.ci_low, "gap_high": gap.ci_high}


def _tests(part: pl.DataFrame, levels: list[dict[str, object]], *, columns: tuple[str, str, str | None]) -> list[dict[str, object]]:
    call, hit, probability = columns
    made = []
    for name, among, of in (
        ("sensitivity", pl.col(hit).cast(pl.Boolean), call), ("specificity", ~pl.col(hit).cast(pl.Boolean), call), ("ppv", pl.col(call), hit),
    ):  # fmt: skip
        inside = part.filter(among)
        sizes = inside.group_by("_level").len()
        enough = sizes.filter(pl.col("len") >= FEWEST)["_level"].to_list()
        test = response_rate(inside.filter(pl.col("_level").is_in(enough)), by="_level", response=of).test if len(enough) > 1 else None
        said = (test.name, test.n, test.p_value) if test is not None else ("not tested", 0, float("nan"))
        made.append(_row(levels[0], MEASURES[name], said, levels=len(enough)))
    if probability is not None:
        values, errors = (np.array([float(str(r[k])) for r in levels]) for k in ("shift", "_se"))
        _, df, p = heterogeneity(values, errors**2)
        used = [int(str(r["n"])) for r in levels if np.isfinite(float(str(r["_se"])))]
        made.append(_row(levels[0], MEASURES["shift"], ("heterogeneity (chi-square)", sum(used), p), levels=df + 1 if np.isfinite(p) else len(used)))
    return made


def _row(level: dict[str, object], measure: str, said: tuple[str, int, float], *, levels: int) -> dict[str, object]:
    test, n, p = said
    return {"variable": level["variable"], "group": level["group"], "measure": measure, "test": test, "levels": levels, "n": n, "p_value": p}
