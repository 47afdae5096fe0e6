"""Effect of a rule: response and survival of the patients who fall in against the others, in each cohort and pooled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from core.cohort.provenance import names
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.finding import Finding
from core.pooling import Z95, Pooled, random_effects
from core.response import exact
from core.survival.cox import fit_cox
from core.survival.endpoint import endpoint
from core.survival.hazard_ratio import hazard_ratio
from core.survival.rank_tests import holm
from data.store import Store

LEAST = 3
"""Fewest patients inside, and outside, for an effect to be given."""
WOOLF = "10.1111/j.1469-1809.1955.tb01348.x"
COLUMNS = (
    "patient_id", "study", "cohort", "arm", "response", "response_definition", "os_months", "os_event", "entry_months",
)  # fmt: skip
_I, _F, _T, _B = pl.Int64, pl.Float64, pl.String, pl.Boolean
SCHEMA = {
    "study": _T, "label": _T, "home": _B, "n": _I, "n_missing": _I, "n_in": _I, "share_in": _F, "evaluable_in": _I, "responders_in": _I,
    "evaluable_out": _I, "responders_out": _I, "odds_ratio": _F, "or_low": _F, "or_high": _F, "or_p": _F, "response_pooled": _B,
    "response_note": _T, "os_n": _I, "deaths": _I, "hazard_ratio": _F, "hr_low": _F, "hr_high": _F, "hr_p": _F, "os_pooled": _B,
    "os_note": _T,
}  # fmt: skip
"""One row a study; null = not estimable, and the note says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A rule applied to cohorts.

    Attributes
    ----------
    table : SCHEMA. `home` marks the study that the rule comes from: in-sample, never pooled. `share_in` : of the sorted.
    response, os : log odds ratio and log hazard ratio, random effects over the pooled studies; None where fewer than
        one can be pooled. p_response, p_os : of them, Holm-corrected over the two endpoints. notes : for the caption.
    """

    table: pl.DataFrame
    response: Pooled | None
    os: Pooled | None
    p_response: float
    p_os: float
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What became of the rule, with its numbers."""
        away = self.table.filter(~pl.col("home"))
        inside, n = int(away["n_in"].sum()), int(away["n"].sum())
        head = f"Applied to {words.count(away.filter(pl.col('n') > 0).height, 'other cohort')}, {inside:,} of {n:,} patients fall in"
        parts = [
            _spoken("response", "odds ratio", self.response, p=self.p_response),
            _spoken("overall survival", "hazard ratio of death", self.os, p=self.p_os),
        ]
        return f"{head}: {'; '.join(parts)}."


def _spoken(what: str, measure: str, pooled: Pooled | None, *, p: float) -> str:
    if pooled is None:
        return f"{what} cannot be compared"
    low, high = math.exp(pooled.ci95[0]), math.exp(pooled.ci95[1])
    k = int(pooled.k)
    verdict = "holds" if p < 0.05 else "is not shown to differ"
    pool = "" if k > 1 else ", one cohort only"
    said = f"{measure} {words.ratio(math.exp(float(pooled.estimate)))} ({words.interval((low, high))}), {words.p(p)} corrected{pool}"
    return f"a difference in {what} {verdict} ({said})" if p < 0.05 else f"{what} {verdict} ({said})"


def moved(store: Store, calls: pl.DataFrame, *, studies: Sequence[str], home: str = "") -> Transfer:
    """Response and survival by a yes-or-no call.

    Parameters
    ----------
    calls : patient_id, inside (bool); patients without a call are missing. studies : in order. home : see `Transfer`.

    Estimands, per study: the odds ratio of response (CR or PR) of patients inside against outside, with Woolf's interval
    (0.5 added to every cell where one is empty) and Fisher's exact p; the hazard ratio of death, Cox (Efron), Wald,
    stratified by cohort where a study has several.
    Patients of a control arm are left out. Pooled: random effects (REML, Hartung-Knapp, never narrower than the sampling errors, see `cautious`) of the
    logs over the studies other than `home`, response only where it is RECIST. Null hypothesis: the mean log ratio is 0.

    Raises
    ------
    NotMeasured
        No patient of any of the studies has a call.

    References
    ----------
    Woolf 1955, doi 10.1111/j.1469-1809.1955.tb01348.x; Knapp & Hartung 2003, doi 10.1002/sim.1482.
    """
    chosen = ", ".join(COLUMNS)
    everyone = store.sql(f"SELECT {chosen} FROM patient WHERE study = ANY($s) ORDER BY rowid", {"s": list(studies)})
    frame = everyone.filter(pl.col("arm").fill_null("ICB") != "control").join(calls, on="patient_id", how="left", maintain_order="left")
    if frame["inside"].null_count() == frame.height:
        raise NotMeasured(
            f"no patient of {words.listing(list(studies)) or 'an empty list of studies'} has the features of this rule; "
            "choose cohorts with gene expression"
        )
    spoken = names(store.studies())
    rows = [{"study": s, "label": spoken.get(s, s), "home": s == home, **_row(frame.filter(pl.col("study") == s), home=s == home)} for s in studies]
    table = pl.DataFrame(rows, schema=SCHEMA)
    response = _pool(table.filter("response_pooled"), "odds_ratio", ("or_low", "or_high"))
    os = _pool(table.filter("os_pooled"), "hazard_ratio", ("hr_low", "hr_high"))
    raw = np.array([math.nan if p is None else float(p.p_value) for p in (response, os)])
    p_response, p_os = (float(p) for p in holm(raw))
    return Transfer(table=table, response=response, os=os, p_response=p_response, p_os=p_os, notes=_notes(table))


def _row(frame: pl.DataFrame, *, home: bool) -> dict[str, object]:
    known = frame.drop_nulls("inside")
    inside = int(known["inside"].sum())
    row: dict[str, object] = {
        "n": known.height, "n_missing": frame.height - known.height, "n_in": inside,
        "share_in": inside / known.height if known.height else None,
    }  # fmt: skip
    if not known.height:
        why = "the rule's features are not measured"
        return {**row, "response_pooled": False, "os_pooled": False, "response_note": why, "os_note": why}
    return {**row, **_response(known, home=home), **_survival(known, home=home)}


def _response(known: pl.DataFrame, *, home: bool) -> dict[str, object]:
    judged = known.drop_nulls("response")
    inner, outer = judged.filter("inside"), judged.filter(~pl.col("inside"))
    a, b = int(inner["response"].sum()), int(outer["response"].sum())
    c, d = inner.height - a, outer.height - b
    counts = {"evaluable_in": inner.height, "responders_in": a, "evaluable_out": outer.height, "responders_out": b}
    if not judged.height:
        return {**counts, "response_pooled": False, "response_note": "no RECIST response"}
    if min(inner.height, outer.height) < LEAST or not 0 < a + b < judged.height:
        why = "all alike" if not 0 < a + b < judged.height else f"fewer than {LEAST} evaluable {'inside' if inner.height < LEAST else 'outside'}"
        return {**counts, "response_pooled": False, "response_note": why}
    empty = min(a, b, c, d) == 0
    cells = np.array([a, c, b, d], dtype=np.float64) + (0.5 if empty else 0.0)
    log_odds = math.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    half = Z95 * math.sqrt(float((1 / cells).sum()))
    recist = str(judged["response_definition"].drop_nulls().first() or "RECIST").startswith("RECIST")
    note = "in-sample" if home else ("" if recist else "not RECIST")
    return {
        **counts, "odds_ratio": math.exp(log_odds), "or_low": math.exp(log_odds - half), "or_high": math.exp(log_odds + half),
        "or_p": exact.fisher(np.array([[a, c], [b, d]], dtype=np.int64)), "response_pooled": recist and not home,
        "response_note": "; ".join(filter(None, (note, "+0.5" if empty else ""))),
    }  # fmt: skip


def _survival(known: pl.DataFrame, *, home: bool) -> dict[str, object]:
    inner = int(known["inside"].sum())
    if min(inner, known.height - inner) < LEAST:
        side = "inside" if inner < LEAST else "outside"
        return {"os_pooled": False, "os_note": f"fewer than {LEAST} patients {side}"}
    try:
        found = hazard_ratio(known.with_columns(pl.col("inside").cast(pl.Boolean)), outcome="os", by="inside")[0]
        if known["cohort"].n_unique() > 1:
            found = _stratified(known, found)
    except TooFewPatients:
        return {"os_pooled": False, "os_note": "no overall survival"}
    row: dict[str, object] = {"os_n": found.n, "deaths": found.events}
    if found.effect is None or found.ci95 is None or math.isnan(found.effect):
        return {**row, "os_pooled": False, "os_note": found.note or "not estimable"}
    return {
        **row, "hazard_ratio": found.effect, "hr_low": found.ci95[0], "hr_high": found.ci95[1], "hr_p": found.p_value,
        "os_pooled": not home, "os_note": "in-sample" if home else "",
    }  # fmt: skip


def _stratified(known: pl.DataFrame, crude: Finding) -> Finding:
    """The hazard ratio with a baseline hazard of its own for each cohort of the study; n and events as in the crude one."""
    data = endpoint(known, "os")
    inside = known["inside"].to_numpy()[data.rows].astype(np.float64)[:, None]
    strata = np.unique(known["cohort"].to_numpy()[data.rows], return_inverse=True)[1].astype(np.int64)
    fit = fit_cox(data.time, data.event, inside, entry=data.entry, strata=strata)
    if not fit.estimable[0]:
        return replace(crude, effect=math.nan, note="not estimable within cohorts")
    beta, se = float(fit.beta[0]), math.sqrt(float(fit.covariance[0, 0]))
    return replace(
        crude, effect=math.exp(beta), ci95=(math.exp(beta - Z95 * se), math.exp(beta + Z95 * se)), statistic=beta / se,
        p_value=math.erfc(abs(beta / se) / math.sqrt(2)),
    )  # fmt: skip


def _pool(rows: pl.DataFrame, value: str, ends: tuple[str, str]) -> Pooled | None:
    if rows.is_empty():
        return None
    low, high = (np.log(rows[name].to_numpy()) for name in ends)
    return cautious(random_effects(np.log(rows[value].to_numpy()), (high - low) / (2 * Z95)))


def cautious(pooled: Pooled) -> Pooled:
    """The pooled effect of one set with an interval no narrower than the cohorts' sampling errors make it.

    Few small cohorts that agree by chance give a Hartung-Knapp interval that is far too narrow: the larger of its standard
    error and the model's is used, with the same t distribution (Roever 2015, doi 10.1186/s12874-015-0091-1).
    """
    from scipy.special import stdtr, stdtrit

    k = int(pooled.k)
    if k < 2:
        return pooled
    estimate, se = float(pooled.estimate), max(float(pooled.se), float(pooled.se_model))
    half = float(stdtrit(k - 1, 0.975)) * se
    ahead = float(stdtrit(k - 1, 0.975)) * math.sqrt(float(pooled.tau2) + se**2)
    return replace(
        pooled, se=np.asarray(se), ci95=np.array([estimate - half, estimate + half]), note="",
        p_value=np.asarray(2 * float(stdtr(k - 1, -abs(estimate) / se))), prediction_interval=np.array([estimate - ahead, estimate + ahead]),
    )  # fmt: skip


def _notes(table: pl.DataFrame) -> tuple[str, ...]:
    found = []
    if table["home"].any():
        found.append("The cohort that the rule comes from is in-sample: shown, not pooled.")
    spoken = [str(note) for note in table["response_note"].drop_nulls()]
    if any("not RECIST" in note for note in spoken):
        found.append("A study that reports clinical benefit instead of RECIST is shown, not pooled.")
    if any("+0.5" in note for note in spoken):
        found.append("+0.5: added to every cell, as one was empty.")
    missing = int(table["n_missing"].sum())
    if missing:
        found.append(f"{words.count(missing, 'patient')} without the rule's features left out.")
    for measured, what in (("response_pooled", "response"), ("os_pooled", "survival")):
        k = int(table[measured].sum())
        if 0 < k < 5:
            found.append(f"With {words.count(k, 'cohort')} the spread of the {what} effect between cohorts is poorly known.")
    return tuple(found)
