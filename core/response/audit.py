"""Subgroup audit: a predictor in women and men, younger and older, first and later lines, cancer types and sites.

DeLong 1988, doi 10.2307/2531595; stratified AUC: Janes & Pepe 2009, doi 10.1093/biomet/asp002; heterogeneity: Cochran
1954, doi 10.2307/3001666; Holm 1979, doi 10.2307/4615733.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import words
from core.finding import Finding
from core.groups import groups, require
from core.response.outcome import Bools, Floats
from core.response.predicted import scores, untreated
from core.response.rate import response_rate
from core.response.roc import delong
from core.survival.kaplan_meier import Z95
from data.store import Store
from models import MODULES, card

REFERENCE = "10.2307/3001666"
FEWEST, FEWEST_OF_EACH = 10, 5
"""Patients whose response rate is tested; responders, and non-responders, whose AUC is."""
OLD = 65
VARIABLES = {
    "sex": "Sex",
    "age_group": "Age",
    "race": "Race",
    "line": "Line of therapy",
    "cancer_type": "Cancer type",
    "site": "Site of the biopsy",
}
"""Columns that the audit divides patients by, made by `divided`."""
_F = pl.Float64
SCHEMA = {
    "variable": pl.String, "group": pl.String, "level": pl.String, "n": pl.Int64, "responders": pl.Int64, "rate": _F, "rate_low": _F,
    "rate_high": _F, "auc": _F, "ci_low": _F, "ci_high": _F, "judged": pl.Boolean, "note": pl.String,
}  # fmt: skip
TESTS = {
    "variable": pl.String, "group": pl.String, "measure": pl.String, "test": pl.String, "levels": pl.Int64, "n": pl.Int64,
    "n_missing": pl.Int64, "statistic": _F, "df": pl.Int64, "p_value": _F, "p_holm": _F, "note": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A predictor in subgroups.

    Attributes
    ----------
    predictor, label : which. table : one row a level, "" = all patients first: group (variable in words), level, n,
        responders, rate with Wilson interval, auc with DeLong interval (null = not judged; `note` says why).
    tests : one row a variable and measure ("AUC", "response rate"): test, levels compared, statistic, df, p_value,
        p_holm (over the variables, each measure by itself), note.
    n, n_missing, responders : patients with a score and a response; patients of the cohort without.
    cohorts : number of cohorts; over 1, every AUC compares patients of the same cohort only.
    notes : what could not be judged and why.
    """

    predictor: str
    label: str
    table: pl.DataFrame
    tests: pl.DataFrame
    n: int
    n_missing: int
    responders: int
    cohorts: int
    notes: tuple[str, ...]


def audit(store: Store, query: CohortQuery, predictor: str) -> Audit:
    """A predictor's out-of-sample score in subgroups of the patients who had ICB.

    Subgroups: sex, age under 65 or 65 and over, race, no prior systemic therapy or some, cancer type, site of the biopsy (of
    the metastasis where only that is recorded).

    Raises
    ------
    UnknownName
        `models` lists no such predictor.
    EmptyCohort, NotMeasured
        Nobody matches; or nobody has a response and an out-of-sample score.
    """
    usable, missing = scored(store, query, predictor)
    about = card(predictor)
    table, tests, notes = subgroups(usable, score="score", by=tuple(VARIABLES), within="stratum")
    return Audit(
        predictor=predictor, label=about.label, table=table, tests=tests, n=usable.height, n_missing=missing,
        responders=int(usable["response"].sum()), cohorts=usable.select("study", "cohort").n_unique(), notes=notes,
    )  # fmt: skip


def scored(store: Store, query: CohortQuery, predictor: str) -> tuple[pl.DataFrame, int]:
    """Patients who had ICB with a response, an out-of-sample score and the columns of VARIABLES; how many others there are.

    `stratum` : study, cohort and protocol, within which patients are compared. Raises as `audit`.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    wanted = (
        "patient_id", "study", "cohort", "response", "arm", "drug_class", "sex", "age_years", "race", "prior_systemic_therapy", "cancer_type",
        "sample_site", "metastatic_site",
    )  # fmt: skip
    everyone = cohort_frame.patients(store, query, columns=wanted).filter(~untreated())
    found = scores(store, query, predictor).select("patient_id", "score", "probability", "protocol")
    frame = everyone.join(found, on="patient_id", how="left", maintain_order="left")
    usable = frame.filter(pl.col("response").is_not_null() & pl.col("score").is_not_null())
    if usable.is_empty():
        raise cohort_frame.not_measured(f"Response with {card(predictor).label}", query, elsewhere=_elsewhere(store, predictor))
    known = divided(usable).with_columns(pl.concat_str("study", "cohort", "protocol", separator="/").alias("stratum"))
    return known, frame.height - usable.height


def divided(frame: pl.DataFrame) -> pl.DataFrame:
    """A patient frame with the columns of VARIABLES; unknown stays null."""
    site = pl.col("sample_site") if frame["sample_site"].null_count() < frame.height else pl.col("metastatic_site")
    ages, lines = (f"under {OLD}", f"{OLD} and over"), ("no prior systemic therapy", "prior systemic therapy")
    old, later = pl.col("age_years") >= OLD, pl.col("prior_systemic_therapy")
    return frame.with_columns(
        pl.when(old).then(pl.lit(ages[1])).when(~old).then(pl.lit(ages[0])).cast(pl.Enum(ages)).alias("age_group"),
        pl.when(later).then(pl.lit(lines[1])).when(~later).then(pl.lit(lines[0])).cast(pl.Enum(lines)).alias("line"),
        site.alias("site"),
    )


def subgroups(
    frame: pl.DataFrame, *, score: str, by: Sequence[str], response: str = "response", within: str | None = None
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """AUC and response rate in the levels of several columns, with tests of difference between levels.

    Parameters
    ----------
    frame : one row a patient with `response`, `score` and the columns of `by`; null = not known, left out there.
    within : column of strata (cohorts): the AUC then compares patients of the same stratum only, strata weighted by
        their pairs of a responder and a non-responder; None = all patients together.

    Estimands: the AUC, and P(response), in each level. Null hypotheses: the levels share one AUC (Cochran's Q on DeLong
    variances, chi-square with levels - 1 degrees of freedom; two levels: the square of z); the levels share one
    response rate (Fisher's exact test for two levels, else chi-square). Levels with under 5 responders or 5
    non-responders have no AUC; levels with under 10 patients do not enter the test of the rate. p_holm: Holm's
    correction over the columns, for each measure by itself.

    Returns
    -------
    table (Audit.table), tests (Audit.tests), notes.

    References
    ----------
    DeLong 1988, doi 10.2307/2531595; Janes & Pepe 2009, doi 10.1093/biomet/asp002.
    """
    require(frame, score, response)
    known = frame.filter(pl.col(response).is_not_null() & pl.col(score).cast(pl.Float64).is_finite())
    rows = [_level(known, ("", "All patients", ""), score=score, response=response, within=within)]
    tests: list[dict[str, object]] = []
    notes: list[str] = []
    for variable in by:
        name = VARIABLES.get(variable, variable.replace("_", " ").capitalize())
        if variable not in known.columns or known[variable].null_count() == known.height:
            notes.append(f"{name}: not recorded for these patients.")
            continue
        part = known.filter(pl.col(variable).is_not_null())
        found = groups(part, variable)
        if len(found.labels) < 2:
            notes.append(f"{name}: every patient is '{found.labels[0]}', so there is nothing to compare.")
            continue
        part = part.with_columns(pl.Series("_level", [found.labels[c] for c in found.codes], dtype=pl.String))
        mine = [
            _level(part.filter(pl.col("_level") == level), (variable, level, name), score=score, response=response, within=within)
            for level in found.labels
        ]  # fmt: skip
        rows += mine
        missing = known.height - part.height
        tests += [_test_auc(mine, missing), _test_rate(part, mine, missing=missing, response=response)]
        small = [str(r["level"]) for r in mine if not r["judged"]]
        if small:
            notes.append(f"{name}: too few responders or non-responders for an AUC in {_list(small)}.")
        if missing:
            notes.append(f"{name}: not known for {missing:,} patient{'' if missing == 1 else 's'}.")
    table = pl.DataFrame([{k: r[k] for k in SCHEMA} for r in rows], schema=SCHEMA).with_columns(
        pl.col(_F).fill_nan(None)
    )
    return table, _corrected(tests), tuple(notes)


def stratified_auc(score: Floats, response: Bools, strata: Sequence[object]) -> tuple[float, float, tuple[int, int]]:
    """AUC among pairs of the same stratum, its variance, and the responders and non-responders of the strata that count.

    Parameters
    ----------
    score, response, strata : (n,). A stratum with under two responders or two non-responders has no variance and does
        not count; nan where none counts. Weights: pairs of a stratum; variance: theirs squared on DeLong's.

    References
    ----------
    Janes & Pepe 2009, doi 10.1093/biomet/asp002.
    """
    keys = np.array([str(s) for s in strata])
    parts = []
    for key in dict.fromkeys(keys.tolist()):
        mine = keys == key
        m = int(response[mine].sum())
        others = int(mine.sum()) - m
        if min(m, others) >= 2:
            parts.append((*delong(score[mine], response[mine]), m, others))
    if not parts:
        return float("nan"), float("nan"), (0, 0)
    values, variances, hits, rest = (np.array(column, dtype=np.float64) for column in zip(*parts, strict=True))
    weight = hits * rest / (hits * rest).sum()
    return float((weight * values).sum()), float((weight**2 * variances).sum()), (int(hits.sum()), int(rest.sum()))


def heterogeneity(auc: Floats, variance: Floats) -> tuple[float, int, float]:
    """Cochran's Q of independent AUCs, its degrees of freedom and p value; nan with fewer than two usable ones.

    Parameters
    ----------
    auc, variance : (levels,); a level with a nan or zero variance is left out.
    """
    usable = np.isfinite(auc) & np.isfinite(variance) & (variance > 0)
    values, weight = auc[usable], 1 / variance[usable]
    df = values.size - 1
    if df < 1:
        return float("nan"), max(df, 0), float("nan")
    from scipy.special import chdtrc

    q = float((weight * (values - (weight * values).sum() / weight.sum()) ** 2).sum())
    return q, df, float(chdtrc(df, q))


def _level(
    part: pl.DataFrame, names: tuple[str, str, str], *, score: str, response: str, within: str | None
) -> dict[str, object]:
    """One row of the table, with the variance and the patients behind the AUC beside it."""
    variable, level, group = names
    observed = part[response].cast(pl.Boolean).to_numpy()
    n, m = part.height, int(observed.sum())
    values = part[score].cast(pl.Float64).to_numpy()
    low = high = value = variance = float("nan")
    note = ""
    if min(m, n - m) < FEWEST_OF_EACH:
        note = f"{words.count(m, 'responder')}, {words.count(n - m, 'non-responder')}: an AUC takes {FEWEST_OF_EACH} of each"
    else:
        strata = part[within].to_list() if within else [0] * n
        value, variance, used = stratified_auc(values, observed, strata)
        if min(used) >= FEWEST_OF_EACH:
            half = Z95 * np.sqrt(variance)
            low, high = max(0.0, value - half), min(1.0, value + half)
            note = (
                f"AUC from {sum(used):,} of {n:,} patients: their other cohorts are too small" if sum(used) < n else ""
            )
        else:
            value = variance = float("nan")
            note = f"too few of both kinds within a cohort: an AUC takes {FEWEST_OF_EACH} of each"
    rates = (
        response_rate(part, response=response).table.row(0, named=True)
        if n
        else {"rate": None, "ci_low": None, "ci_high": None}
    )
    return {
        "variable": variable, "group": group, "level": level, "n": n, "responders": m, "rate": rates["rate"],
        "rate_low": rates["ci_low"], "rate_high": rates["ci_high"], "auc": value, "ci_low": low, "ci_high": high,
        "judged": bool(np.isfinite(value)), "note": note, "variance": variance,
    }  # fmt: skip


def _test_auc(levels: list[dict[str, object]], missing: int) -> dict[str, object]:
    used = [r for r in levels if r["judged"]]
    auc, variance = (np.array([float(str(r[k])) for r in levels]) for k in ("auc", "variance"))
    q, df, p = heterogeneity(auc, variance)
    note = "" if np.isfinite(p) else "fewer than two levels have enough responders and non-responders"
    if used and np.isfinite(p) and any(not float(str(r["variance"])) > 0 for r in used):
        note = "a level whose AUC is 0 or 1 has no variance and is left out"
    return {
        "variable": levels[0]["variable"], "group": levels[0]["group"], "measure": "AUC", "test": "heterogeneity of AUC (chi-square)",
        "levels": df + 1 if np.isfinite(p) else len(used), "n": sum(int(str(r["n"])) for r in used), "n_missing": missing,
        "statistic": q, "df": df, "p_value": p, "note": note,
    }  # fmt: skip


def _test_rate(
    part: pl.DataFrame, levels: list[dict[str, object]], *, missing: int, response: str
) -> dict[str, object]:
    enough = [str(r["level"]) for r in levels if int(str(r["n"])) >= FEWEST]
    row: dict[str, object] = {
        "variable": levels[0]["variable"], "group": levels[0]["group"], "measure": "response rate", "test": "Fisher's exact test",
        "levels": len(enough), "n": 0, "n_missing": missing, "statistic": float("nan"), "df": 0, "p_value": float("nan"),
        "note": f"fewer than two levels have {FEWEST} patients",
    }  # fmt: skip
    if len(enough) < 2:
        return row
    test: Finding | None = response_rate(
        part.filter(pl.col("_level").is_in(enough)), by="_level", response=response
    ).test
    if test is None:
        return row
    return row | {
        "test": test.name, "n": test.n, "statistic": test.statistic, "df": len(enough) - 1, "p_value": test.p_value, "note": test.note,
    }  # fmt: skip


def _corrected(tests: list[dict[str, object]]) -> pl.DataFrame:
    """Tests with Holm's correction over the variables, each measure by itself."""
    from core.response.closer.compared import holm

    for measure in ("AUC", "response rate"):
        mine = [t for t in tests if t["measure"] == measure]
        for test, p in zip(mine, holm([float(str(t["p_value"])) for t in mine]), strict=True):
            test["p_holm"] = p
    return pl.DataFrame([{k: t[k] for k in TESTS} for t in tests], schema=TESTS).with_columns(pl.col(_F).fill_nan(None))


def _list(names: list[str]) -> str:
    shown = names[:6]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _elsewhere(store: Store, predictor: str) -> list[str]:
    found = store.sql(
        "SELECT study, sum(n) AS n FROM performance WHERE predictor = $p AND protocol <> 'in_sample' GROUP BY 1 ORDER BY 2 DESC, 1",
        {"p": predictor},
    )
    return list(found["study"])
