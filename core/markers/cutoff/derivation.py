"""Derivation: a cut chosen on one cohort, with everything that is known about how it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import describe, titles
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.figures import words
from core.markers import marker as markers
from core.markers.cutoff.curve import CutoffCurve, curve_of
from core.markers.cutoff.maxstat import RESAMPLES as ORDERS
from core.markers.cutoff.maxstat import MaxStat, maximal_youden, selected
from core.markers.cutoff.optimism import RESAMPLES, Optimism, optimism_of
from core.markers.cutoff.spline import SplineEffect, spline_of
from core.markers.cutoff.usable import FEWEST, Usable, candidates, usable, why_no_cut
from core.survival.endpoint import Floats
from data.schema import ENDPOINTS as SURVIVAL_LABELS
from data.schema import PATIENT
from data.store import Store

Rule = Literal["youden", "maxstat", "median", "given"]
RULES: Mapping[str, str] = {
    "youden": "largest Youden index",
    "maxstat": "largest statistic of all cuts",
    "median": "median of the marker",
    "given": "a cut fixed beforehand",
}
ENDPOINTS: Mapping[str, str] = {"response": "Response", "os": SURVIVAL_LABELS["os"], "pfs": SURVIVAL_LABELS["pfs"]}
DIRECTIONS: Mapping[str, str] = {"high": "at or above the cut", "low": "below the cut"}
SPAN = (0.1, 0.9)
COLUMNS = (
    "patient_id",
    "study",
    "cohort",
    "response",
    "os_months",
    "os_event",
    "pfs_months",
    "pfs_event",
    "arm",
    "drug_class",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """A cut and how it was found; see `derive`.

    Attributes
    ----------
    marker, label, unit : the marker's address, words and unit. endpoint : 'response', 'os' or 'pfs'. rule : key of RULES.
    direction : 'high' (positive = at or above the cut) or 'low' (positive = below the cut).
    cut : an observed value (as given, for 'given'); a patient at the cut is in the upper group. below : the largest
        value seen under it. cut_ci : 95% bootstrap percentiles.
    query : the derivation cohort. cohort : it in words. n, n_missing : patients used and left out. events : deaths,
        progressions or responders among them. positives : marker-positive patients. n_cuts : cuts that were looked at.
    p_corrected : p value of the marker's best cut, corrected for the search (of the largest Youden index under
        'youden'); nan for a median or a given cut, which is not searched: then `p_uncorrected` is its p value.
    at_cut : the row of the curve's table at the cut. patients : patient_id, study, cohort, value, positive of the n used.
    in_sample : some values are a predictor's scores of patients that trained it. notes : what a reader must know.
    curve, selected, optimism, spline : the parts.
    """

    marker: str
    label: str
    unit: str
    endpoint: str
    rule: str
    direction: str
    cut: float
    below: float | None
    cut_ci: tuple[float, float]
    query: CohortQuery
    cohort: str
    n: int
    n_missing: int
    events: int
    positives: int
    n_cuts: int
    p_corrected: float
    p_uncorrected: float
    p_method: str
    at_cut: Mapping[str, float | int | None]
    patients: pl.DataFrame
    in_sample: bool
    notes: tuple[str, ...]
    curve: CutoffCurve
    selected: MaxStat
    optimism: Optimism
    spline: SplineEffect
    seed: int


def derive(
    store: Store,
    query: CohortQuery,
    *,
    marker: str,
    endpoint: str = "response",
    rule: str = "youden",
    direction: str = "high",
    cut: float | None = None,
    seed: int = 1,
) -> Derivation:
    """Choose a cut of a marker on a derivation cohort, and say what the choice is worth.

    Parameters
    ----------
    query : the derivation cohort; patients known to have had no immune checkpoint blockade are left out where others had
        it. marker : address, such as "clinical:tmb_per_mb". endpoint : 'response', 'os' or 'pfs' (months).
    rule : 'youden' (largest Youden index in `direction`, response only), 'maxstat' (largest standardised log-rank or
        chi-square statistic), 'median', or 'given' with `cut`. direction : 'high', positive at or above the cut; 'low',
        positive below it. seed : of permutations and bootstrap.

    Estimand: the cut that the rule would pick in the population, with what it shows there (optimism-corrected). Null
    hypothesis of the corrected p: the marker is independent of the endpoint, at whatever cut.

    Raises
    ------
    UnknownName
        There is no such marker, endpoint, rule or direction; the Youden index without a response; 'given' without a cut.
    NotMeasured, EmptyCohort, TooFewPatients
        Nobody has the marker or the endpoint; the marker cannot be cut (constant, too few patients, an empty side).

    References
    ----------
    Altman 1994, doi 10.1093/jnci/86.11.829; Hothorn & Lausen 2003, doi 10.1016/S0167-9473(02)00225-6.
    """
    check(endpoint, rule, direction)
    measured = markers.values(store, query, marker, in_sample=True).select("patient_id", "value", "protocol")
    people = cohort_frame.patients(
        store, query, columns=[*COLUMNS, *(c for c in ("entry_months",) if c in PATIENT.dtypes)]
    )
    frame = people.join(measured, on="patient_id", how="left", maintain_order="left")
    frame, notes = _treated(frame)
    if "entry_months" in frame.columns and frame["entry_months"].null_count() < frame.height:
        notes.append("late entry is not taken into account in the search: everyone counts as observed from the start")
    return derived(
        frame, query=query, marker=marker, endpoint=endpoint, rule=rule, direction=direction, cut=cut, seed=seed, notes=notes,
        cohort=describe(query, titles(store)),
    )  # fmt: skip


def check(endpoint: str, rule: str, direction: str) -> None:
    """Refuse an endpoint, rule or direction that does not exist, or that do not go together.

    Raises
    ------
    UnknownName
        The message names what there is.
    """
    for value, known, what in (
        (endpoint, ENDPOINTS, "endpoint"), (rule, RULES, "rule"), (direction, DIRECTIONS, "direction"),
    ):  # fmt: skip
        if value not in known:
            raise UnknownName(f"there is no {what} '{value}'; choose one of {', '.join(known)}")
    if rule == "youden" and endpoint != "response":
        raise UnknownName(
            f"the Youden index needs a response, not {ENDPOINTS[endpoint].lower()}; choose the largest statistic or the "
            "endpoint response"
        )


def derived(
    frame: pl.DataFrame,
    *,
    query: CohortQuery,
    marker: str,
    endpoint: str,
    rule: str,
    direction: str = "high",
    cut: float | None = None,
    seed: int = 1,
    notes: list[str] | None = None,
    cohort: str = "",
    resamples: int = RESAMPLES,
    orders: int = ORDERS,
) -> Derivation:
    """`derive` on a table of patients.

    Parameters
    ----------
    frame : patient_id, study, cohort, value, protocol, response and `<endpoint>_months`, `<endpoint>_event`; null =
        unknown. Where response is the endpoint, overall survival is shown beside it for those who have it, and the other
        way round. resamples : of the bootstrap. orders : of the permutation p.

    Raises
    ------
    UnknownName, NotMeasured, TooFewPatients
        As `derive`.
    """
    check(endpoint, rule, direction)
    survival = "os" if endpoint == "response" else endpoint
    label = markers.label(marker)
    data = _usable(frame, survival=survival, endpoint=endpoint, label=label)
    best = selected(data, span=SPAN, resamples=orders if data.primary == "survival" else min(orders, 999), seed=seed)
    place, shown = _chosen(data, best, how=(rule, direction, label), cut=cut)
    row = curve_of(data, np.array([shown]), np.array([place])).table.row(0, named=True)
    curve = curve_of(data, *candidates(data.marker, minprop=SPAN[0], maxprop=SPAN[1]), span=SPAN)
    moved = optimism_of(data, rule=rule, direction=direction, cut=shown, resamples=resamples, seed=seed, span=SPAN)
    used = frame[data.rows]
    positive = pl.col("value") >= shown if direction == "high" else pl.col("value") < shown
    patients = used.select("patient_id", "study", "cohort", "value", positive.alias("positive"))
    corrected, plain, method = _p(data, best, (rule, direction), row=row)
    trained = (
        used["protocol"].eq("in_sample").fill_null(value=False) if "protocol" in used.columns else pl.Series([False])
    )
    said = [*(notes or []), *data.notes, *_said((label, rule, direction, endpoint), data, row)]
    if trained.any():
        said.append(
            f"{label} was trained on {words.count(int(trained.sum()), 'patient')} of this cohort: its values there are in-sample"
        )
    return Derivation(
        marker=marker, label=label, unit=markers.unit(marker), endpoint=endpoint, rule=rule, direction=direction, cut=shown,
        below=row["below"], cut_ci=moved.cut_ci, query=query, cohort=cohort or query.describe(), n=data.n,
        n_missing=data.n_missing, events=int(data.event.sum() if data.primary == "survival" else data.response.sum()),
        positives=int(patients["positive"].sum()), n_cuts=best.n_cuts, p_corrected=corrected, p_uncorrected=plain,
        p_method=method, at_cut=row, patients=patients, in_sample=bool(trained.any()), notes=tuple(said), curve=curve, selected=best,
        optimism=moved, spline=spline_of(data), seed=seed,
    )  # fmt: skip


def _treated(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Patients who had checkpoint blockade, where some had it and others are known not to; and what to say."""
    from core.response.predicted import treated, untreated

    none = frame.filter(untreated()).height
    if none == 0:
        return frame, []
    if frame.filter(treated()).is_empty():
        return frame, ["nobody here had immune checkpoint blockade: the cut separates prognosis, not benefit"]
    return frame.filter(~untreated()), [
        f"{words.count(none, 'patient')} without immune checkpoint blockade {'is' if none == 1 else 'are'} left out"
    ]


def _usable(frame: pl.DataFrame, *, survival: str, endpoint: str, label: str) -> Usable:
    def column(name: str) -> Floats | None:
        if name not in frame.columns:
            return None
        return frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

    value = column("value")
    if value is None or not np.isfinite(value).any():
        raise NotMeasured(f"{label} is not known for any patient; choose another marker or cohort")
    time, event, response = column(f"{survival}_months"), column(f"{survival}_event"), column("response")
    if (response if endpoint == "response" else time) is None:
        raise NotMeasured(f"this cohort has no {ENDPOINTS[endpoint].lower()}; choose a study that reports it")
    if time is None or event is None:
        time = event = None
    try:
        return usable(
            value,
            time=time,
            event=event,
            response=response,
            primary="response" if endpoint == "response" else "survival",
        )
    except TooFewPatients as error:
        raise TooFewPatients(
            f"no patient has both {words.inside(label)} and {'an evaluable response' if endpoint == 'response' else ENDPOINTS[endpoint].lower()}; "
            "choose another endpoint, marker or cohort"
        ) from error


def _chosen(data: Usable, best: MaxStat, *, how: tuple[str, str, str], cut: float | None) -> tuple[int, float]:
    """Patients below the cut, and the cut."""
    rule, direction, label = how
    values = np.sort(data.marker)
    if rule == "given":
        if cut is None or not np.isfinite(cut):
            raise UnknownName("a given cut needs a number to cut at, for example 10")
        place = int(np.searchsorted(values, cut, side="left"))
        if place in {0, data.n}:
            side = "at or above" if place == 0 else "below"
            raise TooFewPatients(
                f"{label} cannot be cut at {cut:g}: every patient is {side} it (range {values[0]:g} to {values[-1]:g})"
            )
        return place, float(cut)
    if data.n < FEWEST:
        raise TooFewPatients(
            f"{words.count(data.n, 'patient')} with {words.inside(label)} and the endpoint are too few to choose a cut; relax a filter or pool cohorts"
        )
    found = best.cut
    if rule != "maxstat":
        found = optimism_of(data, rule=rule, direction=direction, resamples=0, span=SPAN).cut
    if not np.isfinite(found):
        reason = best.note or why_no_cut(data.marker)
        raise TooFewPatients(
            f"no cut of {words.inside(label)} can be chosen: {reason}; choose another marker, endpoint or cohort"
        )
    return int(np.searchsorted(values, found, side="left")), float(found)


def _p(data: Usable, best: MaxStat, how: tuple[str, str], *, row: Mapping[str, float | None]) -> tuple[float, float, str]:
    """Corrected p, uncorrected p, and how the first is corrected."""
    rule, direction = how
    if rule == "youden":
        _, _, p = maximal_youden(data, span=SPAN, direction=direction)
        return p, _fisher(row), "exact conditional distribution of the largest Youden index"
    if rule == "maxstat":
        return best.p_value, best.p_uncorrected, best.method
    if data.primary == "survival":
        plain = row["p_uncorrected"]
        return np.nan, np.nan if plain is None else plain, "log-rank test at a cut that was not searched for"
    return np.nan, _fisher(row), "Fisher's exact test at a cut that was not searched for"


def _fisher(row: Mapping[str, float | None]) -> float:
    from core.response.exact import fisher

    hits = [int(row[f"responders_{side}"] or 0) for side in ("high", "low")]
    others = [int(row[f"evaluable_{side}"] or 0) - k for side, k in zip(("high", "low"), hits, strict=True)]
    return fisher(np.array([hits, others], dtype=np.int64))


def _said(how: tuple[str, str, str, str], data: Usable, row: Mapping[str, float | None]) -> list[str]:
    """What a reader must know of the cut."""
    label, rule, direction, endpoint = how
    notes = []
    if np.unique(data.marker).size == 2:
        notes.append(f"{label} has two values only: there is one cut and nothing is searched")
    effect = row["youden"] if endpoint == "response" else -float(row["log_hr"] or 0.0)
    if effect is not None and (effect < 0) == (direction == "high") and effect != 0:
        side = "at or above" if direction == "high" else "below"
        notes.append(f"patients {side} the cut do worse here: the data point the other way than the chosen direction")
    if rule in {"youden", "maxstat"}:
        notes.append(
            "numbers at the cut are those of the patients it was searched on, and flatter it; the corrected ones flatter it less, "
            "but a bootstrap takes only about two thirds of a search's optimism away: other patients decide"
        )
    return notes


def derivation_charts(
    store: Store,
    query: CohortQuery,
    *,
    marker: str,
    endpoint: str = "response",
    rule: str = "youden",
    direction: str = "high",
    cut: float | None = None,
    seed: int = 1,
) -> Answer:
    """See `core.markers.cutoff.derivation_answer.derivation_charts`; the figures are loaded when they are asked for."""
    from core.markers.cutoff import derivation_answer

    return derivation_answer.derivation_charts(
        store, query, marker=marker, endpoint=endpoint, rule=rule, direction=direction, cut=cut, seed=seed
    )
