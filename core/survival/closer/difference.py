"""Difference: the test and the hazard ratios of a comparison, stratified where that is asked for, and every pair of groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from core.errors import UnknownName
from core.figures import words
from core.finding import Finding
from core.groups import groups
from core.survival import rank_tests
from core.survival.closer.compared import Compared
from core.survival.cox_model import cox_model
from core.survival.endpoint import endpoint
from core.survival.hazard_ratio import hazard_ratio

KINDS: Mapping[str, str] = {
    "logrank": "Log-rank", "gehan": "Gehan-Wilcoxon", "tarone_ware": "Tarone-Ware", "peto": "Peto-Peto",
    "fleming_harrington": "Fleming-Harrington",
}  # fmt: skip
"""Tests of equal survival, as a control names them; they differ in the weight that early and late events have."""
WEIGHTS: Mapping[str, str] = {
    "gehan": "Gehan-Wilcoxon weighs events by the number at risk: early differences count most.",
    "tarone_ware": "Tarone-Ware weighs events by the root of the number at risk: early differences count more.",
    "peto": "Peto-Peto weighs events by the pooled survival: early differences count more, whatever the censoring.",
    "fleming_harrington": "Fleming-Harrington with rho 0 and gamma 1 weighs events by one minus the pooled survival: late differences count most.",
}
ONE_TEST = "Another test than the log-rank was chosen: choose a test before looking at the curves, not after."


def difference(found: Compared, *, kind: str = "logrank", strata: str = "") -> Finding:
    """The test over all groups, stratified by a column if given; nan with a note where nothing can be compared.

    Raises
    ------
    UnknownName
        There is no such test.
    TooFewPatients
        Nobody has the endpoint, a group and a stratum.
    """
    if kind not in KINDS:
        raise UnknownName(f"there is no test '{kind}'; choose one of {', '.join(KINDS)}")
    shown = found.shown.drop_nulls(strata) if strata else found.shown
    data, grouping = endpoint(shown, found.endpoint), groups(shown, "group")
    codes = np.unique(grouping.codes[data.rows], return_inverse=True)[1].astype(np.int64)
    layers = groups(shown, strata).codes[data.rows] if strata else None
    test = rank_tests.rank_test(data.time, data.event, codes, kind=kind, strata=layers, entry=data.entry)
    name = f"{rank_tests.KINDS[kind]}, stratified by {words.column(strata)}" if strata else rank_tests.KINDS[kind]
    note = test.note or f"chi-square, {test.df} {'degree' if test.df == 1 else 'degrees'} of freedom"
    if test.note and len(found.labels) == 1:
        note = f"all patients are in one group ({found.labels[0]}): nothing to compare"
    if test.note and strata and not _mixed(shown, strata):
        note = f"each {words.column(strata)} holds one group only, so nothing can be compared within it; stratify by something else"
    return Finding(
        name=name, statistic=test.statistic, p_value=test.p_value, effect=None, ci95=None, n=int(data.time.size),
        n_missing=found.shown.height - int(data.time.size), events=int(data.event.sum()), note=note,
        reference=rank_tests.REFERENCES[kind],
    )  # fmt: skip


def _mixed(shown: pl.DataFrame, strata: str) -> bool:
    """Whether some stratum has patients of two groups."""
    return bool((shown.group_by(strata).agg(pl.col("group").n_unique())["group"] > 1).any())


def ratios(found: Compared, *, strata: str = "") -> list[Finding]:
    """Hazard ratio of every group against the reference, stratified by a column if given."""
    base = reference(found)
    plain = hazard_ratio(found.frame, outcome=found.endpoint, by="group", reference=base)
    if not strata or base is None or len(found.labels) < 2:
        return plain
    model = cox_model(found.shown, outcome=found.endpoint, covariates=["group"], strata=strata, reference={"group": base}, penalised=False)
    rows = {row["level"]: row for row in model.table.iter_rows(named=True)}
    nan = float("nan")
    results = []
    for one in plain:
        row = rows.get(one.name.partition(": ")[2].partition(" against ")[0], {})
        value, low, high, p = (nan if row.get(k) is None else row[k] for k in ("hazard_ratio", "ci_low", "ci_high", "p_value"))
        results.append(
            Finding(
                name=one.name, statistic=nan if row.get("z") is None else row["z"], p_value=p, effect=value, ci95=(low, high), n=model.n,
                n_missing=one.n + one.n_missing - model.n, events=model.events, note=row.get("note") or "", reference=one.reference,
            )
        )  # fmt: skip
    return results


def reference(found: Compared) -> str | None:
    """The group that the others are compared with: the comparison's own, or the largest with an event where that has none."""
    dying = found.shown.filter(pl.col(f"{found.endpoint}_event")).group_by(pl.col("group").cast(pl.String)).len().sort("len", "group")
    if dying.is_empty():
        return found.reference if found.reference in found.labels else None
    return found.reference if found.reference in set(dying["group"]) else str(dying["group"][-1])


def pairs(found: Compared, *, kind: str = "logrank", strata: str = "") -> pl.DataFrame:
    """Every pair of groups in words: comparison, n, p, p_holm (Holm's correction over the pairs); empty for two groups or fewer."""
    schema = {"comparison": pl.String, "n": pl.Int64, "p": pl.String, "p_holm": pl.String}
    if len(found.labels) < 3:
        return pl.DataFrame(schema=schema)
    table = rank_tests.pairwise(found.shown, outcome=found.endpoint, by="group", kind=kind, strata=strata or None)
    rows = [
        (f"{row['a']} and {row['b']}", row["n"], words.p(row["p_value"]).removeprefix("p "), words.p(row["p_holm"]).removeprefix("p "))
        for row in table.iter_rows(named=True)
    ]
    return pl.DataFrame([(a, n, _bare(p), _bare(q)) for a, n, p, q in rows], schema=schema, orient="row")


def _bare(p: str) -> str:
    """A p value in a column of p values: without its letter and sign of equality."""
    return p.removeprefix("= ")
