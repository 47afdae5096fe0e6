"""Performance: what a marker does at a cut that is fixed, on one table of patients, and what choosing the cut there would claim.

Altman 1994, doi 10.1093/jnci/86.11.829 (why a cut chosen on the patients it is tested on claims too much).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import CohortError, NotMeasured
from core.response.calibration import calibration
from core.response.confusion import Confusion, confusion
from core.response.roc import auc as auc_of
from core.survival.endpoint import Floats
from core.survival.hazard_ratio import hazard_ratio
from core.survival.kaplan_meier import kaplan_meier
from core.survival.logrank import logrank

POSITIVE, NEGATIVE = "marker-positive", "marker-negative"
SURVIVAL = ("os", "pfs")
MEASURES_SCHEMA = {
    "key": pl.String, "measure": pl.String, "estimate": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64,
    "n": pl.Int64,
}  # fmt: skip
SURVIVAL_SCHEMA = {
    "endpoint": pl.String, "n": pl.Int64, "events": pl.Int64, "hazard_ratio": pl.Float64, "ci_low": pl.Float64,
    "ci_high": pl.Float64, "p_value": pl.Float64, "logrank_p": pl.Float64, "median_positive": pl.Float64,
    "median_negative": pl.Float64, "note": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """A fixed cut on one table of patients.

    Attributes
    ----------
    cut, direction : 'high' = positive at or above the cut, 'low' = positive below it.
    n, positives, n_missing : patients with the marker, those called positive, those without the marker.
    cells : (tp, fp, fn, tn), or None where nobody's response is known.
    measures : key, measure, estimate, ci_low, ci_high, n; null = does not exist. Also the response rate of positives and
        negatives and the AUC of the uncut marker.
    survival : one row an endpoint that somebody has; hazard ratio of positive against negative (Cox, Efron), log-rank p,
        medians (months, null = not reached).
    calibration : slope, intercept, ece, brier, brier_null and n of a probability; empty where it is none.
    notes : what cannot be computed, and why.
    """

    cut: float
    direction: str
    n: int
    positives: int
    n_missing: int
    cells: tuple[int, int, int, int] | None
    measures: pl.DataFrame
    survival: pl.DataFrame
    calibration: Mapping[str, float | None]
    notes: tuple[str, ...] = ()

    def measure(self, key: str) -> tuple[float, float, float]:
        """Estimate and interval of one measure; nan where it does not exist."""
        row = self.measures.filter(pl.col("key") == key)
        if row.is_empty():
            return (float("nan"),) * 3
        values = row.select("estimate", "ci_low", "ci_high").row(0)
        return tuple(float("nan") if v is None else float(v) for v in values)  # type: ignore[return-value]

    def document(self) -> dict[str, Any]:
        """Everything as JSON can hold it; `performance_from` reads it back."""
        return {
            "cut": self.cut, "direction": self.direction, "n": self.n, "positives": self.positives,
            "n_missing": self.n_missing, "cells": None if self.cells is None else list(self.cells),
            "measures": self.measures.to_dicts(), "survival": self.survival.to_dicts(),
            "calibration": dict(self.calibration), "notes": list(self.notes),
        }  # fmt: skip


def performance_from(document: Mapping[str, Any]) -> Performance:
    """A performance read back from its document."""
    cells = document["cells"]
    return Performance(
        cut=document["cut"], direction=document["direction"], n=document["n"], positives=document["positives"],
        n_missing=document["n_missing"], cells=None if cells is None else (cells[0], cells[1], cells[2], cells[3]),
        measures=pl.DataFrame(document["measures"], schema=MEASURES_SCHEMA),
        survival=pl.DataFrame(document["survival"], schema=SURVIVAL_SCHEMA),
        calibration=document["calibration"], notes=tuple(document["notes"]),
    )  # fmt: skip


def positive(value: npt.ArrayLike, *, cut: float, direction: str) -> Floats:
    """Calls at a cut: 1 = positive, 0 = negative, nan = no finite value. `direction` 'high': at or above; 'low': below."""
    x = np.asarray(value, dtype=np.float64)
    above = x >= cut
    return np.where(~np.isfinite(x), np.nan, above if direction == "high" else ~above).astype(np.float64)


def performance(frame: pl.DataFrame, *, cut: float, direction: str = "high", probability: bool = False) -> Performance:
    """Everything that a fixed cut gives on a table of patients.

    Parameters
    ----------
    frame : one row a patient: value (float, null = unknown) and, where known, response (bool), os_months, os_event,
        pfs_months, pfs_event. cut : in the marker's unit. direction : 'high' or 'low'.
    probability : the value is a probability of response, so that it has a calibration.

    Estimands: as `core.response.confusion` (Wilson intervals), the hazard ratio of positive against negative patients
    (Cox, Efron), the AUC of the uncut marker in the direction of the cut (DeLong). The intervals hold for a cut that was
    fixed on other patients; on the patients it was chosen on they are too narrow and the estimates too good.

    Returns
    -------
    Performance
        nan or null with a note where an outcome, or a side of the cut, is empty.

    References
    ----------
    Wilson 1927, doi 10.1080/01621459.1927.10502953; DeLong 1988, doi 10.2307/2531595.
    """
    if not np.isfinite(cut):
        raise NotMeasured(f"the cut is {cut}, which divides nobody; give a finite number in the unit of the marker")
    values = frame["value"].cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
    called = positive(values, cut=cut, direction=direction)
    known = ~np.isnan(called)
    notes: list[str] = []
    rated = frame.filter(pl.Series(known))
    sided = rated.with_columns(
        pl.Series("score", values[known] if direction == "high" else -values[known]),
        pl.Series("called", called[known]),
        pl.Series("group", np.where(called[known] > 0.5, POSITIVE, NEGATIVE), dtype=pl.Enum([POSITIVE, NEGATIVE])),
    )
    n, positives = int(known.sum()), int(np.nansum(called))
    if n == 0:
        notes.append("no patient has the marker: nothing can be computed")
    elif positives in {0, n}:
        notes.append(f"every patient is marker-{'positive' if positives else 'negative'} at this cut: the other side is empty")
    table, measures = _response(sided, notes)
    return Performance(
        cut=float(cut), direction=direction, n=n, positives=positives, n_missing=int((~known).sum()),
        cells=None if table is None else (table.tp, table.fp, table.fn, table.tn), measures=measures,
        survival=_survival(sided), calibration=_calibration(sided, notes) if probability else {}, notes=tuple(notes),
    )  # fmt: skip


def _response(sided: pl.DataFrame, notes: list[str]) -> tuple[Confusion | None, pl.DataFrame]:
    rows: list[tuple[object, ...]] = []
    if "response" not in sided.columns or sided["response"].null_count() == sided.height:
        notes.append("the response of nobody here is known: no two-by-two table, no AUC")
        return None, pl.DataFrame(rows, schema=MEASURES_SCHEMA, orient="row")
    response = sided["response"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    table = confusion(sided["called"].to_numpy(), response, cut=0.5)
    if table.note:
        notes.append(table.note)
    return table, _measures(table, sided)


def _measures(table: Confusion, sided: pl.DataFrame) -> pl.DataFrame:
    tp, fp, fn, tn = table.tp, table.fp, table.fn, table.tn
    of = {
        "sensitivity": tp + fn, "specificity": fp + tn, "ppv": tp + fp, "npv": fn + tn, "lr_positive": table.n,
        "lr_negative": table.n, "youden": table.n, "accuracy": table.n, "prevalence": table.n, "positive_rate": table.n,
    }  # fmt: skip
    words = table.table()["measure"].to_list()
    keys = ("sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "youden", "accuracy", "prevalence", "positive_rate")
    rows = [(key, word, *getattr(table, key), of[key]) for key, word in zip(keys, words, strict=True)]
    ppv, npv = table.ppv, table.npv
    rows.append(("orr_positive", "Response rate, marker-positive", *ppv, tp + fp))
    rows.append(("orr_negative", "Response rate, marker-negative", 1 - npv.estimate, 1 - npv.ci_high, 1 - npv.ci_low, fn + tn))
    if table.n:
        found = auc_of(sided, score="score")
        low, high = found.ci95 or (np.nan, np.nan)
        rows.append(("auc", "AUC of the uncut marker", np.nan if found.effect is None else found.effect, low, high, found.n))
    frame = pl.DataFrame(rows, schema=MEASURES_SCHEMA, orient="row")
    return frame.with_columns(pl.col("estimate", "ci_low", "ci_high").fill_nan(None))


def _survival(sided: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for outcome in SURVIVAL:
        if f"{outcome}_months" not in sided.columns:
            continue
        try:
            ratio = hazard_ratio(sided, outcome=outcome, by="group")[0]
            test = logrank(sided, outcome=outcome, by="group")
            curves = {c.group: c.median for c in kaplan_meier(sided, outcome=outcome, by="group").curves}
        except CohortError:  # nobody has this endpoint
            continue
        low, high = ratio.ci95 or (np.nan, np.nan)
        rows.append(
            (outcome, ratio.n, ratio.events, ratio.effect, low, high, ratio.p_value, test.p_value, curves.get(POSITIVE), curves.get(NEGATIVE), ratio.note)
        )
    frame = pl.DataFrame(rows, schema=SURVIVAL_SCHEMA, orient="row")
    numbers = [name for name, dtype in SURVIVAL_SCHEMA.items() if dtype == pl.Float64]
    return frame.with_columns(pl.col(numbers).fill_nan(None))


def _calibration(sided: pl.DataFrame, notes: list[str]) -> dict[str, float | None]:
    try:
        found = calibration(sided, probability="value")
    except CohortError as error:
        notes.append(str(error))
        return {}
    numbers: dict[str, float | None] = {"n": found.n, "responders": found.responders, "ece": found.ece, "brier": found.brier, "brier_null": found.brier_null}
    for name, part in (("slope", found.slope), ("intercept", found.intercept)):
        low, high = part.ci95 or (np.nan, np.nan)
        numbers |= {name: part.effect, f"{name}_low": low, f"{name}_high": high}
    return {name: None if v is None or v != v else v for name, v in numbers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retuned:
    """What choosing the cut on the very patients it is judged on would have claimed: never to be reported.

    Attributes
    ----------
    cut, below : the cut, and the largest value under it. by : how it was chosen.
    performance : at that cut on the same patients. note : why there is none.
    """

    cut: float
    by: str
    performance: Performance | None
    note: str = ""


def retuned(frame: pl.DataFrame, *, direction: str, endpoint: str) -> Retuned:
    """The cut that looks best on these patients, and what it would claim; shown only as a warning.

    Parameters
    ----------
    frame : as `performance`. endpoint : 'response' (largest Youden's J) or 'os', 'pfs' (largest log-rank statistic in the
        marker's direction, cuts that leave a tenth of the patients on either side).

    References
    ----------
    Altman 1994, doi 10.1093/jnci/86.11.829.
    """
    value = frame["value"].cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
    if endpoint == "response":
        by = "largest Youden's J on these patients"
        response = frame["response"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        cut = best_youden(value, response, direction=direction)
    else:
        by = "largest log-rank statistic on these patients"
        cut = _best_logrank(frame, value, place=(direction, endpoint))
    if not np.isfinite(cut):
        return Retuned(cut=float("nan"), by=by, performance=None, note="no cut divides these patients")
    return Retuned(cut=cut, by=by, performance=performance(frame, cut=cut, direction=direction))


def best_youden(value: Floats, response: Floats, *, direction: str) -> float:
    """The cut with the largest Youden's J; the lowest of equals; nan where a class is empty or the marker constant.

    Youden 1950, doi 10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    known = ~np.isnan(value) & ~np.isnan(response)
    x, y = value[known], response[known] > 0.5
    cuts = np.unique(x)[1:]
    if not cuts.size or y.all() or not y.any():
        return float("nan")
    hits = [np.searchsorted(np.sort(x[side]), cuts, side="left") / side.sum() for side in (y, ~y)]
    j = hits[1] - hits[0]  # share of non-responders under the cut, less that of responders
    return float(cuts[int((j if direction == "high" else -j).argmax())])


def _best_logrank(frame: pl.DataFrame, value: Floats, *, place: tuple[str, str]) -> float:
    from core.markers.cutoff.curve import cutoff_curve

    direction, endpoint = place
    months = frame[f"{endpoint}_months"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    flag = frame[f"{endpoint}_event"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    try:
        table = cutoff_curve(value, time=months, event=flag).table
    except CohortError:
        return float("nan")
    better = pl.col("log_hr") < 0 if direction == "high" else pl.col("log_hr") > 0
    table = table.filter(better & pl.col("logrank").is_not_null() & pl.col("logrank").is_not_nan())
    return float(table["cut"][int(table["logrank"].arg_max() or 0)]) if table.height else float("nan")

