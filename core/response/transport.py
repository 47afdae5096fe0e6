"""Transport: one predictor on every cohort, pooled by random effects, and how its calibration shifts between them.

Debray 2017, doi 10.1136/bmj.i6460; Snell 2018, doi 10.1177/0962280217705678; pooling: `core.pooling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from core.cohort.provenance import names
from core.errors import NotMeasured, UnknownName
from core.finding import Finding
from core.pooling import Pooled, random_effects
from core.response.calibration import calibrate
from core.response.leaderboard import PROTOCOL_LABELS
from core.response.outcome import Bools, Floats
from core.response.predicted import untreated
from core.response.roc import curve, delong
from core.response.sharing import sharing
from core.survival.kaplan_meier import Z95
from data.schema import PROTOCOLS
from data.store import Store
from models import MODULES, card

Measure = Literal["auc", "intercept", "slope", "observed_expected"]
REFERENCE = "10.1136/bmj.i6460"
MEASURES: dict[Measure, str] = {
    "auc": "AUC",
    "intercept": "calibration in the large",
    "slope": "calibration slope",
    "observed_expected": "observed to expected responders",
}
MATCHED = ("intercept", "observed_expected")
"""Measures that a model cross-fitted within the cohort meets by construction: shown, not pooled as a shift."""
_F = pl.Float64
SCHEMA = {
    "protocol": pl.String, "group": pl.String, "study": pl.String, "cohort": pl.String, "label": pl.String, "synthetic": pl.Boolean,
    "n": pl.Int64, "n_missing": pl.Int64, "responders": pl.Int64, "auc": _F, "variance": _F, "ci_low": _F, "ci_high": _F,
    "intercept": _F, "intercept_se": _F, "intercept_low": _F, "intercept_high": _F, "slope": _F, "slope_se": _F, "slope_low": _F,
    "slope_high": _F, "observed_expected": _F, "observed_expected_low": _F, "observed_expected_high": _F, "brier": _F,
    "brier_null": _F, "detail": pl.String, "apart": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One measure of one protocol, pooled over its cohorts, back on the natural scale.

    Attributes
    ----------
    protocol, measure : what. estimate, ci95 : random-effects mean with its Hartung-Knapp interval.
    prediction_interval : where the value of a further cohort like these lies; nan with one cohort.
    pooled : everything on the scale of pooling (logit AUC; intercept and slope as they are; log observed to expected).
    k : cohorts pooled. left_out : cohorts of the protocol that could not be pooled. n : patients pooled.
    """

    protocol: str
    measure: Measure
    estimate: float
    ci95: tuple[float, float]
    prediction_interval: tuple[float, float]
    pooled: Pooled
    k: int
    left_out: int
    n: int

    @property
    def tau2(self) -> float:
        """Variance between cohorts on the scale of pooling."""
        return float(self.pooled.tau2)

    @property
    def i2(self) -> float:
        """Share of the variance that lies between cohorts, 0 to 1."""
        return float(self.pooled.i2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """A predictor over all cohorts.

    Attributes
    ----------
    predictor, label : which. probability : its value is a chance of response, so that calibration was judged.
    table : one row a protocol and cohort (SCHEMA; `apart` = shown, but outside the pool, because the cohort seems to
        share patients with those that trained the predictor): AUC with DeLong variance and interval; for a probability the
        calibration intercept, slope and observed-to-expected ratio with intervals (null = does not exist).
    summaries : per protocol and measure. in_sample : patients that were left out because they trained the predictor.
    notes : what a caption must say.
    """

    predictor: str
    label: str
    probability: bool
    table: pl.DataFrame
    summaries: tuple[Summary, ...]
    in_sample: int
    notes: tuple[str, ...]

    def summary(self, protocol: str, measure: Measure = "auc") -> Summary | None:
        """The pooled row of a protocol and measure, where there is one."""
        return next((s for s in self.summaries if (s.protocol, s.measure) == (protocol, measure)), None)


def transport(store: Store, predictor: str) -> Transport:
    """One predictor's discrimination and calibration on every cohort that has its out-of-sample score.

    Judged are patients with a known response who had ICB. Protocols are kept apart and never pooled with each other;
    scores of patients who trained the predictor never enter. Synthetic cohorts enter where no published one does.

    Estimand of a summary: the mean over cohorts like these of the true AUC (pooled as logit), calibration intercept,
    slope, or log ratio of observed to expected responders. Null hypothesis of `pooled.p_heterogeneity`: the cohorts
    share one value. A cohort that seems to share patients with the training cohorts (`core.response.sharing`) is not
    out-of-sample: it is shown, marked, and not pooled. A cohort without a standard error (one class under two patients, AUC 0 or 1) is shown, not pooled.

    Raises
    ------
    UnknownName
        `models` lists no such predictor.
    NotMeasured
        No cohort has a response and an out-of-sample score of it.

    References
    ----------
    Debray 2017, doi 10.1136/bmj.i6460; Knapp & Hartung 2003, doi 10.1002/sim.1482.
    """
    if predictor not in MODULES:
        raise UnknownName(f"there is no predictor '{predictor}'; there are {', '.join(MODULES)}")
    about = card(predictor)
    rows = _scored(store, predictor)
    if rows.is_empty():
        raise NotMeasured(f"no cohort has a response and an out-of-sample {about.label}; choose another predictor")
    probable = about.kind == "probability"
    sizes = _judged(store)
    known = names(store.studies())
    cohorts = rows.select("study", "cohort").unique()["study"].value_counts()
    several = {study: n > 1 for study, n in cohorts.iter_rows()}
    apart = {(one.study, one.cohort, protocol) for protocol, mine in _by_protocol(rows) for one in sharing(store, mine) if one.shares}
    found = []
    for (protocol, study, cohort), part in rows.group_by("protocol", "study", "cohort", maintain_order=True):
        row = _row(part, probable=probable)
        title = known.get(str(study), str(study))
        found.append(
            {
                "protocol": protocol, "group": PROTOCOL_LABELS.get(str(protocol), str(protocol)), "study": study, "cohort": cohort,
                "label": f"{title}, {cohort}" if several[str(study)] else title, "synthetic": part["synthetic"][0],
                "n_missing": sizes.get((str(study), str(cohort)), part.height) - int(str(row["n"])), **row,
                "apart": (study, cohort, protocol) in apart,
            }
        )  # fmt: skip
    table = pl.DataFrame(found, schema=SCHEMA).with_columns(pl.col(_F).fill_nan(None))
    measures: tuple[Measure, ...] = tuple(MEASURES) if probable else ("auc",)
    protocols = [p for p in PROTOCOLS if p in set(table["protocol"])]
    summaries = [
        _summary(table.filter((pl.col("protocol") == p) & ~pl.col("apart")), p, measure)
        for p in protocols
        for measure in measures
        if not (p == "out_of_fold" and measure in MATCHED)
    ]
    trained = store.sql(
        """SELECT count(DISTINCT p.patient_id) AS n FROM prediction p JOIN patient q USING (patient_id)
           WHERE p.predictor = $p AND p.protocol = 'in_sample' AND p.score IS NOT NULL AND q.response IS NOT NULL""",
        {"p": predictor},
    )["n"][0]
    return Transport(
        predictor=predictor, label=about.label, probability=probable, table=table,
        summaries=tuple(s for s in summaries if s.k), in_sample=int(trained), notes=(*_apart(table), *_notes(about.label, summaries, trained=int(trained))),
    )  # fmt: skip


def pool(estimate: Floats, se: Floats, *, measure: Measure) -> tuple[Pooled, tuple[float, ...]]:
    """Pool one measure over cohorts on its scale of pooling.

    Parameters
    ----------
    estimate, se : (cohorts,) on the natural scale; the standard error of `observed_expected` is that of its logarithm.

    Returns
    -------
    pooled, and (estimate, ci_low, ci_high, prediction_low, prediction_high) back on the natural scale.
    """
    if measure == "auc":
        inside = (estimate > 0) & (estimate < 1)
        safe = np.where(inside, estimate, 0.5)
        scaled = np.where(inside, np.log(safe / (1 - safe)), np.nan)
        found = random_effects(scaled, np.where(inside, se / (safe * (1 - safe)), np.nan))
    elif measure == "observed_expected":
        found = random_effects(np.log(np.where(estimate > 0, estimate, np.nan)), se)
    else:
        found = random_effects(estimate, se)
    ends = np.array([found.estimate, *found.ci95, *found.prediction_interval])
    if measure == "auc":
        ends = 1 / (1 + np.exp(-np.clip(ends, -500, 500)))
    elif measure == "observed_expected":
        ends = np.exp(np.clip(ends, -500, 500))
    return found, tuple(float(x) for x in ends)


def _scored(store: Store, predictor: str) -> pl.DataFrame:
    """Out-of-sample scores of judged patients, in the order of protocols, studies and cohorts."""
    rows = store.sql(
        """SELECT p.patient_id, p.trained_on, p.protocol, p.study, p.cohort, p.score, p.probability, q.response, q.arm, q.drug_class,
                  coalesce(s.synthetic, false) AS synthetic, s.rowid AS place
           FROM prediction p JOIN patient q USING (patient_id) LEFT JOIN study s ON s.study = p.study
           WHERE p.predictor = $p AND p.protocol <> 'in_sample' AND p.score IS NOT NULL AND q.response IS NOT NULL
           ORDER BY s.rowid, q.rowid""",
        {"p": predictor},
    ).filter(~untreated())
    if rows["synthetic"].any() and not rows["synthetic"].all():
        rows = rows.filter(~pl.col("synthetic"))
    order = {name: i for i, name in enumerate(PROTOCOLS)}
    rank = pl.col("protocol").replace_strict(order, default=len(order), return_dtype=pl.Int32)
    return rows.with_columns(rank.alias("rank")).sort("rank", "place", maintain_order=True)


def _judged(store: Store) -> dict[tuple[str, str], int]:
    """Patients of each cohort with a response who had ICB, scored or not."""
    people = store.sql("SELECT study, cohort, arm, drug_class FROM patient WHERE response IS NOT NULL").filter(
        ~untreated()
    )
    return {(study, cohort): n for study, cohort, n in people.group_by("study", "cohort").len().iter_rows()}


def _row(part: pl.DataFrame, *, probable: bool) -> dict[str, object]:
    """The measures of one cohort; nan where they do not exist."""
    response: Bools = part["response"].cast(pl.Boolean).to_numpy()
    found = curve(part["score"].to_numpy(), response)
    area = found.auc
    low, high = area.ci95 or (np.nan, np.nan)
    _, variance = delong(part["score"].to_numpy(), response) if 0 < found.responders < found.n else (0.0, np.nan)
    row: dict[str, object] = {
        "n": found.n, "responders": found.responders, "auc": area.effect, "variance": variance, "ci_low": low, "ci_high": high,
        "detail": f"{found.responders} responders",
    }  # fmt: skip
    if not probable or part["probability"].null_count() == part.height:
        return row
    judged = part.drop_nulls("probability")
    made = calibrate(judged["probability"].to_numpy(), judged["response"].cast(pl.Boolean).to_numpy())
    for name, finding in (("intercept", made.intercept), ("slope", made.slope)):
        row |= _with_interval(name, finding) | {f"{name}_se": _se(finding)}
    return (
        row
        | _with_interval("observed_expected", made.observed_expected)
        | {"brier": made.brier, "brier_null": made.brier_null}
    )


def _with_interval(name: str, finding: Finding) -> dict[str, object]:
    low, high = finding.ci95 or (np.nan, np.nan)
    return {name: finding.effect, f"{name}_low": low, f"{name}_high": high}


def _se(finding: Finding) -> float:
    """Standard error of a Wald finding, from the half-width of its interval."""
    low, high = finding.ci95 or (np.nan, np.nan)
    return (high - low) / (2 * Z95)


def _summary(rows: pl.DataFrame, protocol: str, measure: Measure) -> Summary:
    estimate = rows[measure].fill_null(np.nan).to_numpy()
    if measure == "auc":
        se = np.sqrt(rows["variance"].fill_null(np.nan).to_numpy())
    elif measure == "observed_expected":
        ends = [rows[f"{measure}_{end}"].fill_null(np.nan).to_numpy() for end in ("low", "high")]
        se = np.log(ends[1] / ends[0]) / (2 * Z95)
    else:
        se = rows[f"{measure}_se"].fill_null(np.nan).to_numpy()
    pooled, (value, low, high, ahead_low, ahead_high) = pool(estimate, se, measure=measure)
    used = pooled.weights > 0
    return Summary(
        protocol=protocol, measure=measure, estimate=value, ci95=(low, high), prediction_interval=(ahead_low, ahead_high),
        pooled=pooled, k=int(pooled.k), left_out=rows.height - int(pooled.k), n=int(rows["n"].to_numpy()[used].sum()),
    )  # fmt: skip


def _by_protocol(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    return [(str(p), part) for (p,), part in rows.group_by("protocol", maintain_order=True)]


def _apart(table: pl.DataFrame) -> list[str]:
    """Which cohorts stand outside the pool, a sentence a protocol."""
    notes = []
    for protocol, mine in _by_protocol(table.filter("apart")):
        cohorts = mine["cohort"].to_list()
        some = f"{', '.join(cohorts[:-1])} and {cohorts[-1]} seem" if len(cohorts) > 1 else f"{cohorts[0]} seems"
        name = PROTOCOL_LABELS.get(protocol, protocol)
        notes.append(
            f"Not pooled ({name}, marked *): {some} to share patients with the cohorts that trained it, so the figure there is not out-of-sample."
        )
    return notes


def _notes(label: str, summaries: list[Summary], *, trained: int) -> tuple[str, ...]:
    notes = []
    if trained:
        notes.append(f"{trained:,} patients trained {label}; their in-sample scores never enter.")
    if any(s.protocol == "out_of_fold" and s.measure == "slope" for s in summaries):
        notes.append(
            "Cross-fitted models are fitted within the cohort, so their mean matches its response rate by construction: no shift."
        )
    for s in summaries:
        if s.measure != "auc":
            continue
        name = PROTOCOL_LABELS.get(s.protocol, s.protocol)
        if s.left_out:
            one = s.left_out == 1
            notes.append(
                f"{name}: {s.left_out} cohort{'' if one else 's'} {'has' if one else 'have'} no standard error of the AUC and {'is' if one else 'are'} not pooled."
            )
        if s.k == 1:
            notes.append(f"{name}: one cohort only, so nothing is pooled.")
        elif 1 < s.k < 5:
            notes.append(f"{name}: with {s.k} cohorts the variance between cohorts is poorly known.")
    return tuple(notes)
